"""When does a call take too long?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

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

    taskless: ClassVar[bool] = True
    role: ClassVar[str] = "timeout"

    def __post_init__(self) -> None:
        require_seconds(self.seconds, "Timeout: seconds")
        require_callable(self.clock, "Timeout: clock")

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Answer with the rest of the chain, within the time."""
        entered = self.clock()
        inside = call_next(call)
        # Most calls never suspend. A timer for each would cost eight times as much as this first step.
        try:
            waits_for = inside.send(None)
        except StopIteration as stop:
            return stop.value
        rest = Suspended(inside, waits_for)
        left = self.seconds - (self.clock() - entered)
        # A call that was cancelled before there is a timer gets none: the cancellation counts. A timer whose time is
        # over already would end the call first, and take the cancellation for its own.
        is_wanted = await rest.ensure_task() and not being_cancelled()
        timer = asyncio.timeout(left if is_wanted else None)
        try:
            async with timer:
                return await rest
        except TimeoutError as error:
            if timer.expired():
                if call.is_observed:
                    call.report(Event("timeout", {"seconds": self.seconds}))
                raise CallTimeout(call, self.seconds) from error.with_traceback(None)  # which holds the timer
            raise
        finally:
            del timer  # it holds the task, and that its error, whose traceback holds this frame
