"""What did Tracing and Metrics report? OpenTelemetry's SDK keeps it in memory, and here it is read back."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

Counts = Mapping[str, Counter[str]]
"""By op, as `"ctype op"`: `calls`, `retries`, `timeouts`, and by what the cache did `hit`, `miss`, `joined`, `pass`."""


class Span(NamedTuple):
    """A span of Tracing: the op as `"ctype op"`, its duration in seconds, its attributes.

    `failures` are the error types that led to another attempt.
    """

    name: str
    seconds: float
    attributes: Mapping[str, Any]
    failures: tuple[str, ...]


class Telemetry:
    """The providers that Tracing and Metrics are given, and what has arrived there."""

    def __init__(self) -> None:
        os.environ.pop("OTEL_SDK_DISABLED", None)  # without its figures the demo has nothing to show
        self._spans = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        resource = Resource.get_empty()
        self.tracer_provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._spans))
        self.meter_provider = MeterProvider([self._reader], resource=resource, shutdown_on_exit=False)

    def spans(self) -> list[Span]:
        """Return the calls that have ended, as Tracing saw them."""
        return [
            Span(
                name=span.name,
                seconds=((span.end_time or 0) - (span.start_time or 0)) / 1e9,
                attributes=span.attributes or {},
                failures=tuple(
                    str((event.attributes or {})["error.type"])
                    for event in span.events
                    if event.name == "xmpp.api.retry"
                ),
            )
            for span in self._spans.get_finished_spans()
        ]

    def counts(self) -> Counts:
        """Return the calls that have ended, as Metrics counted them."""
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for instrument, point in self._points():
            of_op = counts[f"{point.attributes['xmpp.api.ctype']} {point.attributes['xmpp.api.op']}"]
            if instrument == "xmpp.api.call.duration":
                of_op["calls"] += point.count
                of_op[point.attributes.get("xmpp.api.cache", "uncached")] += point.count
            elif instrument == "xmpp.api.retries":
                of_op["retries"] += point.value
            elif instrument == "xmpp.api.timeouts":
                of_op["timeouts"] += point.value
        return counts

    def _points(self) -> Iterator[tuple[str, Any]]:
        data = self._reader.get_metrics_data()
        for of_resource in data.resource_metrics if data is not None else ():
            for of_scope in of_resource.scope_metrics:
                for metric in of_scope.metrics:
                    for point in metric.data.data_points:
                        yield metric.name, point
