"""Which calls are under way? They are held strongly here, since a loop holds its tasks weakly."""

from __future__ import annotations

import asyncio
from typing import Any


class PendingCalls:
    """The tasks of calls that have suspended, until they end."""

    __slots__ = ("_tasks",)

    def __init__(self) -> None:
        self._tasks: set[asyncio.Future[Any]] = set()

    def __len__(self) -> int:
        return len(self.under_way())

    def hold(self, task: asyncio.Future[Any]) -> None:
        """Keep `task` until it ends."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self, timeout: float | None, loop: asyncio.AbstractEventLoop) -> int:  # noqa: ASYNC109  it cancels nothing
        """Wait until no call of `loop` is left, those that begin meanwhile included; return how many are left.

        `timeout` in seconds, None for ever. The running task is not waited for, and no call is cancelled. TypeError for
        a `timeout` that is no number, ValueError for a negative one; RuntimeError on another loop.
        """
        if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, int | float)):
            raise TypeError(f"timeout: {timeout!r} is {type(timeout).__name__}; a number of seconds or None is allowed")
        if timeout is not None and not timeout >= 0:
            raise ValueError(f"timeout: {timeout!r} is negative; seconds from 0 up, or None to wait for ever")
        if asyncio.get_running_loop() is not loop:
            raise RuntimeError("drain(): this is not the client's loop, on which its calls end")
        deadline = None if timeout is None else loop.time() + timeout
        me = asyncio.current_task()
        while others := self.under_way() - {me}:
            left = None if deadline is None else deadline - loop.time()
            if left is not None and left <= 0:
                return len(others)
            await asyncio.wait(others, timeout=left)
        return 0

    def under_way(self) -> set[asyncio.Future[Any]]:
        """Return the calls that have suspended and not ended."""
        held = self._tasks.copy()  # in one step: another thread may ask while calls begin and end
        lost = {task for task in held if task.get_loop().is_closed()}  # they never end
        self._tasks -= lost
        return {task for task in held - lost if not task.done()}
