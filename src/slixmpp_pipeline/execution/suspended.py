"""How does a coroutine that has run to its first suspension continue?

A generator hands over what the coroutine suspended on, and then awaits the coroutine itself: each further step is
taken in C. An object between a Task and a coroutine costs a call in Python for each step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import TYPE_CHECKING, Any

from slixmpp_pipeline.execution.outcome import abort_unless_cancelled
from slixmpp_pipeline.execution.tasks import is_here, own_task

if TYPE_CHECKING:
    from slixmpp_pipeline.call import Call
    from slixmpp_pipeline.execution.pending import Forget


def taken(waits_for: Any) -> bool:
    """Take what a coroutine suspended on out of its hands, as a Task does: others may await it meanwhile.

    Returns whether it is a future.
    """
    # isfuture() alone is two lookups in Python, 5 % of a call that waits for a future.
    if waits_for is None or not (isinstance(waits_for, asyncio.Future) or asyncio.isfuture(waits_for)):
        return False
    waits_for._asyncio_future_blocking = False  # noqa: SLF001  # part of the protocol of futures
    return True


def give_back(future: Any) -> None:
    """Give it back, as its own `__await__` did."""
    future._asyncio_future_blocking = True  # noqa: SLF001


class Suspended(Coroutine[Any, Any, Any]):
    """A coroutine that has run to its first suspension: await it, or make a Task of it.

    A cancellation that comes before it is awaited reaches the coroutine, unlike with an `async def` around it.
    `waits_for` is what the coroutine suspended on, as `send(None)` returned it: a future, or None for a bare yield. A
    Task raises its usual error for anything else. `is_handed_over` says that the Task has got that already.

    >>> import asyncio
    >>> async def answer():
    ...     await asyncio.sleep(0)
    ...     return "rain"
    >>> async def main():
    ...     inside = answer()
    ...     return await Suspended(inside, inside.send(None))
    >>> asyncio.run(main())
    'rain'
    """

    __slots__ = ("_cancelled", "_coroutine", "_is_future", "_waiting", "waits_for")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], waits_for: Any, *, is_handed_over: bool = False) -> None:
        self._coroutine = coroutine
        self._waiting = not is_handed_over
        self._cancelled: asyncio.CancelledError | None = None
        self.waits_for = waits_for
        self._is_future = taken(waits_for)

    async def ensure_task(self) -> bool:
        """Continue in the call's own task, unless this is one already.

        Returns False if the call was cancelled meanwhile; the coroutine gets that cancellation when it is awaited.
        """
        future = self.waits_for
        if future is None:
            self._waiting = False  # own_task() below passes the bare yield on
        elif self._is_future and is_here(future.get_loop()) and asyncio.current_task() is not None:
            return True
        try:
            await own_task()
        except asyncio.CancelledError as error:
            self._cancelled = error
            return False
        return True

    def __await__(self) -> Generator[Any, Any, Any]:
        if self._cancelled is not None:
            cancelled, self._cancelled = self._cancelled, None
            try:
                return thrown_into(self._coroutine, self._hand_over() if self._waiting else None, cancelled)
            finally:
                del cancelled  # else its traceback holds this frame, and this frame the error
        return rest_of(self._coroutine, self._hand_over()) if self._waiting else _awaited(self._coroutine)

    def __next__(self) -> Any:
        if not self._waiting and self._cancelled is None:
            return self._coroutine.send(None)
        if self._cancelled is not None:
            cancelled, self._cancelled = self._cancelled, None
            try:
                return self.throw(cancelled)
            finally:
                del cancelled  # else its traceback holds this frame, and this frame the error
        return self._hand_over()

    @property
    def continues(self) -> Coroutine[Any, Any, Any]:
        """The coroutine that this continues."""
        return self._coroutine

    @property
    def __name__(self) -> str:
        """The coroutine's name, which asyncio shows in reports of a Task over this."""
        inner = self._coroutine
        if isinstance(inner, Suspended):
            return inner.__name__
        return str(getattr(inner, "__qualname__", type(inner).__qualname__))

    def send(self, value: None, /) -> Any:
        """Take the next step."""
        del value  # asyncio sends nothing but None
        return self.__next__()

    def throw(self, error: Any, /, *_: Any) -> Any:
        """Raise `error` in the coroutine. As in a Task, a cancellation goes first to the future that it waits for."""
        try:
            if self._waiting:
                future = self._hand_over()
                if isinstance(error, asyncio.CancelledError) and self._is_future and future.cancel(*error.args):
                    return future
            return self._coroutine.throw(error)
        finally:
            del error  # else its traceback holds this frame, and this frame the error

    def _hand_over(self) -> Any:
        self._waiting = False
        future, self.waits_for = self.waits_for, None
        if self._is_future:
            give_back(future)
        return future

    def close(self) -> None:
        """Close the coroutine."""
        self._coroutine.close()


async def continued_call(stepper: Any, waits_for: Any, call: Call, forget: Forget, *, with_loop: bool) -> Any:
    """Continue, as a Task, a whole call that a stepper began; `with_loop` if that begins when the loop does."""
    # After a bare yield, which asks for this task, there is no future.
    rest = Suspended(stepper.gi_yieldfrom, waits_for, is_handed_over=waits_for is None and not with_loop)
    del waits_for  # which may hold an error, whose traceback holds this frame
    try:
        if with_loop:
            await rest.ensure_task()
        return await rest
    except asyncio.CancelledError as error:
        abort_unless_cancelled(call, error)
        raise
    finally:
        stepper.close()
        forget(id(call), None)


def continued_with_loop(stepper: Any, waits_for: Any, call: Call, forget: Forget) -> Suspended:
    """Return what continues a call when the loop begins, and is told of a cancellation that comes before."""
    rest: Any = continued_call(stepper, waits_for, call, forget, with_loop=True)
    rest.__name__ = rest.__qualname__ = stepper.__qualname__
    rest.send(None)  # to where it asks for its task
    return Suspended(rest, None, is_handed_over=True)


def _awaited(coroutine: Any) -> Generator[Any, Any, Any]:
    return (yield from coroutine.__await__())


def rest_of(coroutine: Any, waits_for: Any) -> Generator[Any, Any, Any]:
    """Hand over what `coroutine` suspended on, and await the rest."""
    try:
        yield waits_for
    except GeneratorExit:
        coroutine.close()
        raise
    except BaseException as error:  # noqa: BLE001  # it is raised in the coroutine, and not where it is handled here
        continued = thrown_into(coroutine, None, error)
    else:
        continued = coroutine.__await__()
    finally:
        del waits_for  # which may hold an error, whose traceback holds this frame
    return (yield from continued)


def thrown_into(coroutine: Any, waits_for: Any, error: BaseException) -> Generator[Any, Any, Any]:
    """Raise `error` in `coroutine`, and await the rest. As in a Task, a cancellation goes first to `waits_for`."""
    is_for_future = isinstance(error, asyncio.CancelledError) and asyncio.isfuture(waits_for)
    if not (is_for_future and waits_for.cancel(*error.args)):
        try:
            waits_for = coroutine.throw(error)
        except StopIteration as stop:
            return stop.value
        finally:
            del error  # else its traceback holds this frame, and this frame the error
    rest = rest_of(coroutine, waits_for)
    del waits_for
    return (yield from rest)
