"""Calls that would ask the same at once wait for one of them (single flight)."""

from __future__ import annotations

import asyncio
from asyncio import CancelledError
from collections import OrderedDict
from collections.abc import Hashable
from contextlib import suppress
from contextvars import ContextVar, Token
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, NamedTuple

from slixmpp_pipeline import Begun, being_cancelled

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType

    from slixmpp_pipeline import Call

_inside: ContextVar[Flight | None] = ContextVar("slixmpp_middleware.caching.inside", default=None)


class Turn(Enum):
    """What somebody who waits has to do when there is nothing to share."""

    LEAD = auto()  # who led was cancelled
    ASK = auto()  # the answer was for one call only, and so will be the next


class Outcome(NamedTuple):
    """How a flight ended: with an answer that may be copied, or with an error."""

    answer: Any = None
    error: Exception | None = None
    traceback: TracebackType | None = None

    def shared(self) -> Any:
        """Return the answer, or raise the error."""
        answer, error, traceback = self
        if error is None:
            return answer
        try:
            raise error.with_traceback(traceback)
        finally:
            del self, error, traceback  # else the traceback holds this frame, and this frame the error


class Flight:
    """A call on its way for others that would ask the same; one of them leads."""

    __slots__ = (
        "flights",
        "generations",
        "has_ended",
        "has_taken_off",
        "key",
        "leader",
        "loop",
        "parent",
        "waiters",
        "waits_for",
    )

    def __init__(self, flights: dict[Hashable, Flight], key: Hashable, generations: tuple[int, ...]) -> None:
        self.flights = flights
        self.key = key
        self.generations = generations
        self.loop = asyncio._get_running_loop()
        self.leader: Call | None = None
        self.waiters: OrderedDict[asyncio.Future[Outcome | Turn], None] = OrderedDict()
        self.parent = next(iter(_line()), None)
        self.waits_for: list[Flight] = []  # those that calls inside this one have joined
        self.has_taken_off = self.has_ended = False

    def lead(self, call: Call) -> Token[Flight | None]:
        """Let `call` ask, and make the calls that follow part of this; give what this returns to `leave`."""
        self.leader = call
        return _inside.set(self)

    def leave(self, token: Token[Flight | None]) -> None:
        """Make the calls that follow no part of this."""
        with suppress(ValueError):  # another context, if nobody finishes the coroutine but the garbage collector
            _inside.reset(token)

    def take_off(self) -> None:
        """Let others join, unless no loop runs on which they could wait. Once: a newer flight may have come since."""
        if self.loop is not None and not self.has_taken_off:
            self.has_taken_off = True
            self.flights[self.key] = self

    def may_be_joined(self, generations: tuple[int, ...]) -> bool:
        """Whether to wait for this: it asks for what is now, on the loop that runs here, and does not wait for us."""
        if self.has_ended or self.generations != generations:
            return False
        return self.loop is asyncio._get_running_loop() is not None and not self._waits_for(set(_line()))

    def _waits_for(self, others: set[Flight]) -> bool:
        """Whether this cannot end before one of `others` does: waits that go round go on for ever."""
        reached, to_see = {self}, [self]
        while others and to_see:
            new = set(to_see.pop().waits_for) - reached
            reached |= new
            to_see += new
        return not others.isdisjoint(reached)

    async def outcome(self) -> Outcome | Turn:
        """Wait for the end, or for one's turn; whoever stops waiting harms nobody: each has a future of its own."""
        waiter: asyncio.Future[Outcome | Turn] = asyncio.get_running_loop().create_future()
        self.waiters[waiter] = None
        waiting = _line()
        for flight in waiting:
            flight.waits_for.append(self)
        try:
            return await waiter
        except CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.result() is Turn.LEAD:
                self.pass_on()
            raise
        finally:
            self.waiters.pop(waiter, None)
            for flight in waiting:
                flight.waits_for.remove(self)

    def pass_on(self) -> None:
        """Let the first who waits lead; end if there is none."""
        self.leader = None
        while self.waiters and not self._is_stranded():
            waiter, _ = self.waiters.popitem(last=False)
            if not waiter.done():
                waiter.set_result(Turn.LEAD)
                return
        self.end(Turn.ASK)

    def end(self, outcome: Outcome | Turn) -> None:
        """Tell all who wait."""
        self.has_ended = True
        if self.flights.get(self.key) is self:
            del self.flights[self.key]
        waiters, self.waiters = self.waiters, OrderedDict()
        for waiter in () if self._is_stranded() else waiters:
            if not waiter.done():
                waiter.set_result(outcome)

    def _is_stranded(self) -> bool:
        """Whether the loop was closed: nobody who waits will ever hear."""
        return self.loop is not None and self.loop.is_closed()


class Leading(Begun):
    """A call that leads a flight, until it is cancelled: what it makes of that is no matter to others."""

    __slots__ = ("_call", "_flight")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], waits_for: Any, call: Call, flight: Flight) -> None:
        super().__init__(coroutine, waits_for)
        self._call = call
        self._flight = flight

    def throw(self, error: Any, /, *_: Any) -> Any:
        """Raise `error` where the call stands; let another lead if it is cancelled, and not by a timeout inside."""
        try:
            return super().throw(error)
        finally:
            if self._flight.leader is self._call and being_cancelled():
                self._flight.pass_on()


def _line() -> list[Flight]:
    """Return the flights that this code is part of, innermost first."""
    line: list[Flight] = []
    flight = _inside.get()
    while flight is not None:
        line.append(flight)
        while flight.parent is not None and flight.parent.has_ended:
            flight.parent = flight.parent.parent  # else handlers that go on starting each other would keep them all
        flight = flight.parent
    return line
