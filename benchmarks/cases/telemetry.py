"""What does a call cost while telemetry records? And how much of it is the SDK's and structlog's own?"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import structlog
from opentelemetry import context, metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from cases.question import Figure, Question, Row, Table, against
from cases.rounds import Case, Timer, timed
from cases.stacks import BATCH, STACKS, WRITE, calls_through, coroutine, plain, registry

OP = {"ctype": WRITE[0], "op": WRITE[1]}
LABELS = {"xmpp.api.ctype": WRITE[0], "xmpp.api.op": WRITE[1]}
ENDED = {"xmpp.api.tier": "global", "xmpp.api.outcome": "ok"}
LIVE = ["Logging", "Tracing", "Metrics", "five", "six"]


@cache
def live_telemetry() -> InMemorySpanExporter:
    """Set telemetry up as an application does, once; structlog renders JSON that nobody takes."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    metrics.set_meter_provider(MeterProvider([InMemoryMetricReader()]))
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=structlog.ReturnLoggerFactory(),
    )
    return exporter


def cleared(timer: Timer, exporter: InMemorySpanExporter) -> Timer:
    """Return `timer`, after which the spans that it left are thrown away."""

    async def clearing(loops: int) -> float:
        seconds = await timer(loops)
        exporter.clear()
        return seconds

    return clearing


def run(stack: str, handler: Callable[..., Any]) -> Timer:
    """Prepare calls through a stack."""
    exporter = live_telemetry()
    api = registry(None if stack == "slixmpp" else STACKS[stack]())
    api.register(handler, *WRITE)
    return cleared(calls_through(api, WRITE, BATCH if handler is coroutine else 0), exporter)


def structlog_alone() -> Timer:
    """Prepare the event that `Logging` logs, with the same fields."""
    live_telemetry()
    logger = structlog.get_logger("benchmark").bind(**OP)

    async def many(times: int) -> None:
        for _ in range(times):
            logger.debug("call.finished", tier="global", outcome="ok", duration=1e-6)

    return timed(many)


def span_alone() -> Timer:
    """Prepare the span that `Tracing` makes, with the same attributes, and current in between."""
    exporter = live_telemetry()
    tracer = trace.get_tracer("benchmark")

    async def many(times: int) -> None:
        for _ in range(times):
            span = tracer.start_span("xep_0054 set_vcard", attributes={**LABELS, "code.function.name": "stacks.plain"})
            token = context.attach(trace.set_span_in_context(span))
            context.detach(token)
            span.set_attributes(ENDED)
            span.end()

    return cleared(timed(many), exporter)


def record_alone() -> Timer:
    """Prepare what `Metrics` records, with the same labels."""
    live_telemetry()
    histogram = metrics.get_meter("benchmark").create_histogram("duration", unit="s")

    async def many(times: int) -> None:
        for _ in range(times):
            histogram.record(1e-6, {**LABELS, **ENDED})

    return timed(many)


ALONE = {"structlog alone": structlog_alone, "SDK's span alone": span_alone, "SDK's histogram alone": record_alone}
PARTS = {
    "Logging": list(ALONE)[:1],
    "Tracing": list(ALONE)[1:2],
    "Metrics": list(ALONE)[2:],
    "five": list(ALONE)[:2],
    "six": list(ALONE),
}
"""What each stack uses of others."""


def cases(quick: bool) -> list[Case]:
    """Return them, the same for a quick answer."""
    stacks = ["slixmpp", *LIVE]
    return [
        *(Case(f"plain, {stack}", partial(run, stack, plain)) for stack in stacks),
        *(Case(f"coroutine, {stack}", partial(run, stack, coroutine), calls=BATCH) for stack in stacks),
        *(Case(name, prepare) for name, prepare in ALONE.items()),
    ]


def ours(kind: str, stack: str) -> Figure:
    """Return what gives the time of a call, less that of others' work in it."""
    return lambda times: times[f"{kind}, {stack}"] - sum(times[part] for part in PARTS[stack])


def ours_ratio(kind: str, stack: str) -> Figure:
    """Return what gives the same as a multiple of slixmpp's."""
    mine = ours(kind, stack)
    return lambda times: mine(times) / times[f"{kind}, slixmpp"]


def less_others(kind: str, stack: str) -> Row:
    """Return the row of a stack, less what others do in it."""
    return Row(f"{stack}, less that of others", ours_ratio(kind, stack), ours(kind, stack))


def table(kind: str, title: str) -> Table:
    """Return what a handler's calls cost, and what of it is ours."""
    base = f"{kind}, slixmpp"
    rows = [against("slixmpp", base, base), *(against(part, part, base) for part in ALONE)]
    for stack in LIVE:
        rows += [against(stack, f"{kind}, {stack}", base), less_others(kind, stack)]
    return Table(f"live-{kind}", title, rows)


QUESTION = Question(
    name="telemetry",
    asks="What does a call cost while telemetry records, and how much of it is the SDK's and structlog's own?",
    cases=cases,
    tables=[table("plain", "A write, plain handler, live"), table("coroutine", "A write, coroutine handler, live")],
    processes=2,
)
