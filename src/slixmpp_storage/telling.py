"""How does a thread tell a loop that something is done? In the order in which it was done, and 200 a turn."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

if TYPE_CHECKING:
    import asyncio

_A_TURN: Final = 200  # ends; a batch of 2,000 at once would hold the loop for some milliseconds
_T = TypeVar("_T")

End: TypeAlias = Callable[[], object]
"""What is called on a loop when something is done."""


class Telling:
    """Calls ends on their loops: those of a loop in the order given, and not too many a turn.

    A loop that is stopped is told when it runs again. Nobody is told on a loop that is closed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[asyncio.AbstractEventLoop, deque[End]] = {}  # where a turn is scheduled

    def tell(self, ends: Iterable[tuple[asyncio.AbstractEventLoop, End]]) -> None:
        """Have ends called, each on its loop, after those that were given before. From any thread."""
        by_loop: defaultdict[asyncio.AbstractEventLoop, deque[End]] = defaultdict(deque)
        for loop, end in ends:
            by_loop[loop].append(end)
        for loop, those in by_loop.items():
            self._tell(loop, those)

    def _tell(self, loop: asyncio.AbstractEventLoop, ends: deque[End]) -> None:
        with self._lock:
            waiting = self._waiting.get(loop)
            if waiting is not None and not loop.is_closed():
                waiting.extend(ends)
                return
            self._waiting[loop] = ends
            try:
                loop.call_soon_threadsafe(self._turn, loop)
            except RuntimeError:  # it is closed
                del self._waiting[loop]

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            waiting = self._waiting[loop]
            ends = [waiting.popleft() for _ in range(min(_A_TURN, len(waiting)))]
            if waiting:
                loop.call_soon(self._turn, loop)
            else:
                del self._waiting[loop]
        for end in ends:
            try:
                end()
            except Exception as error:  # noqa: BLE001  # whatever it is, the next one is told
                loop.call_exception_handler({"message": "what a storage tells its client failed", "exception": error})


def finish(future: asyncio.Future[_T], value: _T) -> None:
    """End a future with a value, unless its caller has cancelled it."""
    if not future.done():
        future.set_result(value)


def fail(future: asyncio.Future[_T], error: Exception) -> None:
    """End a future with an error, unless its caller has cancelled it."""
    if not future.done():
        future.set_exception(error)
        future.exception()  # else asyncio logs it if the caller has thrown the future away
