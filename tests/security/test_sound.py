"""What was looked at and found sound, and stays so."""

from __future__ import annotations

import asyncio
import logging
from contextlib import nullcontext
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from slixmpp import JID
from slixmpp.exceptions import XMPPError

from slixmpp_middleware import Caching, Logging, Metrics, Retry, Timeout, Tracing
from slixmpp_pipeline import install
from slixmpp_pipeline.testing import FakeClient, Recorder

MARK = "marked"
HOSTILE: dict[str, Any] = {
    "jid": f"romeo@montague.example/{MARK}",
    "node": f"{MARK}\n\x1b[31mnode",
    "ifrom": JID(f"eve@{MARK}.example/{MARK}"),
    "args": f"{MARK}\x00\nlevel=error",
}
OUTCOMES = {
    "an answer": None,
    "a refusal": XMPPError("item-not-found", text=f"{MARK}\n"),
    "a failure": ValueError(f"{MARK}\n\x1b[0m"),
    "an error that may pass": ConnectionError(f"{MARK}\r"),
}


def call(api: Any, outcome: Exception | None) -> None:
    def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        if outcome is not None:
            raise outcome
        return MARK

    async def pause(seconds: float) -> None:
        """Wait for nothing."""

    api.use(Retry(2, sleep=pause))
    api.register(handler, "xep_0231", "get_bob")
    with nullcontext() if outcome is None else pytest.raises(type(outcome)):
        assert api.xmpp.loop.run_until_complete(ask(api)) == MARK


async def ask(api: Any) -> Any:
    return await api.run("xep_0231", "get_bob", **HOSTILE)


@pytest.mark.parametrize("name", OUTCOMES)
def test_labels_and_spans_have_nothing_of_a_peer(name: str) -> None:
    reader, spans = InMemoryMetricReader(), InMemorySpanExporter()
    meters, tracers = MeterProvider([reader], shutdown_on_exit=False), TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    call(install(FakeClient(), Tracing(tracers), Metrics(meters), Caching(60), Timeout(5)), OUTCOMES[name])
    data = reader.get_metrics_data()
    assert data is not None
    points = [
        dict(point.attributes or {})
        for metric in data.resource_metrics[0].scope_metrics[0].metrics
        for point in metric.data.data_points
    ]
    (span,) = spans.get_finished_spans()
    assert points
    for shown in (points, span.name, dict(span.attributes or {}), [dict(one.attributes or {}) for one in span.events]):
        assert MARK not in repr(shown).replace("exception.message", "")


@pytest.mark.parametrize("name", OUTCOMES)
def test_no_control_character_reaches_a_line_of_the_log(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "slixmpp_pipeline")
    call(install(FakeClient(), Logging(jids="full"), Caching(60), Timeout(5)), OUTCOMES[name])
    (message,) = caplog.messages
    assert message.isprintable()
    assert "level=error" not in message
    assert caplog.records[0].exc_info is None or "failed" in message


async def test_writes_under_way_keep_nobody_from_a_hit() -> None:
    asked, gate, count = Recorder(), asyncio.Event(), 2000
    caching = Caching(60)
    api = install(FakeClient(), caching, asked)
    api.exclude(asked, ctype="xep_0054", op="set_vcard")

    async def set_vcard(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        await gate.wait()

    api.register(lambda jid, node, ifrom, args: "a card", "xep_0054", "get_vcard")
    api.register(set_vcard, "xep_0054", "set_vcard")
    await api.run("xep_0054", "get_vcard", "romeo@montague.example")
    writes = [api.run("xep_0054", "set_vcard", f"stranger{number}@evil.example") for number in range(count)]
    for _ in range(3):
        await api.run("xep_0054", "get_vcard", "romeo@montague.example")
    assert caching.statistics(api).hits == 3
    assert len(asked.calls) == 1
    gate.set()
    await asyncio.gather(*writes)


async def test_tenants_of_one_cache_are_apart() -> None:
    caching = Caching(60, shared=True)
    answers = []
    for name in ("one", "other"):
        api = install(FakeClient(), caching)
        api.register(lambda jid, node, ifrom, args, name=name: name, "xep_0054", "get_vcard")
        answers += [await api.run("xep_0054", "get_vcard", "romeo@montague.example") for _ in range(2)]
    assert answers == ["one", "one", "other", "other"]
