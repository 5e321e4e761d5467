"""When does a call take too long?"""

from __future__ import annotations

import asyncio
import time
from asyncio import CancelledError
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, cast

from slixmpp_middleware.deadlines import Deadlines
from slixmpp_middleware.settings import require_callable, require_seconds
from slixmpp_pipeline import CallTimeout, Event, Suspended, being_cancelled

if TYPE_CHECKING:
    from slixmpp_pipeline import Call, CallNext


@dataclass(frozen=True, slots=True)
class Timeout:
    """Raise `CallTimeout` if the rest of the chain has not ended after `seconds`. Runs call_next once.

    `seconds` are counted from when the call enters this layer: outside a retry that is the time of all attempts, inside
    it the time of one. The handler is cancelled, and its `finally` blocks run. A plain function cannot be interrupted:
    its answer counts, however late. Time in which the loop was off is not counted. Reports an event `timeout`, with
    `seconds`.

    `clock` gives seconds and only ever grows.

    >>> import asyncio
    >>> from slixmpp_pipeline import install
    >>> from slixmpp_pipeline.testing import FakeClient
    >>> async def get_vcard(jid, node, ifrom, args):
    ...     await asyncio.Event().wait()
    >>> async def main():
    ...     api = install(FakeClient(), Timeout(0.01))
    ...     api.register(get_vcard, "xep_0054", "get_vcard")
    ...     await api.run("xep_0054", "get_vcard")
    >>> asyncio.run(main())
    Traceback (most recent call last):
        ...
    slixmpp_pipeline.errors.CallTimeout: xep_0054 get_vcard did not end within 0.01 s

    >>> Timeout(0)
    Traceback (most recent call last):
        ...
    ValueError: Timeout: seconds: 0 is not allowed; a finite number above 0 is
    """

    seconds: float
    clock: Callable[[], float] = field(default=time.monotonic, repr=False, kw_only=True)
    _deadlines: Deadlines = field(default_factory=Deadlines, init=False, repr=False, compare=False)

    taskless: ClassVar[bool] = True
    role: ClassVar[str] = "timeout"

    def __post_init__(self) -> None:
        require_seconds(self.seconds, "Timeout: seconds")
        require_callable(self.clock, "Timeout: clock")

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Answer with the rest of the chain, within the time."""
        entered = self.clock()
        inside = call_next(call)
        # Most calls never suspend: a deadline for each would cost more than this first step.
        try:
            waits_for = inside.send(None)
        except StopIteration as stop:
            return stop.value
        rest = Suspended(inside, waits_for)
        left = self.seconds - (self.clock() - entered)
        # A call that was cancelled before it has a deadline gets none: the cancellation counts.
        if not await rest.ensure_task() or being_cancelled():
            return await rest
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        tasks = self._deadlines.put(rest, task, left).tasks
        try:
            answer = await rest
        except BaseException as error:
            if rest in tasks or (cause := _cause(task, error)) is None:
                raise
            if call.is_observed:
                call.report(Event("timeout", {"seconds": self.seconds}))
            raise CallTimeout(call, self.seconds) from cause
        else:
            if rest not in tasks:  # its time was over, and it answered all the same
                task.uncancel()
            return answer
        finally:
            tasks.pop(rest, None)
            cause = None
            del task, rest  # the task holds its error, and the error's traceback this frame


def _cause(task: asyncio.Task[Any], error: BaseException) -> TimeoutError | None:
    """Return the cause of a `CallTimeout` for a call whose time was over, and that ended with `error`; None for none.

    As `asyncio.timeout` does: the cancellation is the timeout's, unless somebody else has asked for one, too.
    """
    if task.uncancel() == 0 and isinstance(error, CancelledError):
        cause = TimeoutError()
        cause.__cause__ = error
        return cause
    return error.with_traceback(None) if isinstance(error, TimeoutError) else None
