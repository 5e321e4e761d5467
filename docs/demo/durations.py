"""How long do the calls of each op take? An example of a layer that an application writes for itself."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

if TYPE_CHECKING:
    from slixmpp_pipeline import Call, CallNext


class Sample(NamedTuple):
    """One call that has ended: how long it took in seconds, for which JID, and whether it failed."""

    seconds: float
    jid: str
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What is to be said of the calls of one op; `p50`, `p95` and `p99` are seconds."""

    ctype: str
    op: str
    calls: int
    errors: int
    p50: float
    p95: float
    p99: float
    slowest: Sample


@dataclass(frozen=True, slots=True)
class Durations:
    """Keep a sample of each call, and pass it on as it is. Runs call_next once.

    A call that was cancelled counts as failed. `clock` gives seconds and only ever grows. Samples are kept for as
    long as the layer lives, which suits a demo and no service.
    """

    clock: Callable[[], float] = field(default=time.perf_counter, repr=False, kw_only=True)
    _samples: dict[tuple[str, str], list[Sample]] = field(default_factory=dict, init=False, repr=False)

    taskless: ClassVar[bool] = True

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Pass the call on, and keep how long it took."""
        started = self.clock()
        failed = True
        try:
            answer = await call_next(call)
            failed = False
            return answer
        finally:
            sample = Sample(self.clock() - started, str(call.jid), failed)
            self._samples.setdefault((call.ctype, call.op), []).append(sample)

    def figures(self) -> list[Figures]:
        """Return the figures of every op that was called, by name."""
        return [_figures(ctype, op, samples) for (ctype, op), samples in sorted(self._samples.items())]


def _figures(ctype: str, op: str, samples: Sequence[Sample]) -> Figures:
    ordered = sorted(samples)
    return Figures(
        ctype=ctype,
        op=op,
        calls=len(ordered),
        errors=sum(sample.failed for sample in ordered),
        p50=_percentile(ordered, 50),
        p95=_percentile(ordered, 95),
        p99=_percentile(ordered, 99),
        slowest=ordered[-1],
    )


def _percentile(ordered: Sequence[Sample], percent: int) -> float:
    """Return the seconds that `percent` of the calls did not exceed, by the nearest-rank method."""
    return ordered[math.ceil(len(ordered) * percent / 100) - 1].seconds
