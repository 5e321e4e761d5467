"""How does a chain run its first step without a task, and at which cost?

Most chains end in their first step, and a coroutine's `send()` raises StopIteration at its end. A stepper is one
generator that awaits chain after chain and yields their answers: half the cost of such a step
(benchmarks/cases/parts.py).
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

from slixmpp_pipeline.generations.writes import end_writes, wait_writes

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Generator

    from slixmpp_pipeline.call import Call
    from slixmpp_pipeline.generations.writes import Write


class Stepper:
    """Takes the first step of chains. If one suspends, the stepper continues with it; if one raises, it is at its end.

    `send(chain)` returns the chain's answer, or what it suspended on: `rest.gi_yieldfrom` is not None then.
    """

    __slots__ = ("_writes", "rest", "send")

    def __init__(self) -> None:
        self._writes: list[tuple[list[Write], Call]] = []
        self.rest: Any = _await_each(self._writes)
        self.send = self.rest.send
        self.send(None)

    def go_on(self, call: Call, writes: list[Write], loop: AbstractEventLoop) -> Any:
        """Return the rest of a chain that suspended, for a `SuspendedCall` on `loop`; `writes` end with it."""
        if writes:
            wait_writes(writes, call, loop)
            self._writes.append((writes, call))
        self.rest.__qualname__ = self.rest.gi_yieldfrom.__qualname__  # asyncio shows it in reports of a Task
        return self.rest


idle: list[Stepper] = []
"""Steppers that no call uses now. A first step inside another one needs a second stepper."""


@types.coroutine
def _await_each(written: list[tuple[list[Write], Call]]) -> Generator[Any, Any, None]:
    """Await the chains that are sent, and yield their answers, of which nothing is kept; then end `writes`, if any."""
    try:
        chain = yield
        while True:
            chain = yield (yield from chain)
    finally:
        for writes, call in written:
            end_writes(writes, call)
