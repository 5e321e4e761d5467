"""A coroutine that has run to its first suspension goes on where it is awaited, or as a Task."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Self

from slixmpp_pipeline.errors import CallAborted
from slixmpp_pipeline.execution.tasks import being_cancelled, is_here, own_task

if TYPE_CHECKING:
    from slixmpp_pipeline.call import Call


class Begun(Coroutine[Any, Any, Any]):
    """A coroutine that has run to its first suspension; await it, or make a Task of it.

    Unlike an `async def` around it, it hears of a cancellation that comes before its own first step. `waits_for` is
    what it suspended on, as `send(None)` returned it: a future, or None for a bare yield; anything else is for the
    Task to complain of.

    >>> import asyncio
    >>> async def answer():
    ...     await asyncio.sleep(0)
    ...     return "rain"
    >>> async def main():
    ...     inside = answer()
    ...     return await Begun(inside, inside.send(None))
    >>> asyncio.run(main())
    'rain'
    """

    __slots__ = ("_cancelled", "_coroutine", "_waiting", "waits_for")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], waits_for: Any) -> None:
        self._coroutine = coroutine
        self._waiting = True
        self._cancelled: asyncio.CancelledError | None = None
        self.wait_for(waits_for)

    def wait_for(self, future: Any) -> None:
        """Take note of what the coroutine suspended on, as a Task does: others may await the same future meanwhile."""
        self.waits_for = future
        if asyncio.isfuture(future):
            future._asyncio_future_blocking = False  # noqa: SLF001  # part of the protocol of futures

    async def own_task(self) -> bool:
        """Go on in the call's own task, unless this is one.

        False if the call was cancelled meanwhile; what has begun hears of that when it is awaited.
        """
        future = self.waits_for
        if future is None:
            self._waiting = False  # the bare yield is passed on, here
        elif asyncio.isfuture(future) and is_here(future.get_loop()) and asyncio.current_task() is not None:
            return True
        try:
            await own_task()
        except asyncio.CancelledError as error:
            self._cancelled = error
            return False
        return True

    def __await__(self) -> Self:  # type: ignore[override]  # an iterator with send and throw is what await wants
        return self

    def __next__(self) -> Any:
        if not self._waiting and self._cancelled is None:
            return self._coroutine.send(None)
        if self._cancelled is not None:
            cancelled, self._cancelled = self._cancelled, None
            return self.throw(cancelled)
        return self._hand_over()

    @property
    def __name__(self) -> str:
        """The coroutine's name, for asyncio's reports of a Task over this."""
        inner = self._coroutine
        if isinstance(inner, Begun):
            return inner.__name__
        return str(getattr(inner, "__qualname__", type(inner).__qualname__))

    def send(self, value: None, /) -> Any:
        """Take the next step."""
        del value  # asyncio sends nothing but None
        return self.__next__()

    def throw(self, error: Any, /, *_: Any) -> Any:
        """Raise `error` where the coroutine stands; a cancellation goes to what it waits for first, as in a Task."""
        if self._waiting:
            future = self._hand_over()
            if isinstance(error, asyncio.CancelledError) and asyncio.isfuture(future) and future.cancel(*error.args):
                return future
        return self._coroutine.throw(error)

    def _hand_over(self) -> Any:
        self._waiting = False
        future, self.waits_for = self.waits_for, None
        if asyncio.isfuture(future):
            future._asyncio_future_blocking = True  # noqa: SLF001  # as its own __await__ did; wait_for() took it back
        return future

    def close(self) -> None:
        """End the coroutine where it stands."""
        self._coroutine.close()


class Adopted(Begun):
    """A whole call that was begun by hand and goes on as a Task: what `answer.finish` is to others, it does itself.

    What it goes on with is a stepper's, which yields the answer where others return it.
    """

    __slots__ = ("_call",)

    def __init__(self, coroutine: Coroutine[Any, Any, Any], waits_for: Any, call: Call) -> None:
        super().__init__(coroutine, waits_for)
        self._waiting = waits_for is not None  # a bare yield asked for this task
        self._call = call

    def __next__(self) -> Any:
        return self._judged(super().__next__)

    def throw(self, error: Any, /, *_: Any) -> Any:
        """Raise `error` where the coroutine stands."""
        return self._judged(super().throw, error)

    def _judged(self, step: Callable[..., Any], *args: Any) -> Any:
        try:
            outcome = step(*args)
        except asyncio.CancelledError as error:
            if being_cancelled():
                raise
            raise CallAborted(self._call) from error
        stepper: Any = self._coroutine
        if stepper.gi_yieldfrom is None:
            stepper.close()
            raise StopIteration(outcome)
        return outcome
