"""Which call a line of a log belongs to."""

from __future__ import annotations

import asyncio
import io
import logging
from typing import Any

import pytest
import structlog
from opentelemetry.sdk.trace import TracerProvider
from slixmpp import JID

from slixmpp_middleware import CallContext, CallFilter, Logging, Tracing, add_call, add_trace
from slixmpp_pipeline import Layer, PipelineRegistry, install
from slixmpp_pipeline.testing import FakeClient, check_layer
from tests.layers import passing


@pytest.fixture
def provider() -> TracerProvider:
    return TracerProvider(shutdown_on_exit=False)


def fields() -> dict[str, Any]:
    return dict(add_call(None, "info", {}))


def made(*layers: Layer, handler: Any = None) -> PipelineRegistry:
    api = install(FakeClient(), *layers)
    api.register(handler or plain, "weather", "get")
    return api


def plain(jid: JID, node: str, ifrom: JID | None, args: Any) -> dict[str, Any]:
    return fields()


async def waits(jid: JID, node: str, ifrom: JID | None, args: Any) -> list[dict[str, Any]]:
    async def in_task() -> dict[str, Any]:
        return fields()

    await asyncio.sleep(0)
    return [fields(), await asyncio.create_task(in_task()), await asyncio.to_thread(fields)]


@pytest.mark.parametrize("handler", [plain, waits])
@pytest.mark.parametrize("around", [(), (passing,)], ids=["alone", "in a layer"])
async def test_is_known_in_the_call_and_nowhere_else(handler: Any, around: tuple[Layer, ...]) -> None:
    api = made(*around, CallContext(), handler=handler)
    expected = {"ctype": "weather", "op": "get", "handler": f"{__name__}.{handler.__name__}"}
    found = await api.run("weather", "get", "romeo@montague.example")
    assert found == (expected if handler is plain else [expected] * 3)
    assert fields() == {}


async def test_is_gone_for_tasks_that_the_call_left_behind() -> None:
    left: list[asyncio.Task[None]] = []
    seen: list[dict[str, Any]] = []

    async def later() -> None:
        seen.append(fields())
        await asyncio.sleep(0.01)
        seen.append(fields())

    async def begins(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        left.append(asyncio.create_task(later()))
        await asyncio.sleep(0)

    await made(CallContext(), handler=begins).run("weather", "get")
    await left[0]
    assert [one.get("op") for one in seen] == ["get", None]


async def test_call_inside_a_call_is_told_and_then_the_outer_one_again() -> None:
    api = made(CallContext())

    async def outer(jid: JID, node: str, ifrom: JID | None, args: Any) -> list[Any]:
        return [(await api.run("weather", "get"))["op"], fields()["op"]]

    api.register(outer, "weather", "outer")
    assert await api.run("weather", "outer") == ["get", "outer"]


def test_layers_between_two_of_them_still_know() -> None:
    seen: list[Any] = []

    async def between(call: Any, call_next: Any, /) -> Any:
        answer = await call_next(call)
        seen.append(fields().get("op"))
        return answer

    assert made(CallContext(), between, CallContext()).run("weather", "get").done()
    assert seen == ["get"]


async def test_call_that_is_thrown_away_in_another_leaves_that_one_known() -> None:
    thrown: list[Any] = []

    async def begins(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        await asyncio.Event().wait()

    async def throws(jid: JID, node: str, ifrom: JID | None, args: Any) -> dict[str, Any]:
        thrown[0].get_coro().close()
        return fields()

    api = made(CallContext(), passing, handler=begins)
    api.register(throws, "weather", "throw")
    thrown.append(api.run("weather", "get"))
    assert (await api.run("weather", "throw"))["op"] == "throw"
    thrown[0].cancel()


def test_call_without_a_handler_has_none() -> None:
    async def look(call: Any, call_next: Any, /) -> Any:
        return fields()

    assert made(CallContext(), look).run("weather", "set").result() == {"ctype": "weather", "op": "set"}


def test_what_an_event_has_stays() -> None:
    seen: list[Any] = []
    api = made(CallContext(), handler=lambda *_: seen.append(add_call(None, "info", {"op": "mine"})))
    assert api.run("weather", "get").done()
    assert (seen[0]["op"], seen[0]["ctype"]) == ("mine", "weather")


def test_it_keeps_the_laws() -> None:
    check_layer(CallContext)


class TestTrace:
    @pytest.mark.parametrize("order", [(Logging, Tracing), (Tracing, Logging)], ids=lambda order: order[0].__name__)
    def test_is_in_the_events_of_logging_whatever_the_order(self, provider: TracerProvider, order: Any) -> None:
        seen: list[Any] = []
        layers = [Tracing(provider) if kind is Tracing else Logging() for kind in order]
        api = made(*layers, handler=lambda *_: seen.append(add_trace(None, "info", {})))
        with structlog.testing.capture_logs() as events:
            assert api.run("weather", "get").done()
        (event,), (inside,) = events, seen
        assert (event["trace_id"], event["span_id"]) == (inside["trace_id"], inside["span_id"])
        assert (len(event["trace_id"]), len(event["span_id"])) == (32, 16)
        assert "events" not in event

    def test_is_not_there_without_a_span(self, provider: TracerProvider) -> None:
        with structlog.testing.capture_logs() as events:
            assert made(Logging(), Tracing()).run("weather", "get").done()
        assert "trace_id" not in events[0]
        assert add_trace(None, "info", {"event": "hello"}) == {"event": "hello"}
        with provider.get_tracer("test").start_as_current_span("mine"):
            assert add_trace(None, "info", {"span_id": "kept"})["span_id"] == "kept"


def test_filter_gives_records_all_fields(provider: TracerProvider) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(op)s|%(handler)s|%(trace_id)s|%(message)s"))
    handler.addFilter(CallFilter())
    log = logging.getLogger("test_filter_gives_records_all_fields")
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    api = made(Tracing(provider), CallContext(), handler=lambda *_: log.info("in the call"))
    assert api.run("weather", "get").done()
    log.info("outside")
    log.info("with its own", extra={"op": "mine"})
    inside, outside, own = [line.split("|") for line in stream.getvalue().splitlines()]
    assert (inside[0], inside[1].endswith("<lambda>"), len(inside[2]), inside[3]) == ("get", True, 32, "in the call")
    assert outside == ["", "", "", "outside"]
    assert own == ["mine", "", "", "with its own"]
