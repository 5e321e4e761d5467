"""What a type checker makes of every public name: mypy reads this file, and pytest runs it."""

from __future__ import annotations

import asyncio
import logging as stdlib_logging
from collections.abc import Coroutine, Hashable, Mapping
from contextlib import AbstractContextManager
from types import FrameType
from typing import Any, assert_type

import pytest
import structlog
from slixmpp import JID
from slixmpp.api import APIRegistry
from slixmpp.exceptions import XMPPError

from slixmpp_inspector import (
    Hold,
    Inspector,
    Profile,
    Profiler,
    RecordedCall,
    Span,
    WaitingCall,
    Watchdog,
    waiting_calls,
)
from slixmpp_middleware import (
    Caching,
    CallContext,
    CallFilter,
    Jids,
    Logging,
    Metrics,
    Retry,
    Statistics,
    Timeout,
    Tracing,
    add_call,
    add_trace,
    may_pass,
    outcome_of,
    shown,
)
from slixmpp_pipeline import (
    Attempts,
    Call,
    CallAborted,
    CallNext,
    CallRefused,
    CallTimeout,
    Entry,
    Event,
    Explanation,
    Explanations,
    Finding,
    Findings,
    Handler,
    Layer,
    Observer,
    OptedOut,
    PendingCall,
    PipelineError,
    PipelineRegistry,
    PipelineWrapper,
    Reached,
    Route,
    Suspended,
    Tier,
    being_cancelled,
    call_of,
    frozen,
    install,
    is_unchanging,
    own_task,
    stop,
    uninstall,
    waits_at,
)
from slixmpp_pipeline.catalogue import Key, Resource, arg, bare_jid
from slixmpp_pipeline.testing import FakeClient, FakePlugin, LawBroken, Recorder, check_layer

CALL = Call("c", "x", JID("romeo@montague.example"), "", None, None)


async def function_layer(call: Call, call_next: CallNext, /) -> Any:
    assert_type(call, Call)
    return await call_next(call)


async def precise_layer(call: Call, call_next: CallNext) -> str:
    return str(await call_next(call))


class ObjectLayer:
    """A layer with everything that a layer may have."""

    taskless = True
    role = "telemetry"

    def for_route(self, route: Route) -> Layer | OptedOut:
        assert_type(route.ctype, str)
        assert_type(route.op, str)
        return self if route.op.startswith("get_") else route.opt_out("not a read")

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        return await call_next(call)


def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
    return node


async def async_handler(jid: JID, node: str, ifrom: JID | None, args: dict[str, int]) -> str:
    return node


def older_handler(jid: JID, node: str, args: Any) -> str:
    return node


class ObjectHandler:
    """A handler that is no function."""

    async def __call__(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        return node


def test_layers() -> None:
    layers: list[Layer] = [function_layer, precise_layer, ObjectLayer(), Recorder(), Timeout(5), Logging()]
    layers += [Retry(3), Caching(60), Tracing(), Metrics(), Metrics(handlers=True)]
    assert len(layers) == 11
    assert_type(Caching(60).statistics(install(FakeClient())), Statistics)


def test_handlers() -> None:
    handlers: list[Handler] = [handler, async_handler, older_handler, ObjectHandler(), lambda jid, node, ifrom, args: 1]
    assert len(handlers) == 5


def test_call_next() -> None:
    async def answer(call: Call) -> str:
        return call.op

    call_next: CallNext = answer
    coroutine = assert_type(call_next(CALL), Coroutine[Any, Any, Any])
    assert asyncio.run(coroutine) == "x"


def test_call() -> None:
    assert_type(CALL.ctype, str)
    assert_type(CALL.op, str)
    assert_type(CALL.name, str)
    assert_type(CALL.jid, JID)
    assert_type(CALL.node, str)
    assert_type(CALL.ifrom, JID | None)
    assert_type(CALL.args, Any)
    assert_type(CALL.tier, Tier)
    assert_type(CALL.reached, list[Reached])
    assert_type(CALL.notes, dict[str, Any])
    assert_type(CALL.replace(jid="nurse@capulet.example", node=None, args=1), Call)


def test_tier() -> None:
    assert_type(Tier("jid+node"), Tier)
    text: str = Tier.GLOBAL
    assert text == "global"


def test_event() -> None:
    event = Event("retry", {"attempt": 2, "error_type": "OSError"})
    assert_type(event.what, str)
    assert_type(event.fields, Mapping[str, str | int | float | bool])
    assert_type(CALL.events, list[tuple[Event, int]])
    assert_type(CALL.is_observed, bool)
    assert_type(CALL.answered_tier, Tier)
    CALL.report(event)


def test_entry() -> None:
    forecast = Resource("weather", "forecast")
    entry = Entry(reads=((forecast, bare_jid),), repeatable=True, cacheable=True, vary_by=arg("unit"))
    assert_type(entry, Entry)
    assert_type(entry.reads, tuple[tuple[Resource, Key], ...])
    assert_type(entry.writes, tuple[tuple[Resource, Key], ...])
    assert_type(entry.repeatable, bool)
    assert_type(entry.cacheable, bool)
    assert_type(entry.vary_by, Key | None)
    api = install(FakeClient())
    api.declare("weather", "get", entry)
    api.declare("weather", "get", None)
    assert_type(api._compiler.chain(api, "weather", "get").route.entry, Entry | None)


def test_errors() -> None:
    error: XMPPError = PipelineError(CALL)
    timeout: TimeoutError = CallTimeout(CALL, 0.5)
    aborted: RuntimeError = CallAborted(CALL)
    refused: RuntimeError = CallRefused(CALL)
    assert_type(PipelineError(CALL).call, Call)
    assert_type(CallTimeout(CALL, 5).call, Call)
    assert_type(CallTimeout(CALL, 5).seconds, float)
    assert {type(one) for one in (error, timeout, aborted, refused)} == {
        PipelineError,
        CallTimeout,
        CallAborted,
        CallRefused,
    }


def test_install_and_uninstall() -> None:
    xmpp = FakeClient()
    api = install(xmpp, function_layer, ObjectLayer())
    assert_type(api, PipelineRegistry)
    assert_type(uninstall(xmpp), APIRegistry)


def test_registry_handlers_and_calls() -> None:
    api = install(FakeClient())
    romeo = JID("romeo@montague.example")
    api.register(handler, "c", "x")
    api.register(async_handler, "c", "y", romeo, "n")
    api.register(older_handler, "c", "x", "romeo@montague.example", default=True)
    api.register(None, "c", "x", jid=romeo, node="n")
    api.register_default(handler, "c", "x")
    api.restore_default("c", "x", "romeo@montague.example")
    api.unregister("c", "x", romeo)
    assert_type(api.run("c", "x", romeo, "n", romeo, {"any": "thing"}), asyncio.Future[Any])
    assert_type(api.run("c", "x", jid="romeo@montague.example"), asyncio.Future[Any])
    assert_type(api.settings, dict[str, dict[str, Any]])
    assert_type(api.wrap("c"), PipelineWrapper)
    api.purge("c")


def test_registry_layers() -> None:
    api = install(FakeClient())
    layer = Timeout(5)
    api.use(layer, function_layer, ObjectLayer(), Recorder())
    api.use(precise_layer, ctype="c", op="x")
    api.override(Timeout(1), "c", "x")
    api.override(function_layer, "c", instead_of=ObjectLayer)
    api.exclude(layer, Recorder, ctype="c", op="y")
    assert_type(api.bypass(Recorder, layer), AbstractContextManager[None])
    api.remove(layer)

    decorated = api.layer(ctype="d")(precise_layer)
    assert decorated is precise_layer


def test_decorated_layer_keeps_its_type() -> None:
    api = install(FakeClient())

    @api.layer
    async def named(call: Call, call_next: CallNext) -> str:
        return str(await call_next(call))

    @api.wrap("c").layer
    async def named_for_a_ctype(call: Call, call_next: CallNext) -> str:
        return str(await call_next(call))

    @api.layer()
    async def counted(call: Call, call_next: CallNext) -> int:
        await call_next(call)
        return 1

    async def answer(call: Call) -> None:
        return None

    assert_type(asyncio.run(counted(CALL, answer)), int)
    assert_type(asyncio.run(named(CALL, answer)), str)
    assert_type(asyncio.run(named_for_a_ctype(CALL, answer)), str)


def test_registry_questions() -> None:
    api = install(FakeClient(), Logging())
    api.register(handler, "c", "x")
    explanation = api.explain("c", "x", "romeo@montague.example", "n")
    assert_type(explanation, Explanation)
    assert_type(api.explain(), Explanations)
    assert_type(api.explain("c"), Explanations)
    assert_type(api.wrap("c").explain(), Explanations)
    assert_type(explanation.ctype, str)
    assert_type(explanation.op, str)
    assert_type(explanation.jid, JID)
    assert_type(explanation.node, str)
    assert_type(explanation.handler, Handler | None)
    assert_type(explanation.tier, Tier)
    assert_type(explanation.shadowed, tuple[tuple[Handler, Tier], ...])
    (step,) = explanation.steps
    assert_type(step.layer, Layer | None)
    assert_type(step.reason, str)
    assert_type(step.placed.layer, Layer)
    assert_type(step.placed.scope, str)
    assert_type(step.placed.where, str)
    findings = api.lint()
    assert_type(findings, Findings)
    assert_type(api.pending, int)
    drained = assert_type(api.drain(0.5), Coroutine[Any, Any, int])
    assert api.xmpp.loop.run_until_complete(drained) == 0


def test_finding() -> None:
    finding = Finding(reason="it hurts", layers=("outer", "inner"), scopes=("everywhere",))
    assert_type(finding.reason, str)
    assert_type(finding.layers, tuple[str, ...])
    assert_type(finding.scopes, tuple[str, ...])


def test_wrapper() -> None:
    wrapper = install(FakeClient()).wrap("c")
    romeo = JID("romeo@montague.example")
    assert_type(wrapper, PipelineWrapper)
    assert_type(wrapper.api, PipelineRegistry)
    assert_type(wrapper.name, str)
    wrapper.register(handler, "x")
    wrapper.register(async_handler, "y", romeo, "n")
    wrapper.register(older_handler, "x", "romeo@montague.example", default=True)
    wrapper.register_default(handler, "x")
    wrapper.unregister("x", romeo)
    wrapper.restore_default("x")
    assert_type(wrapper.run("x", romeo, "n", romeo, 1), asyncio.Future[Any])
    assert_type(wrapper["x"](jid=romeo, args=1), asyncio.Future[Any])
    wrapper.use(function_layer, Timeout(5))
    wrapper.use(ObjectLayer(), op="x")
    wrapper.override(Timeout(1), "x")
    wrapper.exclude(ObjectLayer, op="y")
    assert wrapper.layer(op="z")(precise_layer) is precise_layer


def test_route() -> None:
    seen: list[Route] = []

    class Curious(ObjectLayer):
        def for_route(self, route: Route) -> Any:
            seen.append(route)
            return None

    assert install(FakeClient(), Curious()).run("c", "x").done()
    (route,) = seen
    assert_type(route, Route)
    assert_type(route.ctype, str)
    assert_type(route.op, str)


def test_begun_and_own_task() -> None:
    async def answer() -> int:
        await own_task()
        assert_type(being_cancelled(), bool)
        return 1

    async def main() -> Any:
        coroutine = answer()
        begun = Suspended(coroutine, coroutine.send(None))
        await begun.ensure_task()
        return await begun

    assert asyncio.run(main()) == 1


def test_testing() -> None:
    loop = asyncio.new_event_loop()
    xmpp = FakeClient("romeo@montague.example", is_component=False, loop=loop, plugins=["c"])
    loop.close()
    assert_type(xmpp.boundjid, JID)
    assert_type(xmpp.is_component, bool)
    assert_type(xmpp.loop, asyncio.AbstractEventLoop)
    assert_type(xmpp.plugin, dict[str, FakePlugin])
    recorder = Recorder()
    assert_type(recorder.calls, list[Call])
    assert_type(recorder.outcomes, list[Any])
    failure: AssertionError = LawBroken("a law")
    assert str(failure) == "a law"
    check_layer(Recorder, ctype="c", op="x")
    check_layer(lambda: function_layer)


def test_middleware() -> None:
    timeout = Timeout(5)
    assert_type(timeout.seconds, float)
    assert_type(Timeout(0.5, clock=lambda: 0.0).clock(), float)
    logging = Logging(slow=0.1, jids="bare", logger=structlog.get_logger(), clock=lambda: 0.0)
    assert_type(logging.slow, float | None)
    assert_type(Logging(0.5).clock(), float)
    assert_type(may_pass(OSError()), bool)
    assert_type(outcome_of(OSError()), str)
    context: Layer = CallContext()
    assert context is not None
    assert_type(CallFilter().filter(stdlib_logging.makeLogRecord({})), bool)
    processors: list[structlog.types.Processor] = [add_call, add_trace]
    assert processors
    part: Jids = "bare"
    assert_type(shown("romeo@montague.example", part), str | None)
    profiler: Profiler = Profiler(part)
    assert_type(profiler.profiles("minute"), list[Profile])
    recorded: list[RecordedCall] = profiler.slowest()
    api = install(FakeClient())
    watchdog: Watchdog = Watchdog(api, 0.1, tell=lambda hold: assert_type(hold, Hold))
    assert_type(watchdog.held, Hold | None)
    assert_type(waiting_calls(api), list[WaitingCall])
    inspector: Inspector = Inspector(api, port=0, hosts={"bots.example"}, profiler=profiler, watchdog=watchdog)
    assert_type(inspector.address, str | None)
    spans: list[tuple[Span, ...]] = [one.spans for one in recorded]
    assert spans == []
    assert_type(Retry(on=lambda error: isinstance(error, OSError)).on(OSError()), bool)


def test_keys_and_watches() -> None:
    api = install(FakeClient())

    class Again:
        role = "retry"

        def for_route(self, route: Route) -> Layer:
            assert_type(route.attempts(), Attempts | None)
            return self

        async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
            return await call_next(call)

    api.use(Again())
    assert api.run("c", "op").done()
    assert_type(frozen("key"), Hashable)
    assert_type(is_unchanging("key"), bool)


async def test_calls_under_way() -> None:
    xmpp = FakeClient()
    api = install(xmpp)
    assert_type(api.calls(), list[PendingCall])
    assert_type(waits_at(api.run("c", "x")), list[FrameType])
    assert_type(call_of(None), tuple[Call, list[FrameType]] | None)
    assert_type(api.observer, Observer | None)
    with pytest.raises(AttributeError):
        assert_type(await stop(xmpp, timeout=1), int)
