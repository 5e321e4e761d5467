"""OpenTelemetry's instrumentation of a program that knows nothing of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from slixmpp import ComponentXMPP
from slixmpp.basexmpp import BaseXMPP

from slixmpp_inspector.clients import hear_of_clients
from slixmpp_inspector.instrumentation import SlixmppInstrumentor
from slixmpp_middleware import Timeout, Tracing
from slixmpp_pipeline import install, uninstall

BOT = """
import asyncio, sys
from slixmpp import ComponentXMPP

async def main():
    bot = ComponentXMPP("bot.localhost", "secret", "127.0.0.1", 5347)
    bot.register_plugin("xep_0012")
    if "--install" in sys.argv:
        from slixmpp_middleware import Timeout, Tracing
        from slixmpp_pipeline import install
        install(bot, Tracing(), Timeout(5))
    bot.api.run("xep_0012", "set_last_activity", "romeo@montague.example", None, None, {"seconds": 1, "status": "away"})
    print("ready")

asyncio.run(main())
"""


class Seen:
    """An SDK that keeps what it gets, and the instrumentor that is told of it."""

    def __init__(self) -> None:
        self.spans, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        traces = TracerProvider(shutdown_on_exit=False)
        traces.add_span_processor(SimpleSpanProcessor(self.spans))
        self.instrumentor = SlixmppInstrumentor()
        meters = MeterProvider([self.reader], shutdown_on_exit=False)
        self.instrumentor.instrument(tracer_provider=traces, meter_provider=meters)

    @property
    def names(self) -> list[str]:
        return [span.name for span in self.spans.get_finished_spans()]


@pytest.fixture
def seen() -> Iterator[Seen]:
    made = BaseXMPP.__init__
    seen = Seen()
    yield seen
    if seen.instrumentor.is_instrumented_by_opentelemetry:
        seen.instrumentor.uninstrument()
    assert BaseXMPP.__init__ is made


def client() -> Any:
    xmpp = ComponentXMPP("bot.localhost", "secret", "127.0.0.1", 5347)
    xmpp.api.register(lambda jid, node, ifrom, args: "rain", "weather", "get")
    return xmpp


async def test_calls_of_new_clients_are_spans_and_figures(seen: Seen) -> None:
    assert client().api.run("weather", "get").result() == "rain"
    assert seen.names == ["weather get"]
    data: Any = seen.reader.get_metrics_data()
    names = {metric.name for metric in data.resource_metrics[0].scope_metrics[0].metrics}
    assert "xmpp.api.call.duration" in names


async def test_layers_of_the_program_stay_and_count_once(seen: Seen) -> None:
    xmpp = client()
    api = install(xmpp, Tracing(), Timeout(5))
    assert api.run("weather", "get").done()
    assert seen.names == []  # the program's own Tracing has no provider
    assert "the application has its own" in str(api.explain("weather", "get"))


async def test_uninstrument_ends_it_for_live_clients_too(seen: Seen) -> None:
    xmpp, own = client(), client()
    install(own, timeout := Timeout(5))
    seen.instrumentor.uninstrument()
    for one in (xmpp, own, client()):
        assert one.api.run("weather", "get").result() == "rain"
    assert seen.names == []
    assert [step.placed.layer for step in own.api.explain("weather", "get").steps] == [timeout]


async def test_uninstrument_after_the_program_has_taken_layers_away(seen: Seen) -> None:
    xmpp, plain = client(), client()
    for step in xmpp.api.explain("weather", "get").steps:
        xmpp.api.remove(step.placed.layer)
    uninstall(plain)
    seen.instrumentor.uninstrument()
    assert [one.api.run("weather", "get").result() for one in (xmpp, plain)] == ["rain", "rain"]


def test_uninstrument_of_what_was_not_is_no_error() -> None:
    SlixmppInstrumentor()._uninstrument()


async def test_several_may_hear_of_clients_and_end_in_any_order() -> None:
    made, heard = BaseXMPP.__init__, []
    ends = [hear_of_clients(lambda _, number=number: heard.append(number)) for number in range(3)]  # type: ignore[misc]
    client()
    assert heard == [0, 1, 2]
    ends[1]()
    heard.clear()
    client()
    assert heard == [0, 2]
    ends[2]()
    ends[0]()
    heard.clear()
    client()
    assert heard == []
    BaseXMPP.__init__ = made  # type: ignore[method-assign]  # the one in the middle is still there, and silent


@pytest.mark.parametrize("flags", [[], ["--install"]], ids=["unchanged", "with layers of its own"])
def test_opentelemetry_instrument_finds_it(tmp_path: Path, flags: list[str]) -> None:
    (tmp_path / "bot.py").write_text(BOT, encoding="utf-8")
    environment = os.environ | {
        "OTEL_TRACES_EXPORTER": "console",
        "OTEL_METRICS_EXPORTER": "console",
        "OTEL_LOGS_EXPORTER": "none",
    }
    command = [str(Path(sys.executable).with_name("opentelemetry-instrument")), sys.executable, "bot.py", *flags]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=100
    )
    assert (done.returncode, "ready" in done.stdout) == (0, True), done.stderr
    assert "Configuration of configurator failed" not in done.stderr
    assert done.stdout.count('"name": "xep_0012 set_last_activity"') == 1
    assert "xmpp.api.call.duration" in done.stdout
