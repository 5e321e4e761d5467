"""Most chains end in their first step, and `send()` would raise StopIteration at the end of each.

One generator awaits chain after chain instead, and hands out their answers: half the price of such a step
(benchmarks/parts_benchmark.py).
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

from slixmpp_pipeline.generations.writes import end_waiting_writes, wait_writes

if TYPE_CHECKING:
    from collections.abc import Generator

    from slixmpp_pipeline.generations.writes import Writes


class Stepper:
    """Takes first steps, until a chain suspends or raises: then it goes on with that one, or is at its end.

    `send` with a chain returns its answer, or what it suspended on: then `rest.gi_yieldfrom` is not None.
    """

    __slots__ = ("_writes", "rest", "send")

    def __init__(self) -> None:
        self._writes: list[Writes] = []
        self.rest: Any = _await_each(self._writes)
        self.send = self.rest.send
        self.send(None)

    def go_on(self, writes: Writes) -> Any:
        """Return the rest of what suspended, for `Adopted`; `writes` end with it."""
        wait_writes(writes)
        self._writes.append(writes)
        self.rest.__qualname__ = self.rest.gi_yieldfrom.__qualname__  # for asyncio's reports of a Task
        return self.rest


idle: list[Stepper] = []
"""Those that do nothing now: a first step inside another one needs a second stepper."""


@types.coroutine
def _await_each(writes: list[Writes]) -> Generator[Any, Any, None]:
    """Await the chains that are sent, and yield their answers, of which nothing is kept; then end `writes`, if any."""
    try:
        chain = yield
        while True:
            chain = yield (yield from chain)
    finally:
        for of_a_call in writes:
            end_waiting_writes(of_a_call)
