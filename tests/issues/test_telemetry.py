"""Telemetry that fails changes no call; what is logged goes where the application said; a refusal is no failure."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest
import structlog
from opentelemetry import metrics
from opentelemetry.metrics import MeterProvider as AnyMeterProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Status, StatusCode
from slixmpp import Iq
from slixmpp.exceptions import IqError, XMPPError

from slixmpp_middleware import Logging, Metrics, Tracing
from slixmpp_middleware.telemetry.outcomes import outcome_of
from slixmpp_pipeline import CallAborted, Layer, install
from slixmpp_pipeline.testing import FakeClient, check_layer
from tests.middleware.clock import Clock


class Broken(Exception):
    """What a sink of these tests raises."""


class BrokenLogger:
    """A logger that raises at each of its methods, or from the second one on."""

    def __init__(self, *, binds: bool) -> None:
        self.binds = binds

    def bind(self, **_: Any) -> BrokenLogger:
        if self.binds:
            return self
        raise Broken

    def __getattr__(self, name: str) -> Any:
        raise Broken(name)


def break_all(_self: object, *_: Any, **__: Any) -> Any:
    raise Broken


def broken_span_processor(monkeypatch: pytest.MonkeyPatch, moment: str) -> Layer:
    provider = TracerProvider(shutdown_on_exit=False)
    processor = SimpleSpanProcessor(InMemorySpanExporter())
    monkeypatch.setattr(processor, moment, lambda *_, **__: break_all(None))
    provider.add_span_processor(processor)
    return Tracing(provider)


def broken_instruments(monkeypatch: pytest.MonkeyPatch) -> Layer:
    layer = Metrics(MeterProvider(shutdown_on_exit=False))
    monkeypatch.setattr(type(layer._instruments.duration), "record", break_all)
    return layer


def cancelled_by_its_sink() -> Any:
    class Cancels(BrokenLogger):
        def __getattr__(self, name: str) -> Any:
            raise asyncio.CancelledError

    return Cancels(binds=True)


BROKEN: dict[str, Callable[[pytest.MonkeyPatch], Layer]] = {
    "a logger that cannot be bound": lambda _: Logging(logger=BrokenLogger(binds=False)),
    "a logger": lambda _: Logging(slow=1e-9, logger=BrokenLogger(binds=True)),
    "a logger that raises a cancellation": lambda _: Logging(logger=cancelled_by_its_sink()),
    "a span processor, at the start": lambda patch: broken_span_processor(patch, "on_start"),
    "a span processor, at the end": lambda patch: broken_span_processor(patch, "on_end"),
    "an instrument": broken_instruments,
}


@pytest.mark.parametrize("kind", BROKEN)
def test_layer_with_a_broken_sink_keeps_all_laws(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_layer(lambda: BROKEN[kind](monkeypatch))


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_sink_is_reported_once(
    kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    layer = BROKEN[kind](monkeypatch)
    api = install(FakeClient(), layer)
    for op in ("get", "get", "set"):
        assert api.run("weather", op).done()

    told = capsys.readouterr().err
    assert told.startswith(f"{type(layer).__name__} failed; calls go on, and this is reported once:\nTraceback")
    assert told.count("Traceback") == 1


@pytest.mark.parametrize("how", ["raiseExceptions", "no stderr", "broken stderr"])
def test_broken_sink_is_not_reported_where_nobody_wants_or_can_hear_it(
    how: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if how == "raiseExceptions":
        monkeypatch.setattr(logging, "raiseExceptions", False)
    else:
        monkeypatch.setattr(sys, "stderr", None if how == "no stderr" else BrokenLogger(binds=True))
    api = install(FakeClient(), Logging(logger=BrokenLogger(binds=True)))
    assert api.run("weather", "get").done()
    assert capsys.readouterr().err == ""


def test_tracer_provider_that_raises_when_asked_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    layer = Tracing(provider)
    monkeypatch.setattr(provider, "get_tracer", break_all)
    api = install(FakeClient(), layer)
    assert api.run("weather", "get").done()
    assert "the tracer provider failed" in str(api.explain("weather", "get"))


def test_stdlib_bound_logger_over_a_print_logger_logs(capsys: pytest.CaptureFixture[str]) -> None:
    logger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stdout),
        processors=[structlog.processors.KeyValueRenderer()],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    api = install(FakeClient(), Logging(logger=logger))
    assert api.run("weather", "get").done()
    assert "call.finished" in capsys.readouterr().out


async def test_async_bound_logger_is_refused() -> None:
    logger = structlog.stdlib.AsyncBoundLogger(logging.getLogger("any"), [], {})
    with pytest.raises(TypeError, match="a call does not wait for its events"):
        Logging(logger=logger)


async def test_async_bound_logger_that_is_configured_is_used_without_waiting(caplog: pytest.LogCaptureFixture) -> None:
    structlog.configure(
        processors=[structlog.stdlib.render_to_log_kwargs],
        wrapper_class=structlog.stdlib.AsyncBoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    api = install(FakeClient(), Logging())
    with caplog.at_level(logging.DEBUG, "slixmpp_pipeline"):
        assert api.run("weather", "get").done()
    assert caplog.messages == ["call.finished"]


def test_text_that_is_no_jid_is_not_shown() -> None:
    with structlog.testing.capture_logs() as events:
        api = install(FakeClient(), Logging(jids="full"))
        assert api.run("weather", "get", None, None, "\udcff").done()  # type: ignore[arg-type]  # what some callers pass
    assert events[0]["ifrom"] is None


def test_while_structlog_is_not_configured_events_go_to_the_standard_librarys_logger(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock(0.0)
    api = install(FakeClient(), Logging(slow=0.1, clock=clock))
    api.register(lambda jid, node, ifrom, args: setattr(clock, "now", 0.5), "weather", "get now = 'x'\n")
    with caplog.at_level(logging.INFO, "slixmpp_pipeline"):
        assert api.run("weather", "get").done()
        assert api.run("weather", "get now = 'x'\n").done()

    (record,) = caplog.records
    handler = r"tests.issues.test_telemetry.test_while_structlog_is_not_configured_events_go_to_the_standard_librarys_"
    assert record.getMessage() == (
        "call.slow ctype=weather op=\"get now = 'x'\\n\" tier=global outcome=ok duration=0.500 "
        f"handler={handler}logger.<locals>.<lambda>"
    )
    assert (record.name, record.levelname) == ("slixmpp_pipeline", "WARNING")
    assert vars(record)["duration"] == 0.5


def test_every_op_follows_when_structlog_is_configured_later(caplog: pytest.LogCaptureFixture) -> None:
    api = install(FakeClient(), Logging())
    with caplog.at_level(logging.DEBUG, "slixmpp_pipeline"):
        assert api.run("weather", "old").done()
        for capture in (structlog.testing.LogCapture(), structlog.testing.LogCapture()):
            structlog.configure(processors=[capture])
            assert api.run("weather", "old").done()
            assert api.run("weather", "new").done()
            assert [entry["op"] for entry in capture.entries] == ["old", "new"]
        structlog.reset_defaults()
        assert api.run("weather", "old").done()
    assert [record.op for record in caplog.records] == ["old", "old"]  # type: ignore[attr-defined]  # of extra


REFUSALS = [
    (XMPPError("item-not-found", etype="cancel"), "refused"),
    (XMPPError("forbidden", etype="auth"), "refused"),
    (XMPPError("bad-request", etype="modify"), "refused"),
    (XMPPError("resource-constraint", etype="wait"), "error"),
    (XMPPError("internal-server-error", etype="cancel"), "error"),
    (XMPPError("undefined-condition", etype="cancel"), "error"),
    (XMPPError("remote-server-not-found", etype="cancel"), "error"),
    (IqError(Iq()), "error"),
    (LookupError(), "error"),
]


@pytest.mark.parametrize(("error", "outcome"), REFUSALS)
def test_refusal_is_an_error_of_the_requester(error: Exception, outcome: str) -> None:
    assert outcome_of(error) == outcome


def test_what_the_pipeline_itself_raises_is_no_refusal() -> None:
    api = install(FakeClient())

    def cancelled(*_: Any) -> None:
        raise asyncio.CancelledError

    api.register(cancelled, "weather", "get")
    with pytest.raises(CallAborted) as raised:
        api.run("weather", "get")
    assert outcome_of(raised.value) == "error"


def test_refusal_is_a_debug_event_a_label_and_no_error_of_a_span() -> None:
    def refuse(*_: Any) -> None:
        raise XMPPError("item-not-found", etype="cancel")

    exporter, reader, capture = InMemorySpanExporter(), InMemoryMetricReader(), structlog.testing.LogCapture()
    spans = TracerProvider(shutdown_on_exit=False)
    spans.add_span_processor(SimpleSpanProcessor(exporter))
    logger = structlog.wrap_logger(None, processors=[capture])
    meters = MeterProvider([reader], shutdown_on_exit=False)
    api = install(FakeClient(), Logging(logger=logger), Tracing(spans), Metrics(meters))
    api.register(lambda *given: refuse(*given), "weather", "get")
    with pytest.raises(XMPPError):
        api.run("weather", "get")

    (entry,) = capture.entries
    assert (entry["event"], entry["log_level"], entry["condition"]) == ("call.refused", "debug", "item-not-found")
    (span,) = exporter.get_finished_spans()
    attributes = span.attributes or {}
    assert (attributes["xmpp.api.outcome"], attributes["xmpp.api.condition"]) == ("refused", "item-not-found")
    assert (span.status.status_code, "error.type" in attributes) == (Status().status_code, False)
    assert span.status.status_code is StatusCode.UNSET
    (point,) = points(reader, "xmpp.api.call.duration")
    assert point.attributes["xmpp.api.condition"] == "item-not-found"
    assert "error.type" not in point.attributes


def points(reader: InMemoryMetricReader, name: str) -> list[Any]:
    data = reader.get_metrics_data()
    assert data is not None
    return [
        point
        for metric in data.resource_metrics[0].scope_metrics[0].metrics
        if metric.name == name
        for point in metric.data.data_points
    ]


@pytest.mark.parametrize("first", ["given", "of the process"])
async def test_calls_in_flight_of_one_provider_add_up(first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def wait(*_: Any) -> None:
        await gate.wait()

    def handler(jid: Any, node: Any, ifrom: Any, args: Any) -> Any:
        return wait()

    gate, reader = asyncio.Event(), InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    layers = [Metrics(provider), Metrics()] if first == "given" else [Metrics(), Metrics(provider)]

    def get_meter_provider() -> AnyMeterProvider:
        return provider

    monkeypatch.setattr(metrics, "get_meter_provider", get_meter_provider)
    calls = []
    for layer in layers:
        api = install(FakeClient(), layer)
        api.register(handler, "weather", "get")
        calls.append(api.run("weather", "get"))
    await asyncio.sleep(0)
    assert sum(point.value for point in points(reader, "xmpp.api.calls.in_flight")) == 2
    gate.set()
    await asyncio.gather(*calls)


def test_logger_that_fails_to_say_which_levels_it_drops_changes_no_call(capsys: pytest.CaptureFixture[str]) -> None:
    class Forgetful:
        """A logger that knows its level at first."""

        def __init__(self) -> None:
            self.answers = [False, False]

        def bind(self, **_: Any) -> Forgetful:
            return self

        def isEnabledFor(self, _level: int) -> bool:  # noqa: N802  the standard library's name
            return self.answers.pop()

        def debug(self, event: str, **_: Any) -> None:
            raise AssertionError(event)

        warning = debug

    api = install(FakeClient(), Logging(logger=Forgetful()))
    for _ in range(3):
        assert api.run("weather", "get").done()
    assert capsys.readouterr().err.count("IndexError") == 1
