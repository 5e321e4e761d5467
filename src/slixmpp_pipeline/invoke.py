"""When a call acts, as which task, and how its outcome leaves `run()`.

The execution rules, in one place (docs/explanation/execution.md gives the reasons):

1. If nothing suspends, the handler has acted and the future is done when `run()` returns.
2. What comes back is a future of the client's loop. An error leaves at the call if a plain function (or nothing) is
   registered and nothing suspended; otherwise through the future.
3. Layers and coroutine handlers see the call's own task, never the caller's.
4. A `CancelledError` that nobody asked for becomes `CallAborted` (see `answer`).

A call begins in one of three ways:

- `directly`: no layers and a plain function. It is called; there is no coroutine at all.
- `by_hand`: a plain function behind layers that need no task, or behind any layers while the loop is off. The chain
  is stepped once, in a context of its own; if it suspends, the rest becomes a Task. A Task costs 5 to 9 microseconds
  on CPython 3.11, and while the loop is off it would act too late.
- `as_task`: everything else. The task begins at once if the loop is running, and with the loop if it is off.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import CancelledError, Future, Task
from asyncio.tasks import _enter_task, _leave_task
from contextlib import contextmanager
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any, cast

from slixmpp_pipeline.answer import discard, finish, is_answered
from slixmpp_pipeline.begun import Adopted, Begun, is_here
from slixmpp_pipeline.call import Call, is_deferred
from slixmpp_pipeline.callables import is_awaitable
from slixmpp_pipeline.errors import CallAborted, CallRefused

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator, Iterator

    from slixmpp import JID

    from slixmpp_pipeline.call import Found
    from slixmpp_pipeline.chain import Route
    from slixmpp_pipeline.in_flight import InFlight

Loop = asyncio.AbstractEventLoop


def through_layers(loop: Loop, route: Route, call: Call, in_flight: InFlight) -> Future[Any]:
    """Begin `call` on `route`, the way that the handler found for the call as given wants."""
    if call.found is not None and call.found.is_coroutine:
        return as_task(loop, route.as_task(call), call, in_flight)
    if route.taskless:
        return by_hand(loop, route.by_hand(call), call, in_flight)
    if is_here(loop):
        return _raised(as_task(loop, route.as_task(call), call, in_flight), call)
    with _no_task():
        return by_hand(loop, route.by_hand(call), call, in_flight)


def directly(  # every call of a registry without layers comes here, hence no Call unless something needs it
    loop: Loop, found: Found, jid: JID, node: str, ifrom: JID | None, args: Any, route: Route, in_flight: InFlight
) -> Future[Any]:
    """Call the plain function in `found`; an awaitable that it returns goes on as a Task."""
    try:
        result = found.run(jid, node, ifrom, args)
    except CancelledError as error:
        raise CallAborted(Call(route.ctype, route.op, jid, node, ifrom, args, found)) from error
    if result is not None and is_awaitable(result):
        if not is_answered(result):
            call = Call(route.ctype, route.op, jid, node, ifrom, args, found)
            return as_task(loop, finish(call, result), call, in_flight, unawaited=result)
        result = result.result()
    future: Future[Any] = Future(loop=loop)
    future.set_result(result)
    return future


def by_hand(loop: Loop, chain: Coroutine[Any, Any, Any], call: Call, in_flight: InFlight) -> Future[Any]:
    """Step `chain` until it ends or suspends; what is left then becomes a Task in the same context."""
    context = copy_context()
    try:
        waits_for = context.run(chain.send, None)
    except StopIteration as stop:
        future: Future[Any] = Future(loop=loop)
        future.set_result(stop.value)
        return future
    except CancelledError as error:
        raise CallAborted(call) from error
    rest = Adopted(chain, waits_for, call)
    if not is_here(loop):
        return _later(loop, rest, call, in_flight, context)
    return _raised(_held(_start(loop, rest, call, context), in_flight), call)


def as_task(
    loop: Loop, chain: Coroutine[Any, Any, Any], call: Call, in_flight: InFlight, *, unawaited: Any = None
) -> Future[Any]:
    """Make `chain` a Task that begins now, or with the loop; `unawaited` is dropped with it if it never begins."""
    if is_here(loop):
        return _held(_start(loop, chain, call, copy_context()), in_flight)
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


@contextmanager
def _no_task() -> Iterator[None]:
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


if sys.version_info >= (3, 12):

    def _start(loop: Loop, chain: Coroutine[Any, Any, Any], call: Call, context: Context) -> Future[Any]:
        """Step `chain` now, as a Task: a chain that has begun goes on, as one that asked for its own task does."""
        return Task(chain, loop=loop, name=call.name, context=context, eager_start=True)

else:  # Python 3.11

    def _start(loop: Loop, chain: Coroutine[Any, Any, Any], call: Call, context: Context) -> Future[Any]:
        """Step `chain` now, as a Task: a chain that has begun goes on, as one that asked for its own task does.

        Python 3.11 has no eager tasks. The Task is made first, over the continuation, and the first step is run while
        it is the loop's current task, with the functions that the standard library documents for such use. What ends
        in that step is answered with a finished future, and the Task has nothing left to do.
        """
        rest = Started(chain, None)
        task = Task(rest, loop=loop, name=call.name, context=context)
        caller = asyncio.current_task(loop)
        if caller is not None:
            _leave_task(loop, caller)
        _enter_task(loop, task)
        try:
            rest.wait_for(context.run(chain.send, None))
        except BaseException as error:  # noqa: BLE001  # it leaves through the future, as from any Task
            rest.end(getattr(error, "value", None))
            return _ended(loop, task, error)
        finally:
            _leave_task(loop, task)
            if caller is not None:
                _enter_task(loop, caller)
            del caller  # else a failure's traceback holds the caller's task
        return task

    class Started(Begun):
        """A chain whose Task was made before its first step."""

        __slots__ = ()

        def end(self, value: Any) -> None:
            """Leave nothing to do for the Task but to return: the first step was the last."""
            self._waiting = False
            self._coroutine = cast("Coroutine[Any, Any, Any]", _returning(value))

    def _returning(value: Any) -> Generator[None, None, Any]:  # unlike a coroutine, none that has to be awaited
        return value
        yield

    class CallFuture(Future[Any]):
        """A finished call, which names itself if its failure is never retrieved."""

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
