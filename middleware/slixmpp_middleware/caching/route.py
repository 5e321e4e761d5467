"""What a cache does with each call of an op."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, cast

from slixmpp import JID

from slixmpp_middleware.caching.copies import kept_copy, own_copy
from slixmpp_middleware.caching.keys import still
from slixmpp_middleware.caching.single_flight import Flight, Leading, Outcome, Turn
from slixmpp_middleware.caching.store import Kept, Store
from slixmpp_pipeline import own_task

if TYPE_CHECKING:
    from slixmpp_middleware.caching.layer import Caching
    from slixmpp_pipeline import Call, CallNext, Route

_Key: TypeAlias = tuple[str, str, str, str | None, Hashable]
"""What tells an answer from others: op, JID, node, requester, and what else it depends on."""


class CachedRoute:
    """`Caching` on one route: settings and what is kept for its registry, and what can be known of the op is known."""

    __slots__ = ("clock", "counts", "depends", "find", "is_shared", "name", "route", "settings", "store", "use")

    taskless: ClassVar[bool] = True

    def __init__(self, settings: Caching, route: Route, store: Store) -> None:
        self.settings = settings
        self.route = route
        self.store = store
        self.counts = store.counts
        self.find = store.answers.get
        self.use = store.answers.move_to_end
        self.clock = settings.clock
        self.is_shared = settings.shared
        self.name = f"{route.ctype} {route.op}"
        self.depends = _depends(settings, route)

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Answer from memory, from somebody else's call, or by asking."""
        while True:
            key = self._key(call)
            if (kept := self.find(key)) is not None and self._is_good(kept, call):
                try:  # noqa: SIM105  # suppress() is three calls
                    self.use(key)
                except KeyError:  # another thread dropped it meanwhile
                    pass
                self.counts.hits += 1
                call.notes["cache"] = "hit"
                return own_copy(kept.answer) if kept.can_change else kept.answer
            generations = self.route.generations(call)
            if key is None or generations is None:
                return await self._pass(call, call_next)
            flight = self.store.flights.get(key)
            if flight is None or not flight.may_be_joined(generations):
                return await self._lead(call, call_next, Flight(self.store.flights, key, generations))
            await own_task()
            if not flight.may_be_joined(generations):  # any more, after a turn of the loop
                continue
            outcome = await flight.outcome()
            if outcome is Turn.LEAD:
                return await self._lead(call, call_next, flight)
            if not isinstance(outcome, Outcome):
                return await self._pass(call, call_next)
            self.counts.joined += 1
            call.notes["cache"] = "joined"
            try:
                return own_copy(outcome.shared())
            finally:
                del outcome  # else an error's traceback holds this frame, and this frame the error

    def _is_good(self, kept: Kept, call: Call) -> bool:
        """Whether nothing of what an answer was read from has moved, and its time is not over."""
        last_move = self.route.last_move(call)
        if last_move != kept.last_move or last_move is None:
            if self.route.generations(call) != kept.generations:
                return False
            kept.last_move = last_move
        return self.clock() < kept.deadline

    def _key(self, call: Call) -> _Key | None:
        """Return what tells this call's answer from others; None if that cannot be told."""
        try:
            ifrom = None if call.ifrom is None or self.is_shared else _requester(call.ifrom)
            if (depends := call.args if self.depends is None else self.depends(call)) is not None:
                depends = still(depends)
        except Exception:  # noqa: BLE001  # args are an application's, and so may be what gives a key
            return None
        return self.name, call.jid.full, call.node, ifrom, depends

    async def _pass(self, call: Call, call_next: CallNext) -> Any:
        """Ask, for this call alone, and keep nothing."""
        self.counts.passed += 1
        call.notes["cache"] = "pass"
        return await call_next(call)

    async def _lead(self, call: Call, call_next: CallNext, flight: Flight) -> Any:
        """Ask, for others that would ask the same, too, if it takes time."""
        self.counts.misses += 1
        call.notes["cache"] = "miss"
        already_reached = len(call.reached)
        outcome: Outcome | Turn = Turn.LEAD
        token = flight.lead(call)
        try:
            inside = call_next(call)
            try:
                waits_for = inside.send(None)
            except StopIteration as stop:
                answer = stop.value
            else:
                flight.take_off()
                rest = Leading(inside, waits_for, call, flight)
                await rest.own_task()
                answer = await rest
            outcome = self._keep(call, flight, answer, already_reached)
            return answer
        except Exception as error:
            outcome = Outcome(error=error, traceback=error.__traceback__)
            raise
        finally:
            flight.leave(token)
            if flight.leader is call:
                flight.pass_on() if outcome is Turn.LEAD else flight.end(outcome)
            del outcome  # else an error's traceback holds this frame, and this frame the error

    def _keep(self, call: Call, flight: Flight, answer: Any, already_reached: int) -> Outcome | Turn:
        """Keep a copy of the answer, unless it is to another question, or old by now; return what others hear."""
        settings, key = self.settings, cast("_Key", flight.key)
        try:
            # Who leads no more was cancelled, and this is what it made of that.
            if flight.leader is not call or not self._was_asked(call, key, already_reached):
                return Turn.ASK
            kept = kept_copy(answer)
        except Exception:  # noqa: BLE001  # a stanza may be copied in any way, and the call was answered
            return Turn.ASK
        last_move = self.route.last_move(call)  # before the look at what has moved: another thread may write between
        if self.route.generations(call) == flight.generations:
            ttl = settings.ttl if answer is not None or settings.negative_ttl is None else settings.negative_ttl
            self.store.keep(key, Kept(kept, flight.generations, self.clock() + ttl, last_move))
        return Outcome(kept)

    def _was_asked(self, call: Call, key: _Key, already_reached: int) -> bool:
        """Whether what reached the handler is what was asked, each time, and still is.

        A layer may replace a call, or make several of it; and a JID may be changed under a handler that waits.
        """
        since = call.reached[already_reached:]
        if not since or self._key(call) != key:
            return False
        ifrom = call.ifrom.full if isinstance(call.ifrom, JID) else call.ifrom
        asked = call.jid.full, call.node, ifrom
        return all(
            (one[:3] == asked and one.args is call.args) or self._key(call.replace(**one._asdict())) == key
            for one in since
        )


def _requester(ifrom: Any) -> str:
    """Return the text of who asks; TypeError for what may print as somebody else does."""
    if isinstance(ifrom, JID):
        return ifrom.full
    if type(ifrom) is str:
        return ifrom
    raise TypeError(f"ifrom: {type(ifrom).__name__} is not allowed; a JID, a string or None is")


def _depends(settings: Caching, route: Route) -> Callable[[Call], Hashable] | None:
    """Return what gives what an answer depends on besides op, JID, node and requester; None for the args."""
    if settings.key is not None or route.entry is None:
        return settings.key
    return route.entry.answers
