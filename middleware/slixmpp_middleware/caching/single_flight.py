"""How does one call ask for all that ask the same at once? The others wait for it (single flight)."""

from __future__ import annotations

import asyncio
from asyncio import CancelledError
from collections import OrderedDict
from collections.abc import Hashable
from contextlib import suppress
from contextvars import Context, ContextVar, Token
from enum import Enum, auto
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from slixmpp_pipeline import Suspended, being_cancelled

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator, Iterator
    from types import TracebackType

# What the waiters that wake in one turn of the loop may copy, and how many they are at most.
_TURN_BYTES: Final = 65_536
_TURN_WAITERS: Final = 64

_inside: ContextVar[Leader | None] = ContextVar("slixmpp_middleware.caching.inside", default=None)


class NoOutcome(Enum):
    """Why a waiter hears no outcome, and so what it does."""

    PROMOTED = auto()  # the leader was cancelled: this waiter leads now
    NOT_SHARED = auto()  # the outcome was for one call only: every waiter asks by itself


class Outcome(NamedTuple):
    """How a flight ended: with an answer that may be copied, and takes `size` bytes; or with an error."""

    answer: Any = None
    error: Exception | None = None
    traceback: TracebackType | None = None
    size: int = 0

    def shared(self) -> Any:
        """Return the answer, or raise the error."""
        answer, error, traceback, _ = self
        if error is None:
            return answer
        try:
            raise error.with_traceback(traceback)
        finally:
            del self, error, traceback  # else the traceback holds this frame, and this frame the error


class Leader:
    """A call that leads a flight, as the calls that it makes see it; `outer` is the leader that it is inside of.

    Not a fact of the flight: its next leader may be inside other flights, and the one before may still be cleaning up.
    """

    __slots__ = ("flight", "outer")

    def __init__(self, flight: Flight, outer: Leader | None) -> None:
        self.flight = flight
        self.outer = outer


class Flight:
    """One call, the leader, that asks for all that ask the same, the waiters."""

    __slots__ = ("flights", "generations", "has_ended", "has_waited", "key", "leader", "loop", "waiters", "waits_for")

    def __init__(self, flights: dict[Hashable, Flight], key: Hashable, generations: tuple[int, ...]) -> None:
        self.flights = flights
        self.key = key
        self.generations = generations
        self.loop = asyncio._get_running_loop()
        self.leader: Leader | None = None
        self.waiters: OrderedDict[asyncio.Future[Outcome | NoOutcome], None] = OrderedDict()
        self.waits_for: list[Flight] = []  # the flights that calls inside this one have joined
        self.has_waited = self.has_ended = False

    def lead(self) -> tuple[Leader, Token[Leader | None]]:
        """Make the running call the leader, and the calls that it makes part of this flight until `leave(token)`."""
        self.leader = leader = Leader(self, next(iter(_leaders()), None))
        return leader, _inside.set(leader)

    def leave(self, token: Token[Leader | None]) -> None:
        """Make the calls that follow no part of this flight."""
        with suppress(ValueError):  # another context, if only the garbage collector ends the coroutine
            _inside.reset(token)

    def open(self) -> None:
        """Let others join, if a loop runs on which they can wait. Only once: there may be a newer flight by now."""
        if self.loop is not None and not self.has_waited:
            self.has_waited = True
            self.flights[self.key] = self

    def may_be_joined(self, generations: tuple[int, ...]) -> bool:
        """Whether a call may wait for this flight.

        It may if the flight (a) asks for the data of now, (b) is on the loop that runs here, and (c) does not wait for
        a flight that the call is part of.
        """
        if self.has_ended or self.generations != generations:
            return False
        return self.loop is asyncio._get_running_loop() is not None and not self._waits_for(set(_ancestors()))

    def _waits_for(self, others: set[Flight]) -> bool:
        """Whether this flight cannot end before one of `others`: flights that wait for each other never end."""
        reached, to_see = {self}, [self]
        while others and to_see:
            new = set(to_see.pop().waits_for) - reached
            reached |= new
            to_see += new
        return not others.isdisjoint(reached)

    async def outcome(self) -> Outcome | NoOutcome:
        """Wait for the outcome. Each waiter has a future of its own, so that one may stop without harm to others."""
        waiter: asyncio.Future[Outcome | NoOutcome] = asyncio.get_running_loop().create_future()
        self.waiters[waiter] = None
        waiting = _ancestors()
        for flight in waiting:
            flight.waits_for.append(self)
        try:
            return await waiter
        except CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.result() is NoOutcome.PROMOTED:
                self.promote()
            raise
        finally:
            self.waiters.pop(waiter, None)
            for flight in waiting:
                flight.waits_for.remove(self)

    def promote(self) -> None:
        """Make the first waiter the leader; end the flight if there is none."""
        self.leader = None
        while self.waiters and not self._has_lost_its_loop():
            waiter, _ = self.waiters.popitem(last=False)
            if not waiter.done():
                waiter.set_result(NoOutcome.PROMOTED)
                return
        self.end(NoOutcome.NOT_SHARED)

    def end(self, outcome: Outcome | NoOutcome) -> None:
        """Give `outcome` to all waiters, in the order in which they came."""
        self.has_ended = True
        self.leader = None
        if self.flights.get(self.key) is self:
            del self.flights[self.key]
        if not self.waiters:
            return
        waiters, self.waiters = self.waiters, OrderedDict()
        if not self._has_lost_its_loop():
            size = outcome.size if isinstance(outcome, Outcome) else 0
            self._wake(iter(waiters), outcome, max(1, _TURN_BYTES // max(size, _TURN_BYTES // _TURN_WAITERS)))

    def _wake(self, waiters: Iterator[asyncio.Future[Outcome | NoOutcome]], outcome: Any, at_once: int) -> None:
        """Wake `at_once` waiters, and the others in later turns of the loop: each makes a copy of the answer."""
        for waiter in islice(waiters, at_once):
            if not waiter.done():
                waiter.set_result(outcome)
        if (following := next(waiters, None)) is not None and self.loop is not None:
            # Without the context of the leader, which would live as long.
            self.loop.call_soon(self._wake, chain([following], waiters), outcome, at_once, context=Context())

    def _has_lost_its_loop(self) -> bool:
        """Whether the loop was closed: no waiter will ever run again."""
        return self.loop is not None and self.loop.is_closed()


class SuspendedLeader(Suspended):
    """The call that leads a flight. While it is being cancelled, the first waiter asks, too.

    Where only a timeout inside it cancels, the leader ends and is not being cancelled then: its outcome is for all.
    """

    __slots__ = ("_leader",)

    def __init__(self, coroutine: Coroutine[Any, Any, Any], waits_for: Any, leader: Leader) -> None:
        super().__init__(coroutine, waits_for)
        self._leader = leader

    def __await__(self) -> Generator[Any, Any, Any]:
        return self  # type: ignore[return-value]  # an iterator with send and throw is what await wants

    def throw(self, error: Any, /, *_: Any) -> Any:
        """Raise `error` in the call; promote a waiter if the call goes on to wait, and is being cancelled."""
        try:
            waits_for = super().throw(error)
        finally:
            del error  # else its traceback holds this frame, and this frame the error
        flight = self._leader.flight
        if flight.leader is self._leader and being_cancelled():
            flight.promote()
        return waits_for


def _ancestors() -> list[Flight]:
    """Return the flights under way that the running code is part of, innermost first."""
    return [leader.flight for leader in _leaders()]


def _leaders() -> list[Leader]:
    """Return the leaders that the running code is part of and whose flights are under way, innermost first."""
    leaders: list[Leader] = []
    leader = _under_way(_inside.get())
    while leader is not None:
        leaders.append(leader)
        outer = _under_way(leader.outer)
        leader.outer = outer  # else handlers that go on starting each other would keep all their flights
        leader = outer
    return leaders


def _under_way(leader: Leader | None) -> Leader | None:
    """Return the innermost leader, `leader` or one around it, whose flight has not ended."""
    while leader is not None and leader.flight.has_ended:
        leader = leader.outer
    return leader
