"""Most chains end in their first step, and `send()` would raise StopIteration at the end of each.

One generator awaits chain after chain instead, and hands out their answers: half the price of such a step
(benchmarks/parts_benchmark.py).
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

from slixmpp_pipeline.writes import end_waiting_writes, wait_writes

if TYPE_CHECKING:
    from collections.abc import Generator

    from slixmpp_pipeline.writes import Writes


class Stepper:
    """Takes first steps, until a chain suspends or raises: then it goes on with that one, or is at its end.

    `send` with a chain returns its answer, or what it suspended on: then `rest.gi_yieldfrom` is not None.
    """

    __slots__ = ("_last", "rest", "send")

    def __init__(self) -> None:
        self._last: list[Writes] = []
        self.rest: Any = _await_each(self._last)
        self.send = self.rest.send
        self.send(None)

    def go_on(self, writes: Writes) -> Any:
        """Return the rest of what suspended, as a coroutine; `writes` end with it."""
        wait_writes(writes)
        self._last.append(writes)
        return self.rest


idle: list[Stepper] = []
"""Those that do nothing now: a first step inside another one needs a second stepper."""


@types.coroutine
def _await_each(last: list[Writes]) -> Generator[Any, Any, Any]:
    """Await the chains that are sent, and yield their answers; the one under way is the last if `last` is filled."""
    answer = None
    try:
        while not last:
            answer = yield from (yield answer)
    finally:
        for writes in last:
            end_waiting_writes(writes)
    return answer
