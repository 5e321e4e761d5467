"""Which calls are under way? They are held strongly here, since a loop holds its tasks weakly."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from slixmpp_pipeline.call import Call


Forget: TypeAlias = Callable[[object, None], object]
"""What the outermost frame of a call says at its end, with the call's id()."""


class PendingCall(NamedTuple):
    """A call that has begun and not ended, as `api.calls()` lists it.

    `age` are the seconds since it first had to wait. `handler` is the name of the handler found for the call as given,
    None if there is none, and `tier` how specific it is. `future` is what `api.run()` returned: `waits_at(future)` says
    where it waits.
    """

    age: float
    ctype: str
    op: str
    handler: str | None
    future: asyncio.Future[Any]
    tier: str


class PendingCalls:
    """The tasks of calls that have suspended, until they end.

    A call says itself that it ends, with `forget(id(call), None)` in the outermost frame of its chain. A callback of
    its task would cost a turn of the loop, a tenth of a call that waits.
    """

    __slots__ = ("_held", "forget")

    def __init__(self) -> None:
        self._held: dict[object, tuple[asyncio.Future[Any], Call, float]] = {}
        self.forget: Forget = self._held.pop

    def __len__(self) -> int:
        return len(self.under_way())

    def hold(self, task: asyncio.Future[Any], call: Call) -> None:
        """Keep the task of a `call` that has begun, until it ends."""
        self._held[id(call)] = task, call, time.monotonic()

    def hold_with_loop(self, task: asyncio.Future[Any], call: Call) -> None:
        """Keep the task of a `call` that begins with the loop, if it does: one cancelled before that says nothing."""
        self._held[task] = task, call, time.monotonic()
        task.add_done_callback(lambda done: self.forget(done, None))

    async def drain(self, timeout: float | None, loop: asyncio.AbstractEventLoop) -> int:  # noqa: ASYNC109  it cancels nothing
        """Wait until no call of `loop` is left, those that begin meanwhile included; return how many are left.

        `timeout` in seconds, None for ever. The running task is not waited for, and no call is cancelled. TypeError for
        a `timeout` that is no number, ValueError for a negative one; RuntimeError on another loop.
        """
        self.require_drainable(timeout, loop)
        deadline = None if timeout is None else loop.time() + timeout
        me = asyncio.current_task()
        while others := self.under_way() - {me}:
            left = None if deadline is None else deadline - loop.time()
            if left is not None and left <= 0:
                return len(others)
            await asyncio.wait(others, timeout=left)
        return 0

    def require_drainable(self, timeout: float | None, loop: asyncio.AbstractEventLoop) -> None:
        """Raise what `drain()` raises for its arguments, before anything has been done."""
        if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, int | float)):
            raise TypeError(f"timeout: {timeout!r} is {type(timeout).__name__}; a number of seconds or None is allowed")
        if timeout is not None and not timeout >= 0:
            raise ValueError(f"timeout: {timeout!r} is negative; seconds from 0 up, or None to wait for ever")
        if timeout is not None and not isinstance(timeout, float) and timeout > sys.float_info.max:
            raise ValueError("timeout: more seconds than a clock can count; None waits for ever")
        if asyncio.get_running_loop() is not loop:
            raise RuntimeError("drain(): this is not the client's loop, on which its calls end")

    def under_way(self) -> set[asyncio.Future[Any]]:
        """Return the calls that have suspended and not ended."""
        return {task for task, _, _ in self._under_way()}

    def calls(self) -> list[PendingCall]:
        """Return those calls with what is known of them, the oldest first."""
        now = time.monotonic()
        return [
            PendingCall(
                now - since,
                call.ctype,
                call.op,
                None if call.found is None else call.found.name,
                task,
                str(call.tier),
            )
            for task, call, since in self._under_way()
        ]

    def _under_way(self) -> list[tuple[asyncio.Future[Any], Call, float]]:
        held = self._held.copy()  # in one step: another thread may ask while calls begin and end
        for key in [key for key, (task, _, _) in held.items() if task.get_loop().is_closed()]:  # they never end
            self.forget(key, None)
            del held[key]
        return [one for one in held.values() if not one[0].done()]
