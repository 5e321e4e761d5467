"""The calls under way are held strongly, since asyncio's loop holds its tasks weakly."""

from __future__ import annotations

import asyncio
from typing import Any


class InFlight:
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

    async def drain(self, timeout: float | None) -> int:  # noqa: ASYNC109  nothing is cancelled when it has passed
        """Wait until no call is left, those that begin meanwhile included; `timeout` in seconds, None for ever.

        The task that asks is not waited for. Returns how many calls are left; none is cancelled.
        """
        clock = asyncio.get_running_loop().time
        deadline = None if timeout is None else clock() + timeout
        me = asyncio.current_task()
        while others := self.under_way() - {me}:
            left = None if deadline is None else deadline - clock()
            if left is not None and left <= 0:
                return len(others)
            await asyncio.wait(others, timeout=left)
        return 0

    def under_way(self) -> set[asyncio.Future[Any]]:
        """Return the calls that have suspended and not ended."""
        lost = {task for task in self._tasks if task.get_loop().is_closed()}  # these will never end
        self._tasks -= lost
        return {task for task in self._tasks if not task.done()}
