"""When a call acts, as which task, and how its outcome leaves `run()`.

The execution rules, in one place (docs/explanation/execution.md gives the reasons):

1. If nothing suspends, the handler has acted and the future is done when `run()` returns.
2. What comes back is a future of the client's loop. An error leaves at the call if a plain function (or nothing) is
   registered and nothing suspended; otherwise through the future.
3. Layers and coroutine handlers see the call's own task, never the caller's.
4. A `CancelledError` that nobody asked for becomes `CallAborted` (see `routing.ends`).

A call begins in one of three ways:

- No layers and a plain function: `PipelineRegistry.run` calls it; there is no coroutine at all.
- `by_hand`: a plain function behind layers that need no task, or behind any layers while the loop is off. The chain
  is stepped once (see `stepper`), in a context of its own; if it suspends, the rest becomes a Task. A Task costs 5 to 9
  microseconds on CPython 3.11, and while the loop is off it would act too late.
- `as_task`: everything else. The task begins at once if the loop is running, and with the loop if it is off.
"""

from __future__ import annotations

import asyncio
from asyncio import CancelledError, Future, Task
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

from slixmpp_pipeline.call import is_deferred
from slixmpp_pipeline.errors import CallAborted, CallRefused
from slixmpp_pipeline.execution.eager import start_task
from slixmpp_pipeline.execution.outcome import discard, finish, is_answered
from slixmpp_pipeline.execution.stepper import Stepper, idle
from slixmpp_pipeline.execution.suspended import Adopted
from slixmpp_pipeline.execution.tasks import is_here, no_task
from slixmpp_pipeline.generations.writes import begin_writes, end_writes

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from slixmpp_pipeline.call import Call
    from slixmpp_pipeline.execution.pending import InFlight
    from slixmpp_pipeline.generations.writes import Writes
    from slixmpp_pipeline.routing.chain import Route

Loop = asyncio.AbstractEventLoop


def begin(loop: Loop, route: Route, call: Call, in_flight: InFlight) -> Future[Any]:
    """Begin `call` on `route`, the way that the handler found for the call as given wants."""
    if call.found is not None and call.found.is_coroutine:
        return as_task(loop, route.as_task(call), call, in_flight)
    if route.taskless:
        return by_hand(loop, route, call, in_flight)
    if is_here(loop):
        return _raised(as_task(loop, route.as_task(call), call, in_flight), call)
    with no_task():
        return by_hand(loop, route, call, in_flight)


def finish_later(loop: Loop, call: Call, result: Any, in_flight: InFlight) -> Future[Any]:
    """Go on with what a plain function returned, without layers: as a Task, unless it is answered already."""
    if not is_answered(result):
        return as_task(loop, finish(call, result), call, in_flight, unawaited=result)
    future: Future[Any] = Future(loop=loop)
    future.set_result(result.result())
    return future


def by_hand(loop: Loop, route: Route, call: Call, in_flight: InFlight) -> Future[Any]:
    """Step the chain until it ends or suspends; what is left then becomes a Task in the same context."""
    try:
        stepper = idle.pop()
    except IndexError:
        stepper = Stepper()
    context = copy_context()
    rest: Any = None
    writes: Writes = []
    try:
        if route.written:
            begin_writes(route.written, call, writes)
        outcome = context.run(stepper.send, route.by_hand(call))
        if stepper.rest.gi_yieldfrom is not None:  # it waits
            rest, writes = stepper.go_on(writes), []
    except CancelledError as error:
        raise CallAborted(call) from error
    finally:
        if writes:
            end_writes(writes)
    if rest is not None:
        return _gone_on(loop, Adopted(rest, outcome, call), call, in_flight, context)
    idle.append(stepper)
    future: Future[Any] = Future(loop=loop)
    future.set_result(outcome)
    return future


def _gone_on(loop: Loop, rest: Adopted, call: Call, in_flight: InFlight, context: Context) -> Future[Any]:
    if not is_here(loop):
        return _later(loop, rest, call, in_flight, context)
    return _raised(_held(start_task(loop, rest, call.name, context), in_flight), call)


def as_task(
    loop: Loop, chain: Coroutine[Any, Any, Any], call: Call, in_flight: InFlight, *, unawaited: Any = None
) -> Future[Any]:
    """Make `chain` a Task that begins now, or with the loop; `unawaited` is dropped with it if it never begins."""
    if is_here(loop):
        return _held(start_task(loop, chain, call.name, copy_context()), in_flight)
    try:
        future = _later(loop, chain, call, in_flight, copy_context())
    except BaseException:
        discard(unawaited)
        raise
    if unawaited is not None:
        future.add_done_callback(lambda done: discard(unawaited, cancel=done.cancelled()))
    return future


def _held(future: Future[Any], in_flight: InFlight) -> Future[Any]:
    if not future.done():
        in_flight.hold(future)
    return future


def _raised(future: Future[Any], call: Call) -> Future[Any]:
    """Raise the error of a call that has ended already, unless a plain function put it off with an awaitable."""
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
    loop: Loop, chain: Coroutine[Any, Any, Any], call: Call, in_flight: InFlight, context: Context
) -> Future[Any]:
    """Make `chain` a Task that begins with the loop; refused if the loop runs in another thread."""
    try:
        if loop.is_running():
            raise CallRefused(call)
        if loop.is_closed():  # else asyncio's own refusal leaves half a Task behind, and complains of it
            raise RuntimeError("Event loop is closed")
        return _held(Task(chain, loop=loop, name=call.name, context=context), in_flight)
    except BaseException:
        chain.close()
        raise
