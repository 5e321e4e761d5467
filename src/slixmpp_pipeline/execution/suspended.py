"""How does a coroutine that has run to its first suspension continue?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Self

from slixmpp_pipeline.execution.outcome import abort_unless_cancelled
from slixmpp_pipeline.execution.tasks import is_here, own_task

if TYPE_CHECKING:
    from slixmpp_pipeline.call import Call


class Suspended(Coroutine[Any, Any, Any]):
    """A coroutine that has run to its first suspension: await it, or make a Task of it.

    A cancellation that comes before it is awaited reaches the coroutine, unlike with an `async def` around it.
    `waits_for` is what the coroutine suspended on, as `send(None)` returned it: a future, or None for a bare yield. A
    Task raises its usual error for anything else.

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

    __slots__ = ("_cancelled", "_coroutine", "_waiting", "waits_for")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], waits_for: Any) -> None:
        self._coroutine = coroutine
        self._waiting = True
        self._cancelled: asyncio.CancelledError | None = None
        self.wait_for(waits_for)

    def wait_for(self, future: Any) -> None:
        """Keep what the coroutine suspended on, as a Task does: other calls may await the same future meanwhile."""
        self.waits_for = future
        if asyncio.isfuture(future):
            future._asyncio_future_blocking = False  # noqa: SLF001  # part of the protocol of futures

    async def ensure_task(self) -> bool:
        """Continue in the call's own task, unless this is one already.

        Returns False if the call was cancelled meanwhile; the coroutine gets that cancellation when it is awaited.
        """
        future = self.waits_for
        if future is None:
            self._waiting = False  # own_task() below passes the bare yield on
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
                if (
                    isinstance(error, asyncio.CancelledError)
                    and asyncio.isfuture(future)
                    and future.cancel(*error.args)
                ):
                    return future
            return self._coroutine.throw(error)
        finally:
            del error  # else its traceback holds this frame, and this frame the error

    def _hand_over(self) -> Any:
        self._waiting = False
        future, self.waits_for = self.waits_for, None
        if asyncio.isfuture(future):
            future._asyncio_future_blocking = True  # noqa: SLF001  # as its __await__ did; wait_for() took it back
        return future

    def close(self) -> None:
        """Close the coroutine."""
        self._coroutine.close()


class SuspendedCall(Suspended):
    """A whole call that a stepper began, and that continues as a Task.

    What is left of it is the stepper's generator, which yields the answer where a coroutine returns it.
    """

    __slots__ = ("_call",)

    def __init__(self, coroutine: Coroutine[Any, Any, Any], waits_for: Any, call: Call) -> None:
        super().__init__(coroutine, waits_for)
        self._waiting = waits_for is not None  # after a bare yield, which asks for this task, there is no future
        self._call = call

    def __next__(self) -> Any:
        return self._stepped(super().__next__)

    def throw(self, error: Any, /, *_: Any) -> Any:
        """Raise `error` in the call."""
        try:
            return self._stepped(super().throw, error)
        finally:
            del error

    def _stepped(self, step: Callable[..., Any], *args: Any) -> Any:
        try:
            outcome = step(*args)
        except asyncio.CancelledError as error:
            abort_unless_cancelled(self._call, error)
            raise
        finally:
            del args
        stepper: Any = self._coroutine
        if stepper.gi_yieldfrom is None:
            stepper.close()
            raise StopIteration(outcome)
        return outcome
