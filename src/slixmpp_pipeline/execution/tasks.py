"""Which task is running, and is it being cancelled?"""

from __future__ import annotations

import asyncio
import types
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Generator
from typing import Any


@types.coroutine
def own_task() -> Generator[None, None, None]:
    """Continue in the call's own task: `asyncio.current_task()` is the call then, and a timer can cancel it.

    For layers that promise `taskless`: they await this before they wait for anything. If the loop is running, the call
    continues at once; if it is off, when the loop starts. A call that has its own task already loses one turn of the
    loop.

    >>> import asyncio
    >>> from slixmpp_pipeline import own_task
    >>> class Pause:
    ...     taskless = True
    ...     async def __call__(self, call, call_next):
    ...         await own_task()
    ...         await asyncio.sleep(0.1)
    ...         return await call_next(call)
    """
    yield


def being_cancelled() -> bool:
    """Whether `cancel()` was called on the running task; False if no task is running.

    A `CancelledError` in a task that nobody cancelled is a failure, and becomes `CallAborted`.

    >>> import asyncio
    >>> async def main():
    ...     asyncio.current_task().cancel()
    ...     try:
    ...         await asyncio.sleep(0)
    ...     except asyncio.CancelledError:
    ...         return being_cancelled()
    >>> asyncio.run(main()), being_cancelled()
    (True, False)
    """
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return False
    return task is not None and task.cancelling() > 0


def is_here(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether `loop` is running in this thread."""
    return asyncio._get_running_loop() is loop  # documented for event loops, the cheapest there is


def hide_task() -> asyncio.Task[Any] | None:
    """Hide the running task of another loop, which a layer must not take for the call's own; None if there is none.

    `show_task` takes it back.
    """
    running = asyncio._get_running_loop()
    task = None if running is None else asyncio.current_task(running)
    if running is not None and task is not None:
        _leave_task(running, task)
    return task


def show_task(task: asyncio.Task[Any]) -> None:
    """Make `task`, which was hidden, the running one again."""
    _enter_task(task.get_loop(), task)
