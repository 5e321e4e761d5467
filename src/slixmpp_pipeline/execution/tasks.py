"""Which task runs, and is it being cancelled?"""

from __future__ import annotations

import asyncio
import types
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Generator, Iterator
from contextlib import contextmanager


@types.coroutine
def own_task() -> Generator[None, None, None]:
    """Go on in the call's own task, so that `asyncio.current_task()` means the call and a timer can cancel it.

    For layers that promise `taskless`: they await this before they wait for anything. With the loop running that
    happens at once; with the loop off the call goes on when the loop starts. In a task already, it costs one turn of
    the loop.

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
    """Whether somebody asked to cancel the task that runs; no if there is none.

    A `CancelledError` that comes out otherwise is a failure, and becomes `CallAborted`.

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
    """Whether `loop` is the one that runs in this thread."""
    return asyncio._get_running_loop() is loop  # documented for event loops, the cheapest there is


@contextmanager
def no_task() -> Iterator[None]:
    """Hide the task of another loop that runs here, which a layer must not take for its own."""
    running = asyncio._get_running_loop()
    task = None if running is None else asyncio.current_task(running)
    if running is None or task is None:
        yield
        return
    _leave_task(running, task)
    try:
        yield
    finally:
        _enter_task(running, task)
