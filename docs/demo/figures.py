"""What is to be said of the calls of each op, and which were the slowest? From what the layers reported."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from demo.handler_time import SECONDS

if TYPE_CHECKING:
    from demo.telemetry import Counts, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The calls of one op; `p50`, `p95` and `p99` are seconds.

    `hits` were answered by the cache, `joined` by a call for the same that was under way. `timeouts` are attempts that
    a Timeout ended; the call may have been answered by the next one.
    """

    ctype: str
    op: str
    calls: int
    errors: int
    p50: float
    p95: float
    p99: float
    hits: int
    joined: int
    retries: int
    timeouts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowCall:
    """One call, with what the layers said of it; `seconds` in all, of which `handler_seconds` in the handler.

    `cache` is `""` where no cache was asked. `failures` are the error types that led to another attempt.
    """

    ctype: str
    op: str
    outcome: str
    error: str
    tier: str
    cache: str
    attempts: int
    failures: tuple[str, ...]
    seconds: float
    handler_seconds: float


def figures(counts: Counts, spans: Iterable[Span]) -> list[Figures]:
    """Return the figures of every op that was called, by name: Metrics counted, Tracing timed."""
    by_op: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        by_op[span.name].append(span)
    return [_figures(name, counts, by_op[name]) for name in sorted(by_op)]


def slowest(spans: Iterable[Span], most: int) -> list[SlowCall]:
    """Return the slowest call of each op and outcome, slowest first, `most` at most."""
    worst: dict[tuple[str, object], Span] = {}
    for span in sorted(spans, key=lambda one: -one.seconds):
        worst.setdefault((span.name, span.attributes["xmpp.api.outcome"]), span)
    return [_slow_call(span) for span in list(worst.values())[:most]]


def percentile(ordered: Sequence[float], percent: int) -> float:
    """Return what `percent` of the numbers do not exceed, by the nearest-rank method.

    >>> percentile(range(1, 201), 95)
    190
    """
    return ordered[math.ceil(len(ordered) * percent / 100) - 1]


def _figures(name: str, counts: Counts, spans: Sequence[Span]) -> Figures:
    ctype, _, op = name.partition(" ")
    counted = counts[name]
    ordered = sorted(span.seconds for span in spans)
    return Figures(
        ctype=ctype,
        op=op,
        calls=counted["calls"],
        errors=counted["errors"],
        p50=percentile(ordered, 50),
        p95=percentile(ordered, 95),
        p99=percentile(ordered, 99),
        hits=counted["hit"],
        joined=counted["joined"],
        retries=counted["retries"],
        timeouts=sum(map(_timeouts, spans)),
    )


def _timeouts(span: Span) -> int:
    ended = span.attributes.get("error.type") == "CallTimeout" and span.attributes.get("xmpp.api.cache") != "joined"
    return span.failures.count("CallTimeout") + ended


def _slow_call(span: Span) -> SlowCall:
    ctype, _, op = span.name.partition(" ")
    said = span.attributes
    return SlowCall(
        ctype=ctype,
        op=op,
        outcome=said["xmpp.api.outcome"],
        error=said.get("error.type", ""),
        tier=said["xmpp.api.tier"],
        cache=said.get("xmpp.api.cache", ""),
        attempts=said.get("xmpp.api.attempts", 1),
        failures=span.failures,
        seconds=span.seconds,
        handler_seconds=said.get(SECONDS, 0.0),
    )
