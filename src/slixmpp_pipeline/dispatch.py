"""When does a call act, as which task, and how does its outcome leave `run()`?

The execution rules (docs/explanation/execution.md gives the reasons):

1. If nothing suspends, the handler has acted and the future is done when `run()` returns.
2. `run()` returns a future of the client's loop. An error is raised by `run()` itself if a plain function (or nothing)
   is registered and nothing suspended; otherwise it comes through the future.
3. Layers and coroutine handlers run in the call's own task, never in the caller's.
4. A `CancelledError` that nobody asked for becomes `CallAborted` (see `execution.outcome`).

A call begins in one of three ways:

- Directly: no layers and a plain function. `PipelineRegistry.run` calls it, and there is no coroutine at all.
- Stepped: a plain function behind layers that need no task, or behind any layers while the loop is off. The first step
  of the chain runs in a context of its own (see `execution.stepper`); if it suspends, the rest becomes a Task. A Task
  costs 5 to 9 microseconds on CPython 3.11, and while the loop is off it would act too late.
- In a task: everything else. The task begins at once if the loop is running, and with the loop if it is off. Where a
  cache may answer in the place of a coroutine handler, and no layer needs a task, it begins where the handler does.
"""

from __future__ import annotations

import asyncio
from asyncio import CancelledError, Future, Task
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

from slixmpp_pipeline.call import is_deferred
from slixmpp_pipeline.errors import CallAborted, CallRefused
from slixmpp_pipeline.execution.eager import start_task
from slixmpp_pipeline.execution.outcome import discard, finish_call, is_answered
from slixmpp_pipeline.execution.stepper import Stepper, idle
from slixmpp_pipeline.execution.suspended import Suspended, continued_call, continued_with_loop
from slixmpp_pipeline.execution.tasks import hide_task, is_here, show_task
from slixmpp_pipeline.generations.writes import begin_writes, end_writes

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from slixmpp_pipeline.call import Call
    from slixmpp_pipeline.execution.pending import PendingCalls
    from slixmpp_pipeline.generations.writes import Write
    from slixmpp_pipeline.routing.chain import Chain

Loop = asyncio.AbstractEventLoop


# One function: a step in a function of its own takes 3 % more instructions.
def begin(loop: Loop, chain: Chain, call: Call, pending: PendingCalls) -> Future[Any]:  # noqa: C901
    """Begin `call` on `chain`: stepped, or in a task if the handler found for the call as given needs one, or a layer.

    A layer that needs a task gets none while the loop is off.
    """
    found, hidden = call.found, None
    if found is not None and found.is_coroutine:
        if chain.answering is not None and is_here(loop):
            return _begin_answering(loop, chain.answering(call), call, pending)
        return run_in_task(loop, chain.in_task(call), call, pending)
    if not chain.taskless:
        if is_here(loop):
            return _raised(run_in_task(loop, chain.in_task(call), call, pending), call)
        hidden = hide_task()
    try:
        stepper = idle.pop()
    except IndexError:  # not asked before: several threads take them
        stepper = Stepper()
    context = copy_context()
    rest: Any = None
    writes: list[Write] = []
    try:
        if chain.written:
            begin_writes(chain.written, call, writes)
        outcome = context.run(stepper.send, chain.stepped(call))
        if stepper.rest.gi_yieldfrom is not None:  # it waits
            rest, writes = stepper.go_on(call, writes, loop), []
    except CancelledError as error:  # nobody can cancel this step: it has no task
        raise CallAborted(call) from error
    finally:
        if writes:
            end_writes(writes, call)
        if hidden is not None:
            show_task(hidden)
    if rest is not None:
        return _continued(loop, rest, outcome, call, pending, context)
    idle.append(stepper)
    future: Future[Any] = Future(loop=loop)
    future.set_result(outcome)
    return future


def _begin_answering(loop: Loop, coroutine: Coroutine[Any, Any, Any], call: Call, pending: PendingCalls) -> Future[Any]:
    """Take the first step of a call without a task: a cache may answer in the place of its coroutine handler.

    A task begins where the handler is to run. Errors come through the future, as from a task.
    """
    context = copy_context()
    future: Future[Any] = Future(loop=loop)
    try:
        waits_for = context.run(coroutine.send, None)
    except StopIteration as stop:
        future.set_result(stop.value)
    except CancelledError as error:  # nobody can cancel this step: it has no task
        aborted = CallAborted(call)
        aborted.__cause__ = error
        future.set_exception(aborted)
        del aborted
    except Exception as error:  # noqa: BLE001  # whatever it is, the caller gets it
        future.set_exception(error)
    else:
        rest = coroutine if waits_for is None else Suspended(coroutine, waits_for)
        return _held(start_task(loop, rest, call.name, context), call, pending)
    try:
        return future
    finally:
        del future  # else an error's traceback holds this frame, and this frame the error


def finish_later(loop: Loop, call: Call, result: Any, pending: PendingCalls) -> Future[Any]:
    """Await what a plain function without layers returned, as a Task, unless it is answered already."""
    if not is_answered(result):
        return run_in_task(loop, finish_call(call, result, pending.forget), call, pending, unawaited=result)
    future: Future[Any] = Future(loop=loop)
    future.set_result(result.result())
    return future


def run_in_task(
    loop: Loop, coroutine: Coroutine[Any, Any, Any], call: Call, pending: PendingCalls, *, unawaited: Any = None
) -> Future[Any]:
    """Make `coroutine` a Task that begins now, or with the loop.

    `unawaited` is what it is going to await, which is discarded if the Task never begins.
    """
    if is_here(loop):
        return _held(start_task(loop, coroutine, call.name, copy_context()), call, pending)
    try:
        future = _later(loop, coroutine, call, pending, copy_context())
    except BaseException:
        discard(unawaited)
        raise
    if unawaited is not None:
        future.add_done_callback(lambda done: discard(unawaited, cancel=done.cancelled()))
    return future


def _continued(
    loop: Loop, stepper: Any, waits_for: Any, call: Call, pending: PendingCalls, context: Context
) -> Future[Any]:
    if not is_here(loop):
        return _later(loop, continued_with_loop(stepper, waits_for, call, pending.forget), call, pending, context)
    rest: Any = continued_call(stepper, waits_for, call, pending.forget, with_loop=False)
    rest.__name__ = rest.__qualname__ = stepper.__qualname__  # asyncio shows it in reports of a Task
    return _raised(_held(start_task(loop, rest, call.name, context), call, pending), call)


def _held(future: Future[Any], call: Call, pending: PendingCalls) -> Future[Any]:
    if not future.done():
        pending.hold(future, call)
    return future


def _raised(future: Future[Any], call: Call) -> Future[Any]:
    """Raise the error of a call that has ended already, unless a plain function deferred it with an awaitable."""
    if not future.done() or future.cancelled() or is_deferred(call):
        return future
    error = future.exception()
    try:
        if error is not None:
            raise error
        return future
    finally:
        del error, future  # else the error's traceback holds this frame, and this frame the error


def _later(
    loop: Loop, coroutine: Coroutine[Any, Any, Any], call: Call, pending: PendingCalls, context: Context
) -> Future[Any]:
    """Make `coroutine` a Task that begins with the loop; CallRefused if the loop runs in another thread."""
    try:
        if loop.is_running():
            raise CallRefused(call)
        if loop.is_closed():  # asyncio's own refusal would leave half a Task behind, with a warning
            raise RuntimeError("Event loop is closed")
        task = Task(coroutine, loop=loop, name=call.name, context=context)
        pending.hold_with_loop(task, call)
        return task
    except BaseException:
        coroutine.close()
        raise
