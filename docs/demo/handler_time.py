"""How much of a call is spent in the handler? An example of a layer that an application writes for itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from opentelemetry import trace

if TYPE_CHECKING:
    from slixmpp_pipeline import Call, CallNext

SECONDS = "demo.handler.seconds"
RUNS = "demo.handler.runs"


@dataclass(frozen=True, slots=True)
class HandlerTime:
    """Note how long the handler took, in seconds, and how often it ran. Runs call_next once.

    It belongs innermost: inside a retry it is called for each attempt, and adds them up. What it notes, logging
    reports; and the call's span, if there is one, gets both as attributes. `clock` gives seconds and only ever grows.
    """

    clock: Callable[[], float] = field(default=time.perf_counter, repr=False, kw_only=True)

    taskless: ClassVar[bool] = True  # it waits for nothing but call_next
    role: ClassVar[str] = "handler"  # it decides nothing, and belongs inside a cache

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Pass the call on, and note how long that took."""
        started = self.clock()
        try:
            return await call_next(call)
        finally:
            notes = call.notes
            notes["handler_seconds"] = notes.get("handler_seconds", 0.0) + self.clock() - started
            notes["handler_runs"] = notes.get("handler_runs", 0) + 1
            span = trace.get_current_span()
            span.set_attributes({SECONDS: notes["handler_seconds"], RUNS: notes["handler_runs"]})
