"""Calls that would ask the same at once wait for one of them (single flight)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from types import TracebackType

_inside: ContextVar[Flight | None] = ContextVar("slixmpp_middleware.flights.inside", default=None)


class Outcome(NamedTuple):
    """How a flight ended: with an answer that may be copied, an error, or with nothing that others can use."""

    answer: Any = None
    error: Exception | None = None
    traceback: TracebackType | None = None
    is_usable: bool = True


NOTHING = Outcome(is_usable=False)
"""What others hear of a cancellation, and of an answer that is for one call only: one of them asks in its place."""


@dataclass(slots=True, eq=False)
class Flight:
    """A call on its way for others that would ask the same."""

    generations: tuple[int, ...]
    loop: asyncio.AbstractEventLoop | None = field(default_factory=asyncio._get_running_loop)
    waiters: list[asyncio.Future[Outcome]] = field(default_factory=list)
    has_ended: bool = False

    def may_be_joined(self, generations: tuple[int, ...]) -> bool:
        """Whether to wait for this: it asks for what is now, on the loop that runs here.

        Whoever is inside a flight waits for none: two that wait for each other would do so for ever.
        """
        inside = _inside.get()
        is_inside = inside is not None and not inside.has_ended
        here = asyncio._get_running_loop()
        return self.generations == generations and self.loop is here is not None and not is_inside

    def enter(self) -> Token[Flight | None]:
        """Make the calls that follow part of this; give what this returns to `leave`."""
        return _inside.set(self)

    def leave(self, token: Token[Flight | None]) -> None:
        """End, for those inside."""
        self.has_ended = True
        with suppress(ValueError):  # another context, if nobody finishes the coroutine but the garbage collector
            _inside.reset(token)

    async def outcome(self) -> Outcome:
        """Wait for the end; whoever stops waiting harms nobody, since each has a future of its own."""
        waiter: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.waiters.append(waiter)
        return await waiter

    def end(self, outcome: Outcome) -> None:
        """Tell all who wait."""
        self.has_ended = True
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(outcome)
