"""Calls under way are held, counted and can be waited for; a failure that nobody asks for is reported once."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any, TypeAlias

import pytest
from slixmpp import JID

from slixmpp_middleware import Timeout
from slixmpp_pipeline import Call, CallNext, Handler, Layer, PipelineRegistry, install
from slixmpp_pipeline.testing import FakeClient, Recorder
from tests.layers import passing

Gate: TypeAlias = "asyncio.Future[str]"


LAYERS = [
    pytest.param([], id="no layers"),
    pytest.param([passing], id="a user's layer"),
    pytest.param([Recorder()], id="a taskless layer"),
    pytest.param([Timeout(1000)], id="a timeout"),
]


def waiting(layers: list[Layer]) -> tuple[PipelineRegistry, Gate]:
    """Return a registry with an op that waits for a gate, and one that answers at once."""
    xmpp = FakeClient()
    gate: Gate = xmpp.loop.create_future()

    async def wait(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        return await asyncio.shield(gate)

    def wait_plainly(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
        return asyncio.shield(gate)

    api = install(xmpp, *layers)
    api.register(wait, "c", "wait")
    api.register(wait_plainly, "c", "wait plainly")
    api.register(lambda jid, node, ifrom, args: "now", "c", "now")
    return api, gate


@pytest.mark.parametrize("layers", LAYERS)
class TestPending:
    async def test_is_none_without_calls(self, layers: list[Layer]) -> None:
        api, _ = waiting(layers)
        assert api.pending == 0

    async def test_does_not_count_what_is_answered_at_once(self, layers: list[Layer]) -> None:
        api, _ = waiting(layers)
        assert api.run("c", "now").done()
        assert api.pending == 0

    @pytest.mark.parametrize("op", ["wait", "wait plainly"])
    async def test_counts_calls_until_they_end(self, layers: list[Layer], op: str) -> None:
        api, gate = waiting(layers)
        first, second = api.run("c", op), api.run("c", op)
        assert api.pending == 2
        gate.set_result("answer")
        assert (await first, await second) == ("answer", "answer")
        assert api.pending == 0

    async def test_forgets_a_cancelled_call(self, layers: list[Layer]) -> None:
        api, _ = waiting(layers)
        future = api.run("c", "wait")
        future.cancel()
        await asyncio.wait([future])
        assert future.cancelled()
        assert api.pending == 0

    async def test_forgets_a_failed_call(self, layers: list[Layer]) -> None:
        api, gate = waiting(layers)
        future = api.run("c", "wait")
        gate.set_exception(LookupError())
        with pytest.raises(LookupError):
            await future
        assert api.pending == 0

    async def test_counts_the_calls_of_one_registry(self, layers: list[Layer]) -> None:
        api, gate = waiting(layers)
        other, _ = waiting(layers)
        future = api.run("c", "wait")
        assert (api.pending, other.pending) == (1, 0)
        gate.set_result("answer")
        await future


def test_counts_calls_that_begin_with_the_loop(idle_loop: asyncio.AbstractEventLoop) -> None:
    xmpp = FakeClient(loop=idle_loop)
    api = install(xmpp)

    async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        return "answer"

    api.register(handler, "c", "x")
    future = api.run("c", "x")
    assert api.pending == 1
    assert idle_loop.run_until_complete(future) == "answer"
    assert api.pending == 0


@pytest.mark.parametrize("layers", LAYERS)
async def test_calls_that_wait_for_one_future_all_get_its_result(layers: list[Layer]) -> None:
    """A future remembers that somebody is about to await it; two calls begun one after the other must not mix that."""
    xmpp = FakeClient()
    gate: Gate = xmpp.loop.create_future()
    api = install(xmpp, *layers)

    async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        return await gate

    def plain(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
        return gate

    api.register(handler, "c", "coroutine")
    api.register(plain, "c", "plain")
    futures = [api.run("c", op) for op in ("coroutine", "plain", "coroutine", "plain")]

    async def unrelated() -> str:
        return await gate

    task = asyncio.create_task(unrelated())
    await asyncio.sleep(0)
    futures.append(api.run("c", "coroutine"))
    xmpp.loop.call_soon(gate.set_result, "answer")

    assert await asyncio.gather(*futures, task) == ["answer"] * 6


@pytest.mark.parametrize("layers", LAYERS)
async def test_gate_that_opens_before_the_task_runs_is_not_missed(layers: list[Layer]) -> None:
    xmpp = FakeClient()
    gate: Gate = xmpp.loop.create_future()
    api = install(xmpp, *layers)

    async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        return await gate

    api.register(handler, "c", "x")
    futures = [api.run("c", "x") for _ in range(2)]
    gate.set_result("answer")
    assert await asyncio.gather(*futures) == ["answer", "answer"]


class TestDrain:
    async def test_without_calls_returns_at_once(self) -> None:
        api, _ = waiting([])
        assert await api.drain() == 0
        assert await api.drain(0) == 0

    @pytest.mark.looptime
    async def test_waits_for_all_calls(self) -> None:
        loop = asyncio.get_running_loop()
        api = sleeping()
        futures = [api.run("c", "sleep", args=seconds) for seconds in (3, 1, 2)]
        assert await api.drain() == 0
        assert loop.time() == 3
        assert [future.result() for future in futures] == [3, 1, 2]

    @pytest.mark.looptime
    async def test_returns_after_the_time_how_many_are_left_and_cancels_none(self) -> None:
        loop = asyncio.get_running_loop()
        api = sleeping()
        futures = [api.run("c", "sleep", args=seconds) for seconds in (1, 5, 9)]
        assert await api.drain(2) == 2
        assert loop.time() == 2
        assert [future.done() for future in futures] == [True, False, False]
        assert await api.drain(4) == 1
        assert await api.drain() == 0
        assert [future.result() for future in futures] == [1, 5, 9]

    @pytest.mark.looptime
    async def test_returns_as_soon_as_none_is_left(self) -> None:
        api = sleeping()
        future = api.run("c", "sleep", args=1)
        assert await api.drain(100) == 0
        assert asyncio.get_running_loop().time() == 1
        assert future.done()

    async def test_for_no_time_only_counts(self) -> None:
        api, gate = waiting([])
        future = api.run("c", "wait")
        assert await api.drain(0) == 1
        gate.set_result("answer")
        assert await future == "answer"

    @pytest.mark.looptime
    async def test_waits_for_calls_that_begin_meanwhile(self) -> None:
        loop = asyncio.get_running_loop()
        api = sleeping()
        begun: list[asyncio.Future[Any]] = []
        loop.call_later(1, lambda: begun.append(api.run("c", "sleep", args=5)))
        loop.call_later(4, lambda: begun.append(api.run("c", "sleep", args=4)))
        first = api.run("c", "sleep", args=2)
        assert await api.drain() == 0
        assert loop.time() == 8
        assert first.done()
        assert [future.result() for future in begun] == [5, 4]

    @pytest.mark.looptime
    async def test_counts_calls_that_begin_meanwhile_against_the_same_time(self) -> None:
        loop = asyncio.get_running_loop()
        api = sleeping()
        begun: list[asyncio.Future[Any]] = []
        loop.call_later(1, lambda: begun.append(api.run("c", "sleep", args=5)))
        first = api.run("c", "sleep", args=2)
        assert await api.drain(3) == 1
        assert loop.time() == 3
        assert first.done()
        assert await begun[0] == 5

    @pytest.mark.looptime
    async def test_from_inside_a_call_does_not_wait_for_itself(self) -> None:
        api = sleeping()

        async def stop(jid: JID, node: str, ifrom: JID | None, args: Any) -> int:
            return await api.drain()

        api.register(stop, "c", "stop")
        other = api.run("c", "sleep", args=3)
        assert await api.run("c", "stop") == 0
        assert asyncio.get_running_loop().time() == 3
        assert other.done()

    @pytest.mark.looptime
    async def test_from_inside_a_call_does_not_count_itself(self) -> None:
        api = sleeping()

        async def stop(jid: JID, node: str, ifrom: JID | None, args: Any) -> int:
            return await api.drain(1)

        api.register(stop, "c", "stop")
        other = api.run("c", "sleep", args=3)
        assert await api.run("c", "stop") == 1
        assert await other == 3

    @pytest.mark.looptime
    async def test_by_a_layer_does_not_wait_for_its_own_call(self) -> None:
        api = sleeping()

        @api.layer(ctype="c", op="stop")
        async def draining(call: Call, call_next: CallNext, /) -> Any:
            return await api.drain()

        assert await asyncio.wait_for(api.run("c", "stop"), 10) == 0

    async def test_retrieves_no_failure(self) -> None:
        """Whoever drains has not seen the errors: they are still reported."""
        api, gate = waiting([])
        reports = reports_of(api)
        future: Any = api.run("c", "wait")
        asyncio.get_running_loop().call_soon(gate.set_exception, LookupError())
        assert await api.drain() == 0
        del future
        gc.collect()
        assert len(reports) == 1

    @pytest.mark.looptime
    async def test_that_is_cancelled_cancels_no_call(self) -> None:
        api = sleeping()
        future = api.run("c", "sleep", args=3)
        draining = asyncio.create_task(api.drain())
        await asyncio.sleep(1)
        draining.cancel()
        with pytest.raises(asyncio.CancelledError):
            await draining
        assert await future == 3


def sleeping() -> PipelineRegistry:
    """Return a registry with an op that sleeps for as many seconds as its args say."""
    api = install(FakeClient())

    async def sleep(jid: JID, node: str, ifrom: JID | None, args: float) -> float:
        await asyncio.sleep(args)
        return args

    api.register(sleep, "c", "sleep")
    return api


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("op", ["coroutine", "plain"])
async def test_dropped_future_is_held_and_its_call_finishes(layers: list[Layer], op: str) -> None:
    """Nothing but the call refers to what it waits for: if the call were not held, both would be collected."""
    xmpp = FakeClient()
    api = install(xmpp, *layers)
    gates: weakref.WeakSet[Gate] = weakref.WeakSet()
    acted: list[str] = []

    async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        gate: Gate = xmpp.loop.create_future()
        gates.add(gate)
        acted.append(await gate)

    def plain(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
        return handler(jid, node, ifrom, args)

    api.register(handler, "c", "coroutine")
    api.register(plain, "c", "plain")
    dropped: Any = api.run("c", op)
    for _ in range(3):
        await asyncio.sleep(0)
    del dropped
    gc.collect()
    assert api.pending == 1

    for gate in list(gates):
        gate.set_result("acted")
    assert await api.drain() == 0
    assert acted == ["acted"]


def reports_of(api: PipelineRegistry) -> list[dict[str, Any]]:
    """Collect what is reported to the loop of `api`, instead of logging it."""
    reports: list[dict[str, Any]] = []
    api.xmpp.loop.set_exception_handler(lambda loop, context: reports.append(context))
    return reports


class Lost(Exception):
    """What the handlers below raise, anew for each call: an error that is kept keeps its call, by its traceback."""


async def fails_at_once(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
    raise Lost


async def fails_after_a_while(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
    await asyncio.sleep(0)
    raise Lost


def plain_fails_after_a_while(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
    return fails_after_a_while(jid, node, ifrom, args)


FAILING = [fails_at_once, fails_after_a_while, plain_fails_after_a_while]


@pytest.mark.parametrize("layers", LAYERS)
class TestFailureThatNobodyRetrieves:
    @pytest.mark.parametrize("handler", FAILING)
    async def test_is_reported_once_with_ctype_and_op(self, layers: list[Layer], handler: Handler) -> None:
        api = install(FakeClient(), *layers)
        reports = reports_of(api)
        api.register(handler, "xep_0054", "get_vcard")

        dropped: Any = api.run("xep_0054", "get_vcard")
        await api.drain()
        for _ in range(3):
            await asyncio.sleep(0)
        del dropped
        forget(layers)
        gc.collect()

        assert len(reports) == 1
        (report,) = reports
        assert type(report["exception"]) is Lost
        assert "exception was never retrieved" in report["message"]
        assert "xep_0054 get_vcard" in repr(report.get("future", report.get("task")))

    @pytest.mark.parametrize("handler", FAILING)
    async def test_is_not_reported_if_somebody_does(self, layers: list[Layer], handler: Handler) -> None:
        api = install(FakeClient(), *layers)
        reports = reports_of(api)
        api.register(handler, "c", "x")

        future: Any = api.run("c", "x")
        with pytest.raises(Lost):
            await future
        del future
        gc.collect()

        assert reports == []

    async def test_is_not_reported_if_it_left_at_the_call(self, layers: list[Layer]) -> None:
        api = install(FakeClient(), *layers)
        reports = reports_of(api)

        def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            raise LookupError

        api.register(handler, "c", "x")
        with pytest.raises(LookupError):
            _ = api.run("c", "x")
        for _ in range(3):
            await asyncio.sleep(0)
        gc.collect()

        assert reports == []

    async def test_is_no_failure_if_it_was_cancelled(self, layers: list[Layer]) -> None:
        api, _ = waiting(layers)
        reports = reports_of(api)
        dropped: Any = api.run("c", "wait")
        dropped.cancel()
        await api.drain()
        del dropped
        gc.collect()
        assert reports == []


def forget(layers: list[Layer]) -> None:
    """Let go of the errors that recorders keep, and with them of the futures in their tracebacks."""
    for layer in layers:
        if isinstance(layer, Recorder):
            layer.calls.clear()
            layer.outcomes.clear()
