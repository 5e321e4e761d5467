"""Logging and Timeout in one stack: what the one does is what the other reports."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import structlog
from slixmpp import JID

from slixmpp_middleware import Logging, Timeout
from slixmpp_pipeline import Call, CallNext, CallTimeout, Handler, Layer, PipelineRegistry, install
from slixmpp_pipeline.testing import FakeClient

pytestmark = pytest.mark.looptime


async def passing(call: Call, call_next: CallNext, /) -> Any:
    return await call_next(call)


async def sleep(jid: JID, node: str, ifrom: JID | None, args: float) -> str:
    await asyncio.sleep(args)
    return "slept"


def sleep_plainly(jid: JID, node: str, ifrom: JID | None, args: float) -> Any:
    return sleep(jid, node, ifrom, args)


BETWEEN = [pytest.param([], id="nothing between"), pytest.param([passing], id="a user's layer between")]


def stacked(between: list[Layer], *, logging_outside: bool, slow: float | None = None) -> tuple[PipelineRegistry, Any]:
    clock = asyncio.get_running_loop().time
    capture = structlog.testing.LogCapture()
    logger = structlog.wrap_logger(None, processors=[capture], wrapper_class=structlog.make_filtering_bound_logger(0))
    log, limit = Logging(slow=slow, logger=logger, clock=clock), Timeout(2, clock=clock)
    layers = [log, *between, limit] if logging_outside else [limit, *between, log]
    return install(FakeClient(), *layers), capture.entries


def shown(events: list[Any]) -> list[tuple[Any, ...]]:
    return [(one["event"], one["outcome"], one.get("error"), one["duration"]) for one in events]


@pytest.mark.parametrize("handler", [sleep, sleep_plainly])
@pytest.mark.parametrize("between", BETWEEN)
class TestLoggingOutside:
    async def test_reports_a_timeout_as_one(self, between: list[Layer], handler: Handler) -> None:
        api, events = stacked(between, logging_outside=True)
        api.register(handler, "c", "x")
        with pytest.raises(CallTimeout):
            await api.run("c", "x", args=10)
        assert shown(events) == [("call.failed", "timeout", "CallTimeout", 2)]

    async def test_reports_an_answer_in_time(self, between: list[Layer], handler: Handler) -> None:
        api, events = stacked(between, logging_outside=True, slow=1.5)
        api.register(handler, "c", "x")
        assert await api.run("c", "x", args=1) == "slept"
        assert await api.run("c", "x", args=1.75) == "slept"
        assert shown(events) == [("call.finished", "ok", None, 1), ("call.slow", "ok", None, 1.75)]

    async def test_reports_a_cancellation_by_the_user(self, between: list[Layer], handler: Handler) -> None:
        api, events = stacked(between, logging_outside=True)
        api.register(handler, "c", "x")
        future = api.run("c", "x", args=10)
        await asyncio.sleep(1)
        future.cancel()
        await asyncio.wait([future])
        assert future.cancelled()
        assert shown(events) == [("call.cancelled", "cancelled", None, 1)]

    async def test_reports_a_call_cancelled_at_once(self, between: list[Layer], handler: Handler) -> None:
        api, events = stacked(between, logging_outside=True)
        api.register(handler, "c", "x")
        future = api.run("c", "x", args=10)
        future.cancel()
        await asyncio.wait([future])
        assert future.cancelled()
        assert shown(events) == [("call.cancelled", "cancelled", None, 0)]


@pytest.mark.parametrize("handler", [sleep, sleep_plainly])
@pytest.mark.parametrize("between", BETWEEN)
class TestLoggingInside:
    async def test_sees_the_cancellation_that_the_timeout_makes(self, between: list[Layer], handler: Handler) -> None:
        api, events = stacked(between, logging_outside=False)
        api.register(handler, "c", "x")
        with pytest.raises(CallTimeout):
            await api.run("c", "x", args=10)
        assert shown(events) == [("call.cancelled", "cancelled", None, 2)]

    async def test_reports_an_answer_in_time(self, between: list[Layer], handler: Handler) -> None:
        api, events = stacked(between, logging_outside=False)
        api.register(handler, "c", "x")
        assert await api.run("c", "x", args=1) == "slept"
        assert shown(events) == [("call.finished", "ok", None, 1)]


@pytest.mark.parametrize("outside", [True, False])
@pytest.mark.parametrize("between", BETWEEN)
async def test_plain_function_is_answered_at_once_and_logged(between: list[Layer], outside: bool) -> None:
    api, events = stacked(between, logging_outside=outside)
    api.register(lambda jid, node, ifrom, args: "answer", "c", "x")
    assert api.run("c", "x").result() == "answer"
    assert shown(events) == [("call.finished", "ok", None, 0)]


@pytest.mark.parametrize("outside", [True, False])
@pytest.mark.parametrize("between", BETWEEN)
async def test_error_of_a_plain_function_leaves_at_the_call_and_is_logged(between: list[Layer], outside: bool) -> None:
    error = LookupError()

    def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        raise error

    api, events = stacked(between, logging_outside=outside)
    api.register(handler, "c", "x")
    with pytest.raises(LookupError) as raised:
        _ = api.run("c", "x")
    assert raised.value is error
    assert shown(events) == [("call.failed", "error", "LookupError", 0)]


async def test_op_with_its_own_timeout_is_logged_with_that() -> None:
    clock = asyncio.get_running_loop().time
    api, events = stacked([], logging_outside=True)
    api.override(Timeout(0.5, clock=clock), "c", "fast")
    api.register(sleep, "c", "fast")
    api.register(sleep, "c", "slow")
    for op, seconds in (("fast", 0.5), ("slow", 2)):
        with pytest.raises(CallTimeout) as raised:
            await api.run("c", op, args=10)
        assert raised.value.seconds == seconds
    assert [(one["op"], one["duration"]) for one in events] == [("fast", 0.5), ("slow", 2)]


async def test_timeouts_at_once_are_logged_one_by_one() -> None:
    api, events = stacked([passing], logging_outside=True)
    api.register(sleep, "c", "x")
    futures = [api.run("c", "x", args=10 if index % 2 else 1) for index in range(20)]
    results = await asyncio.gather(*futures, return_exceptions=True)
    assert [type(result) for result in results] == [str, CallTimeout] * 10
    assert sorted(shown(events)) == sorted(
        [("call.finished", "ok", None, 1)] * 10 + [("call.failed", "timeout", "CallTimeout", 2)] * 10
    )
    assert api.pending == 0
