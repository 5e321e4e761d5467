"""What a cache does with each call of an op."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from slixmpp_middleware.caching.copies import kept_copy, own_copy
from slixmpp_middleware.caching.flights import NOTHING, Flight, Outcome
from slixmpp_middleware.caching.kept import Kept, Store, still
from slixmpp_pipeline import Begun, being_cancelled, own_task

if TYPE_CHECKING:
    from slixmpp_middleware.caching.layer import Caching
    from slixmpp_pipeline import Call, CallNext, Route

_Key: TypeAlias = tuple[str, str, str, str | None, Hashable]
"""What tells an answer from others: op, JID, node, requester, and what else it depends on."""


class CachedRoute:
    """`Caching` on one route: settings and what is kept for its registry, and what can be known of the op is known."""

    __slots__ = ("depends", "name", "route", "settings", "store")

    taskless: ClassVar[bool] = True

    def __init__(self, settings: Caching, route: Route, store: Store) -> None:
        self.settings = settings
        self.route = route
        self.store = store
        self.name = f"{route.ctype} {route.op}"
        self.depends = _depends(settings, route)

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Answer from memory, from somebody else's call, or by asking."""
        while True:
            generations = self.route.generations(call)
            known = None if generations is None else self._known(call)
            if generations is None or known is None:
                call.notes["cache"] = "pass"
                return await call_next(call)
            key, kept, flight = known
            if kept is not None and kept.generations == generations and self.settings.clock() < kept.deadline:
                self.store.hits += 1
                call.notes["cache"] = "hit"
                return own_copy(kept.answer)
            if flight is None or not flight.may_be_joined(generations):
                return await self._ask(call, call_next, key, generations)
            await own_task()
            if flight.has_ended:
                continue
            outcome = await flight.outcome()
            if outcome.is_usable:
                call.notes["cache"] = "joined"
                if outcome.error is not None:
                    raise outcome.error.with_traceback(outcome.traceback)
                return own_copy(outcome.answer)

    def _known(self, call: Call) -> tuple[_Key, Kept | None, Flight | None] | None:
        """Return what tells this call's answer from others, and what there is of it; None if that cannot be told."""
        store = self.store
        try:
            ifrom = None if self.settings.shared or call.ifrom is None else str(call.ifrom)
            key = (self.name, call.jid.full, call.node, ifrom, still(self.depends(call)))
            return key, store.answers[key], store.flights.get(key)
        except Exception:  # noqa: BLE001  # args are an application's; they may refuse to be hashed, or to be compared
            return None

    async def _ask(self, call: Call, call_next: CallNext, key: _Key, generations: tuple[int, ...]) -> Any:
        """Ask, for others that would ask the same, too, if it takes time."""
        self.store.misses += 1
        call.notes["cache"] = "miss"
        flight = Flight(generations)
        token = flight.enter()
        try:
            inside = call_next(call)
            try:
                waits_for = inside.send(None)
            except StopIteration as stop:
                answer = stop.value
                self._keep(call, key, generations, answer)
                return answer
            return await self._fly(call, Begun(inside, waits_for), key, flight)
        finally:
            flight.leave(token)

    async def _fly(self, call: Call, rest: Begun, key: _Key, flight: Flight) -> Any:
        outcome = NOTHING
        if flight.loop is not None:
            self.store.flights[key] = flight
        try:
            await rest.own_task()
            answer = await rest
            kept = self._keep(call, key, flight.generations, answer)
            outcome = NOTHING if being_cancelled() else kept
        except Exception as error:
            if not being_cancelled():  # else it may be what the handler made of the cancellation
                outcome = Outcome(error=error, traceback=error.__traceback__)
            raise
        finally:
            if self.store.flights.get(key) is flight:
                del self.store.flights[key]
            flight.end(outcome)
            del flight, outcome  # else an error's traceback holds this frame, and this frame the error
        return answer

    def _keep(self, call: Call, key: _Key, generations: tuple[int, ...], answer: Any) -> Outcome:
        """Keep a copy of the answer, unless it is to another question, or old by now; return it for those who wait."""
        settings = self.settings
        if being_cancelled() or not _was_asked(call, key):
            return NOTHING
        try:
            kept = kept_copy(answer)
        except Exception:  # noqa: BLE001  # a stanza may be copied in any way, and the call was answered
            return NOTHING
        if self.route.generations(call) == generations:
            ttl = settings.ttl if answer is not None or settings.negative_ttl is None else settings.negative_ttl
            self.store.answers[key] = Kept(kept, generations, settings.clock() + ttl)
        return Outcome(kept)


def _was_asked(call: Call, key: _Key) -> bool:
    """Whether what reached the handler is what was asked; arguments are compared as objects."""
    reached = call.reached
    return reached is not None and reached[:3] == (*key[1:3], call.ifrom) and reached[3] is call.args


def _depends(settings: Caching, route: Route) -> Callable[[Call], Hashable]:
    """Return what gives what an answer depends on besides op, JID, node and requester."""
    if settings.key is not None:
        return settings.key
    if route.entry is not None and route.entry.answers is not None:
        return route.entry.answers
    return attrgetter("args")
