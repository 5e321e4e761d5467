"""How does a Task take its first step at once, on every Python?"""

from __future__ import annotations

import asyncio
import sys
from asyncio import CancelledError, Future, Task
from asyncio.tasks import _enter_task, _leave_task
from typing import TYPE_CHECKING, Any

from slixmpp_pipeline.execution.suspended import give_back, rest_of, taken, thrown_into

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator
    from contextvars import Context

Loop = asyncio.AbstractEventLoop

if sys.version_info >= (3, 12):

    def start_task(loop: Loop, chain: Coroutine[Any, Any, Any], name: str, context: Context) -> Future[Any]:
        """Take the next step of `chain` now, as a Task; `chain` may have begun before, without one."""
        return Task(chain, loop=loop, name=name, context=context, eager_start=True)

else:  # Python 3.11

    def start_task(loop: Loop, chain: Coroutine[Any, Any, Any], name: str, context: Context) -> Future[Any]:
        """Take the next step of `chain` now, as a Task; `chain` may have begun before, without one.

        Python 3.11 has no eager tasks. The Task is made before the first step, which then runs while that Task is the
        loop's current one; the standard library documents the functions for this. If the chain ends in that step, the
        answer is a finished future, and the Task has nothing left to do.
        """
        first: list[Any] = []
        rest: Any = _after(first)
        rest.send(None)
        task = Task(rest, loop=loop, name=name, context=context)
        caller = asyncio.current_task(loop)
        if caller is not None:
            _leave_task(loop, caller)
        _enter_task(loop, task)
        try:
            waits_for = context.run(chain.send, None)
            first += chain, waits_for, taken(waits_for)
            name_of_chain = getattr(chain, "__qualname__", type(chain).__qualname__)
            rest.__name__ = rest.__qualname__ = name_of_chain  # asyncio shows it in reports of a Task
        except BaseException as error:  # noqa: BLE001  # it leaves through the future, as from any Task
            first += None, getattr(error, "value", None), False
            return _ended(loop, task, error)
        finally:
            _leave_task(loop, task)
            if caller is not None:
                _enter_task(loop, caller)
            del caller  # else a failure's traceback holds the caller's task
        del waits_for
        return task

    def _after(first: list[Any]) -> Generator[Any, Any, Any]:
        """Continue after the first step, which leaves in `first` a chain and what it suspended on; or None, an answer.

        The Task is made before that step, over this generator; one that has begun is told of a cancellation that comes
        before the second.
        """
        thrown: BaseException | None = None
        try:
            yield
        except BaseException as error:  # noqa: BLE001  # it is raised in the chain
            thrown = error
        coroutine, waits_for, is_future = first
        first.clear()
        if coroutine is None:
            return waits_for
        if is_future:
            give_back(waits_for)
        try:
            rest = rest_of(coroutine, waits_for) if thrown is None else thrown_into(coroutine, waits_for, thrown)
        finally:
            del thrown, waits_for  # which may hold an error, whose traceback holds this frame
        return (yield from rest)

    class CallFuture(Future[Any]):
        """A finished call; asyncio shows its name if its failure is never retrieved."""

        name = ""

        def __repr__(self) -> str:
            return f"<CallFuture {self.name!r} {super().__repr__()}>"

    def _ended(loop: Loop, task: Task[Any], error: BaseException) -> Future[Any]:
        if isinstance(error, KeyboardInterrupt | SystemExit):  # these end the program, not the call
            raise error
        future = CallFuture(loop=loop)
        future.name = task.get_name()
        if isinstance(error, CancelledError):
            future.cancel()
        elif not isinstance(error, StopIteration):
            future.set_exception(error)
        elif task.cancelling():
            future.cancel()
        else:
            future.set_result(error.value)
        return future
