"""What does a cache do with each call of an op?"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

from slixmpp import JID

from slixmpp_middleware.caching.copies import own_copy, stored_copy
from slixmpp_middleware.caching.keys import AnswerKey, answer_key
from slixmpp_middleware.caching.single_flight import Flight, NoOutcome, Outcome, SuspendedLeader
from slixmpp_middleware.caching.sizes import MAX_KEY, answer_bytes, key_bytes
from slixmpp_middleware.caching.store import Statistics, Store, StoredAnswer
from slixmpp_pipeline import Call, Event, Route, being_cancelled, own_task

if TYPE_CHECKING:
    from slixmpp_pipeline import CallNext

_HIT = Event("cache", {"verdict": "hit"})
_MISS = Event("cache", {"verdict": "miss"})
_JOINED = Event("cache", {"verdict": "joined"})
_PASS = Event("cache", {"verdict": "pass"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RouteCache:
    """`Caching` on one route: its settings, what is stored for the registry, and what is known of the op.

    `find` looks into the protected answers and `find_new` into those on probation; `negative_ttl` is the time for an
    answer of None.
    """

    route: Route
    store: Store
    statistics: Statistics
    find: Callable[[AnswerKey | None], StoredAnswer | None]
    find_new: Callable[[AnswerKey | None], StoredAnswer | None]
    op: tuple[str, str]
    ttl: float
    negative_ttl: float
    is_shared: bool
    vary_by: Callable[[Call], Hashable] | None
    clock: Callable[[], float]

    taskless: ClassVar[bool] = True

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Answer from memory, with the outcome of another call, or by asking."""
        while True:
            key = answer_key(call, self.op, self.is_shared, self.vary_by)
            stored = self.find(key) or self.find_new(key)
            if stored is not None and self._is_good(stored, call):
                try:  # noqa: SIM105  # suppress() is three calls
                    stored.use(key)
                except KeyError:  # another thread dropped or moved it meanwhile
                    pass
                self.statistics.hits += 1
                call.report(_HIT)
                return own_copy(stored.answer) if stored.can_change else stored.answer
            has_key = key is not None and key_bytes(key) <= MAX_KEY
            generations = self.route.generations(call) if has_key else None
            if key is None or generations is None:
                self.store.unkeyed[self.op] += not has_key
                return await self._pass(call, call_next)
            flight = self.store.flights.get(key)
            if flight is None or not flight.may_be_joined(generations):
                return await self._lead(call, call_next, Flight(self.store.flights, key, generations))
            await own_task()
            if not flight.may_be_joined(generations):  # any more, after a turn of the loop
                continue
            outcome = await flight.outcome()
            if outcome is NoOutcome.PROMOTED:
                return await self._lead(call, call_next, flight)
            if not isinstance(outcome, Outcome):
                return await self._pass(call, call_next)
            self.statistics.joined += 1
            call.report(_JOINED)
            try:
                return own_copy(outcome.shared())
            finally:
                del outcome  # else an error's traceback holds this frame, and this frame the error

    @property
    def remark(self) -> str:
        """What `api.explain()` shows: that a cache is here does not mean that calls are answered from it."""
        unkeyed = self.store.unkeyed[self.op]
        return f"passed {unkeyed} calls: what tells their answers apart may change, or is too long" if unkeyed else ""

    def _is_good(self, stored: StoredAnswer, call: Call) -> bool:
        """Whether nothing that the answer was read from has been written since, and it has not expired."""
        latest = self.route.latest_generation(call)
        if latest != stored.latest or latest is None:
            if self.route.generations(call) != stored.generations:
                return False
            stored.latest = latest
        return self.clock() < stored.deadline

    async def _pass(self, call: Call, call_next: CallNext) -> Any:
        """Ask for this call alone, and store nothing."""
        self.statistics.passed += 1
        call.report(_PASS)
        return await call_next(call)

    async def _lead(self, call: Call, call_next: CallNext, flight: Flight) -> Any:
        """Ask, and let others wait for the outcome if it takes time."""
        self.statistics.misses += 1
        call.report(_MISS)
        asked, already_reached = self.clock(), len(call.reached)
        outcome: Outcome | NoOutcome = NoOutcome.PROMOTED
        has_task = False  # the running task is that of a caller, and whether that is being cancelled does not matter
        leader, token = flight.lead()
        try:
            inside = call_next(call)
            try:
                waits_for = inside.send(None)
            except StopIteration as stop:
                answer = stop.value
            else:
                flight.open()
                rest = SuspendedLeader(inside, waits_for, leader)
                has_task = True
                await rest.ensure_task()
                answer = await rest
            is_own = has_task and being_cancelled()  # what a call makes of being cancelled is for its caller alone
            outcome = NoOutcome.PROMOTED if is_own else self._keep(call, flight, answer, asked, already_reached)
            return answer
        except Exception as error:
            outcome = Outcome(error=error, traceback=error.__traceback__)
            raise
        finally:
            flight.leave(token)
            if outcome is not NoOutcome.PROMOTED and not (has_task and being_cancelled()):
                flight.end(outcome)
            elif flight.leader is leader:
                flight.promote()
            del outcome  # else an error's traceback holds this frame, and this frame the error

    def _keep(self, call: Call, flight: Flight, answer: Any, asked: float, already_reached: int) -> Outcome | NoOutcome:
        """Store a copy of the answer, unless it answers another question or is old by now; return what waiters hear."""
        key = cast("AnswerKey", flight.key)
        try:
            if not self._was_asked(call, key, already_reached):
                return NoOutcome.NOT_SHARED
            copied = stored_copy(answer)
        except Exception:  # noqa: BLE001  # copying a stanza may raise anything, and the call was answered
            return NoOutcome.NOT_SHARED
        size = answer_bytes(copied)
        latest = self.route.latest_generation(call)  # before the generations: another thread may write in between
        if size * 100 <= self.store.max_bytes and self.route.generations(call) == flight.generations:
            ttl = self.negative_ttl if answer is None else self.ttl
            stored = StoredAnswer(
                copied, copied is not answer, flight.generations, asked + ttl, ttl, latest, size, self.store.promote
            )
            self.store.keep(key, stored, self.clock())
        return Outcome(copied, None, None, size)

    def _was_asked(self, call: Call, key: AnswerKey, already_reached: int) -> bool:
        """Whether each call that reached the handler is the one that was asked, and still has the same key.

        A layer may replace a call, or make several of it; and a handler that waits may change a JID.
        """
        since = call.reached[already_reached:]
        if not since or not self._is_still(call, key):
            return False
        ifrom = call.ifrom.full if isinstance(call.ifrom, JID) else call.ifrom
        asked = key[1], call.node, ifrom
        for one in since:  # mostly one, and all() would make a generator
            is_same = one[:3] == asked and one.args is call.args
            if not is_same and self._key(call.replace(**one._asdict())) != key:
                return False
        return True

    def _is_still(self, call: Call, key: AnswerKey) -> bool:
        """Whether `call`, which had the key, still has it: mostly its JIDs are all that can change."""
        if self.vary_by is not None or call.args is not None or type(call.node) is not str:
            return self._key(call) == key
        ifrom = call.ifrom.full if isinstance(call.ifrom, JID) else call.ifrom
        return call.jid.full == key[1] and (self.is_shared or ifrom == key[3])

    def _key(self, call: Call) -> AnswerKey | None:
        return answer_key(call, self.op, self.is_shared, self.vary_by)
