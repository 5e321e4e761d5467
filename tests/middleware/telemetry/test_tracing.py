"""Each call is a span, in its place in the trace, and nothing private is in it."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterator
from contextvars import copy_context
from typing import Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler, SamplingResult
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags
from slixmpp import JID
from slixmpp.exceptions import IqTimeout, XMPPError
from slixmpp.stanza import Iq

from slixmpp_middleware import Timeout
from slixmpp_middleware.telemetry.tracing import TracerSource, Tracing
from slixmpp_pipeline import Call, CallNext, CallRefused, CallTimeout, Event, PipelineRegistry, install
from slixmpp_pipeline.testing import FakeClient, Recorder, check_layer
from tests.layers import Noting, Reporting
from tests.middleware.aborted import abort
from tests.middleware.process import printed

ROMEO = "romeo@montague.example/orchard"
SECRET = "wherefore art thou"


class Spans:
    """A provider, and the spans that it finished."""

    def __init__(self, sampler: Sampler = ALWAYS_ON) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = self.provider.get_tracer("test")

    @property
    def finished(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    @property
    def names(self) -> list[str]:
        return [span.name for span in self.finished]

    @property
    def only(self) -> ReadableSpan:
        (span,) = self.finished
        return span

    @property
    def attributes(self) -> dict[str, Any]:
        return dict(self.only.attributes or {})


@pytest.fixture
def spans() -> Spans:
    return Spans()


@pytest.fixture
def api(spans: Spans) -> PipelineRegistry:
    return install(FakeClient(), Tracing(spans.provider))


def answer(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
    return "answer"


async def answer_async(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
    return "answer"


def name_of(span: trace.Span) -> str:
    return str(getattr(span, "name", "none"))


class TestSpan:
    def test_of_an_answer(self, api: PipelineRegistry, spans: Spans) -> None:
        api.register(answer, "xep_0054", "get_vcard", jid=ROMEO)

        assert api.run("xep_0054", "get_vcard", ROMEO).result() == "answer"

        assert (spans.only.name, spans.only.kind) == ("xep_0054 get_vcard", SpanKind.INTERNAL)
        assert spans.only.status.status_code is StatusCode.UNSET
        assert spans.attributes == {
            "xmpp.api.ctype": "xep_0054",
            "xmpp.api.op": "get_vcard",
            "xmpp.api.tier": "jid",
            "xmpp.api.outcome": "ok",
            "code.function.name": f"{__name__}.answer",
        }
        assert spans.only.instrumentation_scope is not None
        assert spans.only.instrumentation_scope.name == "slixmpp_pipeline"

    def test_of_no_handler_names_no_function(self, api: PipelineRegistry, spans: Spans) -> None:
        assert api.run("c", "x").result() is None
        assert spans.attributes == {
            "xmpp.api.ctype": "c",
            "xmpp.api.op": "x",
            "xmpp.api.tier": "none",
            "xmpp.api.outcome": "ok",
        }

    def test_of_a_failure_has_the_name_of_its_type_and_not_its_text(self, api: PipelineRegistry, spans: Spans) -> None:
        error = XMPPError("internal-server-error", text=SECRET)

        def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            raise error

        api.register(handler, "c", "x")
        with pytest.raises(XMPPError) as raised:
            _ = api.run("c", "x")

        assert raised.value is error
        assert (spans.attributes["xmpp.api.outcome"], spans.attributes["error.type"]) == ("error", "XMPPError")
        assert (spans.only.status.status_code, spans.only.status.description) == (StatusCode.ERROR, None)
        assert spans.only.events == ()
        assert SECRET not in spans.only.to_json()

    @pytest.mark.parametrize(
        ("error", "outcome"),
        [
            (TimeoutError(), "timeout"),
            (IqTimeout(Iq()), "timeout"),
            (CallTimeout(Call("c", "y", JID(ROMEO), "", None, None), 5), "timeout"),
            (LookupError(), "error"),
            (OSError(), "error"),
        ],
    )
    async def test_tells_timeouts_from_other_failures(self, spans: Spans, error: Exception, outcome: str) -> None:
        async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            raise error

        api = install(FakeClient(), Tracing(spans.provider))
        api.register(handler, "c", "x")
        with pytest.raises(type(error)) as raised:
            await api.run("c", "x")

        assert raised.value is error
        assert (spans.attributes["xmpp.api.outcome"], spans.attributes["error.type"]) == (outcome, type(error).__name__)
        assert spans.only.status.status_code is StatusCode.ERROR

    async def test_of_a_call_that_a_timeout_inside_ended(self, spans: Spans) -> None:
        xmpp = FakeClient()
        api = install(xmpp, Tracing(spans.provider), Timeout(0.001))
        api.register(lambda jid, node, ifrom, args: xmpp.loop.create_future(), "c", "x")
        with pytest.raises(CallTimeout):
            await api.run("c", "x")
        assert (spans.attributes["xmpp.api.outcome"], spans.attributes["error.type"]) == ("timeout", "CallTimeout")

    @pytest.mark.parametrize("kind", ["plain", "coroutine"])
    async def test_of_a_cancelled_call_is_no_error(self, spans: Spans, kind: str) -> None:
        xmpp = FakeClient()

        async def coroutine(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
            return await xmpp.loop.create_future()

        def plain(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
            return xmpp.loop.create_future()

        api = install(xmpp, Tracing(spans.provider))
        api.register(coroutine if kind == "coroutine" else plain, "c", "x")

        future = api.run("c", "x")
        await asyncio.sleep(0)
        assert spans.finished == ()
        future.cancel()
        await asyncio.wait([future])

        assert future.cancelled()
        assert spans.attributes["xmpp.api.outcome"] == "cancelled"
        assert "error.type" not in spans.attributes
        assert spans.only.status.status_code is StatusCode.UNSET

    @pytest.mark.parametrize("loop", ["on", "off"])
    async def test_of_a_cancellation_that_nobody_asked_for_is_an_error(self, spans: Spans, loop: str) -> None:
        await abort(Tracing(spans.provider), loop=loop)

        assert (spans.attributes["xmpp.api.outcome"], spans.attributes["error.type"]) == ("error", "CancelledError")
        assert spans.only.status.status_code is StatusCode.ERROR

    def test_of_the_end_of_the_program_ends(self, api: PipelineRegistry, spans: Spans) -> None:
        def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            raise SystemExit

        api.register(handler, "c", "x")
        with pytest.raises(SystemExit):
            _ = api.run("c", "x")
        assert spans.attributes["error.type"] == "SystemExit"

    async def test_of_a_call_thrown_away_is_left_alone(self, spans: Spans, caplog: pytest.LogCaptureFixture) -> None:
        """Whoever throws it away may be anywhere: OpenTelemetry would complain of the context, or hang in a lock."""

        async def forever(call: Call) -> Any:
            await asyncio.sleep(0)

        call = Call("c", "x", JID(ROMEO), "", None, None)
        inside = Tracing(spans.provider)(call, forever)
        copy_context().run(inside.send, None)
        inside.close()
        assert (spans.finished, caplog.records) == ((), [])

    async def test_is_no_trouble_to_a_refused_call(self, spans: Spans, caplog: pytest.LogCaptureFixture) -> None:
        xmpp = FakeClient()
        api = install(xmpp, Tracing(spans.provider))
        api.register(lambda jid, node, ifrom, args: asyncio.sleep(0), "c", "x")

        def call() -> None:
            with pytest.raises(CallRefused):
                _ = api.run("c", "x")

        await asyncio.to_thread(call)
        assert caplog.records == []

    async def test_ends_when_the_call_does(self, spans: Spans) -> None:
        xmpp = FakeClient()
        gate = xmpp.loop.create_future()

        async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
            return await gate

        api = install(xmpp, Tracing(spans.provider))
        api.register(handler, "c", "x")
        future = api.run("c", "x")
        assert spans.finished == ()
        gate.set_result("answer")
        assert await future == "answer"
        assert spans.names == ["c x"]


class Answering:
    """An object that can be called, and a class with a method that can."""

    def __call__(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        """Answer nothing."""

    def method(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        """Answer nothing."""


class TestFunctionName:
    @pytest.mark.parametrize(
        ("handler", "name"),
        [
            (answer, f"{__name__}.answer"),
            (answer_async, f"{__name__}.answer_async"),
            (Answering().method, f"{__name__}.Answering.method"),
            (Answering(), f"{__name__}.Answering"),
            (functools.partial(functools.partial(answer)), f"{__name__}.answer"),
            (lambda jid, node, args: None, f"{__name__}.TestFunctionName.<lambda>"),
            ("".format, "str.format"),
            (print, "builtins.print"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    async def test_is_that_of_what_was_registered(self, spans: Spans, handler: Any, name: str) -> None:
        async def instead(call: Call, call_next: CallNext, /) -> None:
            """Answer without the handler."""

        api = install(FakeClient(), Tracing(spans.provider), instead)
        api.register(handler, "c", "x")
        await api.run("c", "x")
        assert spans.attributes["code.function.name"] == name

    def test_is_of_the_call_as_given_and_the_tier_of_what_answered(self, spans: Spans) -> None:
        async def replacing(call: Call, call_next: CallNext, /) -> Any:
            return await call_next(call.replace(jid="nurse@capulet.example"))

        api = install(FakeClient(), Tracing(spans.provider), replacing)
        api.register(answer, "c", "x", jid=ROMEO)
        api.register(lambda jid, node, ifrom, args: "other", "c", "x")
        assert api.run("c", "x", ROMEO).result() == "other"
        assert spans.attributes["code.function.name"] == f"{__name__}.answer"
        assert spans.attributes["xmpp.api.tier"] == "global"


class TestPlaceInTheTrace:
    @pytest.mark.parametrize("handler_kind", ["plain", "coroutine", "waiting"])
    async def test_is_under_the_callers_span_and_over_the_handlers(self, spans: Spans, handler_kind: str) -> None:
        def plain(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
            with spans.tracer.start_as_current_span("inside"):
                return "answer"

        async def coroutine(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
            return plain(jid, node, ifrom, args)

        async def waiting(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
            await asyncio.sleep(0)
            return plain(jid, node, ifrom, args)

        api = install(FakeClient(), Tracing(spans.provider))
        api.register({"plain": plain, "coroutine": coroutine, "waiting": waiting}[handler_kind], "c", "x")

        with spans.tracer.start_as_current_span("outside"):
            future = api.run("c", "x")
            assert name_of(trace.get_current_span()) == "outside"
        assert await future == "answer"

        assert set(spans.names) == {"inside", "c x", "outside"}
        by_name = {span.name: span for span in spans.finished}
        assert by_name["inside"].parent == by_name["c x"].context
        assert by_name["c x"].parent == by_name["outside"].context
        assert trace.get_current_span() is trace.INVALID_SPAN

    def test_is_the_same_with_the_loop_off(self, api: PipelineRegistry, spans: Spans) -> None:
        seen: list[str] = []
        api.register(lambda jid, node, ifrom, args: seen.append(name_of(trace.get_current_span())), "c", "x")
        with spans.tracer.start_as_current_span("outside"):
            assert api.run("c", "x").done()
            seen.append(name_of(trace.get_current_span()))
        assert seen == ["c x", "outside"]
        assert spans.names == ["c x", "outside"]

    @pytest.mark.parametrize("outcome", ["answer", "failure", "cancellation"])
    async def test_is_left_well_by_a_call_begun_by_hand_that_goes_on_as_a_task(
        self, spans: Spans, outcome: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        xmpp = FakeClient()
        gate = xmpp.loop.create_future()
        seen: list[str] = []

        async def look() -> Any:
            seen.append(name_of(trace.get_current_span()))
            try:
                return await gate
            finally:
                seen.append(name_of(trace.get_current_span()))

        async def looking(call: Call, call_next: CallNext, /) -> Any:
            try:
                return await call_next(call)
            finally:
                seen.append(name_of(trace.get_current_span()))

        looking.taskless = True  # type: ignore[attr-defined]  # so that the call is begun by hand
        api = install(xmpp, looking, Tracing(spans.provider))
        api.register(lambda jid, node, ifrom, args: look(), "c", "x")

        with spans.tracer.start_as_current_span("outside"):
            future = api.run("c", "x")
            assert name_of(trace.get_current_span()) == "outside"
            await asyncio.sleep(0)
            match outcome:
                case "answer":
                    gate.set_result("answer")
                case "failure":
                    gate.set_exception(LookupError())
                case _:
                    future.cancel()
            await asyncio.wait([future])
            assert name_of(trace.get_current_span()) == "outside"

        assert future.cancelled() or (future.exception() is not None) == (outcome == "failure")
        assert seen == ["c x", "c x", "outside"]
        assert spans.names == ["c x", "outside"]
        assert caplog.records == []  # OpenTelemetry logs a context that is detached where it was not attached

    def test_is_left_well_by_a_call_that_begins_with_the_loop(
        self, spans: Spans, caplog: pytest.LogCaptureFixture
    ) -> None:
        with asyncio.Runner() as runner:
            api = install(FakeClient(loop=runner.get_loop()), Tracing(spans.provider))
            api.register(answer_async, "c", "x")
            with spans.tracer.start_as_current_span("outside"):
                future = api.run("c", "x")
            api.register(lambda jid, node, ifrom, args: answer_async(jid, node, ifrom, args), "c", "y")
            other = api.run("c", "y")

            async def both() -> list[str]:
                return [await future, await other]

            assert runner.run(both()) == ["answer", "answer"]
        by_name = {span.name: span for span in spans.finished}
        assert by_name["c x"].parent == by_name["outside"].context
        assert by_name["c y"].parent is None
        assert caplog.records == []

    async def test_of_a_nested_call_is_under_the_outer_one(self, spans: Spans) -> None:
        api = install(FakeClient(), Tracing(spans.provider))

        async def outer(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
            return await api.run("c", "inner")

        api.register(outer, "c", "outer")
        api.register(answer, "c", "inner")
        assert await api.run("c", "outer") == "answer"
        inner, outermost = spans.finished
        assert (inner.name, outermost.name, inner.parent) == ("c inner", "c outer", outermost.context)

    def test_is_restored_where_it_is_called_without_a_registry(self, spans: Spans) -> None:
        async def call_next(call: Call) -> str:
            return name_of(trace.get_current_span())

        inside = Tracing(spans.provider)(Call("c", "x", JID(ROMEO), "", None, None), call_next)
        with pytest.raises(StopIteration) as stop:
            inside.send(None)
        assert stop.value.value == "c x"
        assert trace.get_current_span() is trace.INVALID_SPAN


REMOTE = SpanContext(trace_id=1, span_id=2, is_remote=True, trace_flags=TraceFlags(TraceFlags.DEFAULT))


@pytest.fixture
def remote() -> Iterator[NonRecordingSpan]:
    """The caller's span, which came with a message from elsewhere, and is not recorded."""
    span = NonRecordingSpan(REMOTE)
    token = otel_context.attach(trace.set_span_in_context(span))
    yield span
    otel_context.detach(token)


class Counting(Sampler):
    """A sampler that takes one decision and counts how often it was asked, and with what."""

    def __init__(self, inner: Sampler) -> None:
        self.inner = inner
        self.asked: list[dict[str, Any]] = []

    def should_sample(
        self, parent_context: Any, trace_id: int, name: str, kind: Any = None, attributes: Any = None, *rest: Any
    ) -> SamplingResult:
        self.asked.append(dict(attributes or {}))
        return self.inner.should_sample(parent_context, trace_id, name, kind, attributes)

    def get_description(self) -> str:
        return "counting"


class TestUnsampled:
    def test_stays_unsampled_inside(self) -> None:
        """Also at the root: else the handler's spans would begin traces of their own."""
        spans = Spans(ALWAYS_OFF)
        seen: list[SpanContext] = []
        api = install(FakeClient(), Tracing(spans.provider))
        api.register(lambda jid, node, ifrom, args: seen.append(trace.get_current_span().get_span_context()), "c", "x")
        assert api.run("c", "x").done()
        (inside,) = seen
        assert (inside.is_valid, inside.trace_flags.sampled, spans.finished) == (True, False, ())

    def test_is_what_is_seen_inside_whatever_was_current(self) -> None:
        """Ids are random: some are above those of the span outside, and some below."""
        spans = Spans(ALWAYS_OFF)
        seen: list[SpanContext] = []
        api = install(FakeClient(), Tracing(spans.provider))
        api.register(lambda jid, node, ifrom, args: seen.append(trace.get_current_span().get_span_context()), "c", "x")
        with trace.use_span(Spans().tracer.start_span("outside")) as outside:
            for _ in range(30):
                assert api.run("c", "x").done()
        assert len({one.span_id for one in seen} - {outside.get_span_context().span_id}) == 30

    async def test_collects_nothing_after_the_call(self) -> None:
        async def looking(call: Call, call_next: CallNext, /) -> Any:
            result = await call_next(call)
            seen.append("notes" in vars(call))
            return result

        seen: list[bool] = []
        api = install(FakeClient(), looking, Tracing(Spans(ALWAYS_OFF).provider))
        api.register(answer, "c", "x")
        assert await api.run("c", "x") == "answer"
        assert seen == [False]

    def test_of_a_failure_passes(self) -> None:
        api = install(FakeClient(), Tracing(Spans(ALWAYS_OFF).provider))

        def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            raise LookupError

        api.register(handler, "c", "x")
        with pytest.raises(LookupError):
            _ = api.run("c", "x")

    def test_is_decided_with_what_is_known_before_the_call(self) -> None:
        sampler = Counting(ALWAYS_OFF)
        api = install(FakeClient(), Tracing(Spans(sampler).provider))
        api.register(answer, "c", "x")
        assert api.run("c", "x").done()
        assert sampler.asked == [
            {"xmpp.api.ctype": "c", "xmpp.api.op": "x", "code.function.name": f"{__name__}.answer"}
        ]

    def test_remote_parent_is_passed_on_unchanged_where_nothing_records(self, remote: NonRecordingSpan) -> None:
        seen: list[trace.Span] = []
        for provider in (None, trace.NoOpTracerProvider(), trace.get_tracer_provider()):
            api = install(FakeClient(), Tracing(provider))
            api.register(lambda jid, node, ifrom, args: seen.append(trace.get_current_span()), "c", "x")
            assert api.run("c", "x").done()
        assert seen == [remote, remote, remote]

    def test_recording_span_of_the_caller_is_not_hidden_by_a_provider_that_makes_none(self, spans: Spans) -> None:
        seen: list[trace.Span] = []

        async def call_next(call: Call) -> None:
            seen.append(trace.get_current_span())

        with spans.tracer.start_as_current_span("outside") as outside, pytest.raises(StopIteration):
            Tracing(trace.NoOpTracerProvider())(Call("c", "x", JID(ROMEO), "", None, None), call_next).send(None)
        assert seen == [outside]


class TestProvider:
    def test_that_makes_no_spans_lets_the_layer_stand_aside(self) -> None:
        api = install(FakeClient(), Tracing(trace.NoOpTracerProvider()))
        api.register(answer, "c", "x")
        assert api.run("c", "x").result() == "answer"
        assert "the tracer provider makes no spans" in str(api.explain("c", "x"))

    def test_none_costs_no_notes(self) -> None:
        seen: list[bool] = []

        async def looking(call: Call, call_next: CallNext, /) -> Any:
            result = await call_next(call)
            seen.append("notes" in vars(call))
            return result

        api = install(FakeClient(), looking, Tracing())
        api.register(answer, "c", "x")
        assert api.run("c", "x").result() == "answer"
        assert seen == [False]

    def test_is_used_by_two_clients(self, spans: Spans) -> None:
        layer = Tracing(spans.provider)
        assert install(FakeClient(), layer).run("c", "x").done()
        assert install(FakeClient(), layer).run("d", "y").done()
        assert spans.names == ["c x", "d y"]

    @pytest.mark.parametrize("name", ["as it is", "gone"])
    def test_of_the_process_may_come_later(self, name: str) -> None:
        """In a process of its own: a provider is set up once. `gone`: OpenTelemetry has renamed what is looked at."""
        script = f"""
            from opentelemetry import context, trace
            from slixmpp_middleware.telemetry import tracing
            from slixmpp_pipeline import install
            from slixmpp_pipeline.testing import FakeClient, Recorder

            if {name!r} == "gone":
                tracing.tracer_provider = object
            api = install(FakeClient(), tracing.Tracing())
            api.run("c", "before").result()

            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import SimpleSpanProcessor
            from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

            exporter, provider = InMemorySpanExporter(), TracerProvider()
            provider.add_span_processor(SimpleSpanProcessor(exporter))
            trace.set_tracer_provider(provider)
            api.run("c", "before").result()
            api.run("c", "after").result()
            api.run("c", "after").result()
            print([span.name for span in exporter.get_finished_spans()])
        """
        assert printed(script) == ["['c before', 'c after', 'c after']"]

    def test_of_the_process_is_looked_for_until_there_is_one(
        self, spans: Spans, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        api = install(FakeClient(), Tracing())
        assert api.run("c", "before").done()
        assert api.run("c", "x").done()
        monkeypatch.setattr(trace, "_TRACER_PROVIDER", spans.provider)  # it can be set once, but not taken back
        assert api.run("c", "x").done()
        assert api.run("c", "y").done()
        monkeypatch.undo()
        assert api.run("c", "x").done()  # what was found stays
        assert spans.names == ["c x", "c y", "c x"]

    def test_of_the_process_is_found_once(self, spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(trace, "_TRACER_PROVIDER", spans.provider)
        source = TracerSource(None)
        assert source.tracer is None
        assert source.found() is source.found() is source.tracer

    def test_of_the_process_that_the_environment_switched_off_lets_the_layer_stand_aside(self) -> None:
        script = """
            import os
            os.environ["OTEL_SDK_DISABLED"] = "true"
            from opentelemetry import trace
            from opentelemetry.sdk.trace import TracerProvider
            from slixmpp_middleware import Tracing
            from slixmpp_pipeline import install
            from slixmpp_pipeline.testing import FakeClient, Recorder

            trace.set_tracer_provider(TracerProvider())
            api = install(FakeClient(), Tracing())
            print("makes no spans" in str(api.explain("c", "x")))
        """
        assert printed(script) == ["True"]

    def test_of_another_type_is_refused(self) -> None:
        wrong: Any = "domain"
        with pytest.raises(TypeError, match=r"Tracing: tracer_provider: 'domain' is str; a TracerProvider or None"):
            Tracing(wrong)

    def test_is_left_out_of_the_repr(self, spans: Spans) -> None:
        assert repr(Tracing(spans.provider)) == "Tracing(jids='omit')"


class TestPrivacy:
    @pytest.mark.parametrize(
        ("jids", "expected"),
        [
            ("omit", {}),
            ("domain", {"xmpp.api.jid": "montague.example", "xmpp.api.ifrom": "capulet.example"}),
            ("bare", {"xmpp.api.jid": "romeo@montague.example", "xmpp.api.ifrom": "nurse@capulet.example"}),
            ("full", {"xmpp.api.jid": ROMEO, "xmpp.api.ifrom": "nurse@capulet.example/kitchen"}),
        ],
    )
    def test_jids_are_shown_as_asked_for(self, spans: Spans, jids: Any, expected: dict[str, str]) -> None:
        api = install(FakeClient(), Tracing(spans.provider, jids=jids))
        assert api.run("c", "x", ROMEO, ifrom=JID("nurse@capulet.example/kitchen")).done()
        shown = {name: value for name, value in spans.attributes.items() if name.endswith(("jid", "ifrom"))}
        assert shown == expected
        text = spans.only.to_json()
        assert ("montague" in text, "nurse" in text) == (jids != "omit", jids in {"bare", "full"})

    @pytest.mark.parametrize("ifrom", [None, "a@b@c", 5])
    def test_requester_that_is_none_or_no_jid_is_left_out(self, spans: Spans, ifrom: Any) -> None:
        api = install(FakeClient(), Tracing(spans.provider, jids="bare"))
        assert api.run("c", "x", ifrom=ifrom).done()
        assert spans.attributes["xmpp.api.jid"] == "juliet@capulet.example"
        assert "xmpp.api.ifrom" not in spans.attributes

    @pytest.mark.parametrize("jids", ["omit", "full"])
    def test_args_node_result_and_error_text_are_never_there(self, spans: Spans, jids: Any) -> None:
        def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
            if args["fail"]:
                raise LookupError(SECRET)
            return SECRET

        api = install(FakeClient(), Tracing(spans.provider, jids=jids))
        api.register(handler, "c", "x")
        assert api.run("c", "x", node=SECRET, args={"fail": False, "text": SECRET}).result() == SECRET
        with pytest.raises(LookupError):
            _ = api.run("c", "x", args={"fail": True, "text": SECRET})
        assert len(spans.finished) == 2
        assert not any(SECRET in span.to_json() for span in spans.finished)

    def test_part_that_is_none_is_refused(self) -> None:
        wrong: Any = "resource"
        with pytest.raises(ValueError, match=r"Tracing: jids: 'resource' is not allowed; one of omit, domain"):
            Tracing(jids=wrong)


class TestEvents:
    def test_of_a_cache_and_a_retry_are_attributes(self, spans: Spans) -> None:
        reporting = Reporting(
            Event("cache", {"verdict": "miss"}),
            Event("retry", {"attempt": 2, "error_type": "TimeoutError"}),
            Event("retry", {"attempt": 3, "error_type": "OSError"}),
        )
        api = install(FakeClient(), Tracing(spans.provider), reporting, Noting({"mine": SECRET}))
        assert api.run("c", "x").done()
        assert (spans.attributes["xmpp.api.cache"], spans.attributes["xmpp.api.attempts"]) == ("miss", 3)
        assert SECRET not in spans.only.to_json()

    def test_of_layers_inside_are_events_of_the_span_with_their_times(self, spans: Spans) -> None:
        reporting = Reporting(
            Event("retry", {"attempt": 2, "error_type": "TimeoutError"}), Event("timeout", {"seconds": 0.5})
        )
        recorder = Recorder()
        api = install(FakeClient(), Tracing(spans.provider), recorder, reporting)
        assert api.run("c", "x").done()
        times = [when for event, when in recorder.calls[0].events if event.what != "trace"]
        assert [(event.name, event.timestamp, dict(event.attributes or {})) for event in spans.only.events] == [
            ("xmpp.api.retry", times[0], {"xmpp.api.attempt": 2, "error.type": "TimeoutError"}),
            ("xmpp.api.timeout", times[1], {"xmpp.api.timeout.limit": 0.5}),
        ]

    def test_are_there_also_if_the_call_fails(self, spans: Spans) -> None:
        async def failing(call: Call, call_next: CallNext, /) -> Any:
            raise LookupError

        reporting = Reporting(Event("timeout", {"seconds": 0.5}))
        api = install(FakeClient(), Tracing(spans.provider), reporting, failing)
        with pytest.raises(LookupError):
            _ = api.run("c", "x")
        assert [event.name for event in spans.only.events] == ["xmpp.api.timeout"]

    @pytest.mark.parametrize("event", [Event("cache"), Event("retry"), Event("mine", {"attempt": 2, "verdict": "hit"})])
    def test_of_other_layers_break_nothing(self, spans: Spans, event: Event, caplog: pytest.LogCaptureFixture) -> None:
        api = install(FakeClient(), Tracing(spans.provider), Reporting(event))
        api.register(answer, "c", "x")
        assert api.run("c", "x").result() == "answer"
        assert {"xmpp.api.cache", "xmpp.api.attempts"}.isdisjoint(spans.attributes)
        assert [dict(one.attributes or {}) for one in spans.only.events] == [{}] * (event.what == "retry")
        assert caplog.records == []

    def test_are_not_recorded_for_a_span_that_is_not(self) -> None:
        seen: list[bool] = []

        async def watching(call: Call, call_next: CallNext, /) -> Any:
            seen.append(call.is_observed)
            return await call_next(call)

        for sampled in (Spans(ALWAYS_OFF), Spans()):
            assert install(FakeClient(), Tracing(sampled.provider), watching).run("c", "x").done()
        assert seen == [False, True]


@pytest.mark.parametrize("jids", ["omit", "full"])
@pytest.mark.parametrize(
    "provider",
    [None, Spans().provider, Spans(ALWAYS_OFF).provider, trace.NoOpTracerProvider()],
    ids=["none", "recording", "unsampled", "no-op"],
)
def test_keeps_the_laws(provider: trace.TracerProvider | None, jids: Any) -> None:
    check_layer(lambda: Tracing(provider, jids=jids))


async def test_plain_handler_behind_it_sees_the_callers_task(spans: Spans) -> None:
    """It needs no Task of its own, so a call of a plain handler costs none."""
    api = install(FakeClient(), Tracing(spans.provider))
    api.register(lambda jid, node, ifrom, args: (asyncio.current_task(),), "c", "x")
    assert api.run("c", "x").result() == (asyncio.current_task(),)
