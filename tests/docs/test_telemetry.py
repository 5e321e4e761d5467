"""What the telemetry page lists is what the layers emit, and all of it."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import Histogram, InMemoryMetricReader, Sum
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from slixmpp import JID
from slixmpp.exceptions import XMPPError

from slixmpp_middleware import Caching, Logging, Metrics, Retry, Timeout, Tracing
from slixmpp_pipeline import Call, CallNext, install
from slixmpp_pipeline.testing import FakeClient

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "telemetry.md"
NURSE = JID("nurse@capulet.example/hall")


def listed(heading: str) -> dict[str, list[str]]:
    """Return the rows of the page's table whose first column has this heading, by the name in it."""
    page = PAGE.read_text(encoding="utf-8")
    (table,) = re.findall(rf"^\| {heading} \|.*\n\|[-|]+\n((?:\|.*\n)+)", page, re.MULTILINE)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return {row[0].strip("`"): row[1:] for row in rows}


@dataclass(slots=True)
class Emitted:
    """Whatever came out of calls that end in every way there is."""

    log: Any = field(default_factory=structlog.testing.LogCapture)
    spans: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    reader: InMemoryMetricReader = field(default_factory=InMemoryMetricReader)
    events: dict[str, set[str]] = field(default_factory=dict)

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Look at the events, between telemetry and the other layers."""
        try:
            return await call_next(call)
        finally:
            for event, _ in call.events:
                self.events.setdefault(event.what, set()).update(event.fields)

    @property
    def metrics(self) -> list[Any]:
        data = self.reader.get_metrics_data()
        assert data is not None
        return list(data.resource_metrics[0].scope_metrics[0].metrics)


async def no_pause(_seconds: float) -> None:
    """Wait for nothing."""


@pytest.fixture
async def emitted() -> Emitted:
    """Make calls that end in every way there is."""
    emitted = Emitted()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(emitted.spans))
    meters = MeterProvider([emitted.reader], shutdown_on_exit=False)
    logger = structlog.wrap_logger(structlog.PrintLogger(), processors=[emitted.log])
    logging = Logging(slow=1, jids="full", logger=logger, clock=lambda: 0.0)
    api = install(FakeClient(), logging, Tracing(provider, jids="full"), Metrics(meters, handlers=True), emitted)
    api.use(Caching(60), Retry(2, sleep=no_pause), Timeout(0.01))
    # What is neither kept nor repeated, has no handler, and is asked for by nobody: it has what is always there.
    api.override(Logging(slow=1, logger=logger, clock=iter((0.0, 1.0)).__next__), ctype="xep_0012")
    api.override(Tracing(provider), ctype="xep_0012")
    fault = XMPPError("internal-server-error")
    errors: list[Exception] = [ConnectionError(), fault, XMPPError("forbidden"), TimeoutError(), TimeoutError()]

    async def get_vcard(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        if jid.user in {"waiting", "slow"}:
            await asyncio.Event().wait()
        if jid.user == "failing" and errors:
            raise errors.pop(0)
        return "a card"

    api.register(get_vcard, "xep_0054", "get_vcard")
    for name in ("romeo", "romeo", "failing", "failing", "failing", "slow"):
        future = api.run("xep_0054", "get_vcard", f"{name}@verona.example", ifrom=NURSE)
        await asyncio.gather(future, return_exceptions=True)
    await api.run("xep_0012", "set_last_activity")
    api.exclude(Tracing, ctype="xep_0153")
    await api.run("xep_0153", "get_hash")
    cancelled = api.run("xep_0054", "get_vcard", "waiting@verona.example", ifrom=NURSE)
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.wait([cancelled])
    return emitted


def test_log_events(emitted: Emitted) -> None:
    levels = {entry["event"]: entry["log_level"] for entry in emitted.log.entries}
    assert levels == {event: row[0] for event, row in listed("event").items()}


def test_log_fields(emitted: Emitted) -> None:
    fields = {name for entry in emitted.log.entries for name in entry} - {"event", "log_level"}
    assert fields == set(listed("field"))


def test_log_fields_that_are_always_there(emitted: Emitted) -> None:
    always = set(emitted.log.entries[0]).intersection(*emitted.log.entries) - {"event", "log_level"}
    assert always == {name for name, row in listed("field").items() if row[1].startswith("always")}


def test_span_attributes(emitted: Emitted) -> None:
    spans = emitted.spans.get_finished_spans()
    assert {name for span in spans for name in span.attributes or ()} == set(listed("attribute"))


def test_span_attributes_that_are_always_there(emitted: Emitted) -> None:
    each = [set(span.attributes or ()) for span in emitted.spans.get_finished_spans()]
    assert set.intersection(*each) == {name for name, row in listed("attribute").items() if row[1].startswith("always")}


def test_span_events(emitted: Emitted) -> None:
    events = {event.name: event for span in emitted.spans.get_finished_spans() for event in span.events}
    assert set(events) == set(listed("span event"))
    named = {name: set(re.findall(r"`([\w.]+)`", row[0])) for name, row in listed("span event").items()}
    assert {name: set(event.attributes or ()) for name, event in events.items()} == named


def test_metrics(emitted: Emitted) -> None:
    made = {metric.name: (type(metric.data), f"`{metric.unit}`") for metric in emitted.metrics}
    kinds = {"histogram": Histogram, "observable up-down counter": Sum, "counter": Sum}
    assert made == {name: (kinds[row[0]], row[1]) for name, row in listed("metric").items()}


def test_labels(emitted: Emitted) -> None:
    labels = {metric.name: {n for p in metric.data.data_points for n in p.attributes} for metric in emitted.metrics}
    assert set.union(*labels.values()) == set(listed("label"))
    assert set.intersection(*labels.values()) == {name for name, row in listed("label").items() if row[0] == "all"}


def test_boundaries(emitted: Emitted) -> None:
    (duration,) = (metric for metric in emitted.metrics if metric.name == "xmpp.api.call.duration")
    (text,) = re.findall(r"boundaries, in seconds: (.*?)\. A view", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    scale = {"µs": 1e-6, "ms": 1e-3, "s": 1.0}
    numbers = [(part.split()[-1], re.findall(r"[\d.]+", part)) for part in text.split(";")]
    shown = [float(number) * scale[unit] for unit, each in numbers for number in each]
    assert shown == pytest.approx(list(duration.data.data_points[0].explicit_bounds))


def test_reported_events(emitted: Emitted) -> None:
    listed_fields = {what: set(re.findall(r"`(\w+)`:", row[1])) for what, row in listed("reported").items()}
    assert emitted.events == listed_fields


def test_outcomes(emitted: Emitted) -> None:
    assert {entry["outcome"] for entry in emitted.log.entries} == set(listed("outcome"))
