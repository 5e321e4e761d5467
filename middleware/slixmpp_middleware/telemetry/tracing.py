"""What did a call lead to? It is a span, under the caller's and around the handler's."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from opentelemetry import context as otel_context
from opentelemetry import trace

from slixmpp_middleware.telemetry.context import trace_fields
from slixmpp_middleware.telemetry.guard import FAILURES, Guard
from slixmpp_middleware.telemetry.outcomes import Jids, condition_of, outcome_of, require_jids, shown
from slixmpp_middleware.telemetry.providers import tracer_provider
from slixmpp_pipeline import Event

if TYPE_CHECKING:
    from contextvars import Token

    from slixmpp_pipeline import Call, CallNext, OptedOut, Route

    Scalar: TypeAlias = str | int | float | bool

_SCOPE = "slixmpp_pipeline"

# By the events of layers inside. An attribute: its name, and the field that is its value; of several events the last.
_ATTRIBUTES = {"cache": ("xmpp.api.cache", "verdict"), "retry": ("xmpp.api.attempts", "attempt")}
# An event of the span: its name, and the names that fields have there.
_SPAN_EVENTS = {
    "retry": ("xmpp.api.retry", {"attempt": "xmpp.api.attempt", "error_type": "error.type"}),
    "timeout": ("xmpp.api.timeout", {"seconds": "xmpp.api.timeout.limit"}),
}


@dataclass(frozen=True, slots=True)
class Tracing:
    """Make each call an OpenTelemetry span, and pass it on as it is. Runs call_next once.

    The span is called `{ctype} {op}`, of kind INTERNAL. Its parent is the caller's span; spans of layers inside and
    of the handler are its children, and where it is not sampled, they are not.

    | attribute | value |
    |-|-|
    | `xmpp.api.ctype`, `xmpp.api.op` | of the call |
    | `code.function.name` | the handler found for the call as given; layers inside may have had another one answer |
    | `xmpp.api.tier` | how specific the handler is that answered |
    | `xmpp.api.outcome` | `ok`, `error`, `timeout`, `refused`, or `cancelled`: the call's task was |
    | `xmpp.api.condition` | the condition of an `XMPPError` (RFC 6120, or `_OTHER`) |
    | `error.type` | the name of the exception's type, with the status ERROR; for `error` and `timeout` only |
    | `xmpp.api.cache` | the verdict of a cache inside: the `verdict` of its event `cache` |
    | `xmpp.api.attempts` | the number of the last attempt of a retry inside: the `attempt` of its event `retry` |
    | `xmpp.api.jid`, `xmpp.api.ifrom` | only if `jids` asks for them: `"domain"`, `"bare"` or `"full"` |

    Events of layers inside are events of the span, with their own time: `xmpp.api.retry` with `xmpp.api.attempt` and
    the `error.type` that led to it, and `xmpp.api.timeout` with `xmpp.api.timeout.limit` in seconds.

    Where another layer reads events, such as `Logging`, the ids of a span that is recorded are an event `trace`.

    Arguments are never there. Nor are error messages and tracebacks, which may repeat them: the exception is not
    recorded, and the status has no description.

    `tracer_provider` None means the process's own, which may be set up later. One that raises changes no call: the
    first failure is written to stderr. A call that is thrown away unfinished, with its loop, ends no span. Names follow
    https://opentelemetry.io/docs/specs/semconv/general/attributes/ and, for those of `code` and `error`,
    https://opentelemetry.io/docs/specs/semconv/registry/attributes/.

    >>> from opentelemetry.sdk.trace import TracerProvider
    >>> from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    >>> from opentelemetry.sdk.trace.export.in_memory_span_exporter import (
    ...     InMemorySpanExporter,
    ... )
    >>> from slixmpp_pipeline import install
    >>> from slixmpp_pipeline.testing import FakeClient
    >>> exporter, provider = InMemorySpanExporter(), TracerProvider()
    >>> provider.add_span_processor(SimpleSpanProcessor(exporter))
    >>> api = install(FakeClient(), Tracing(provider))
    >>> future = api.run("xep_0012", "get_last_activity")
    >>> (span,) = exporter.get_finished_spans()
    >>> span.name, span.attributes["xmpp.api.outcome"]
    ('xep_0012 get_last_activity', 'ok')
    """

    tracer_provider: trace.TracerProvider | None = field(default=None, repr=False)
    jids: Jids = field(default="omit", kw_only=True)
    _source: TracerSource = field(init=False, repr=False, compare=False)
    _guard: Guard = field(default_factory=Guard, init=False, repr=False, compare=False)

    taskless: ClassVar[bool] = True
    role: ClassVar[str] = "telemetry"

    def __post_init__(self) -> None:
        given = self.tracer_provider
        if given is not None and not isinstance(given, trace.TracerProvider):
            raise TypeError(
                f"Tracing: tracer_provider: {given!r} is {type(given).__name__}; a TracerProvider or None is allowed"
            )
        require_jids(self.jids, "Tracing: jids")
        object.__setattr__(self, "_source", TracerSource(given))

    def for_route(self, route: Route) -> RouteTrace | OptedOut:
        """Name the span; opt out if no spans are ever made."""
        try:
            tracer = trace.get_tracer(_SCOPE, tracer_provider=self.tracer_provider)
        except FAILURES:
            self._guard.failed("Tracing")
            return route.opt_out("the tracer provider failed")
        if isinstance(tracer, trace.NoOpTracer):
            return route.opt_out("the tracer provider makes no spans")
        return self._bound(route.ctype, route.op)

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Pass the call on, in a span."""
        return await self._bound(call.ctype, call.op)(call, call_next)

    def _bound(self, ctype: str, op: str) -> RouteTrace:
        attributes = {"xmpp.api.ctype": ctype, "xmpp.api.op": op}
        return RouteTrace(
            source=self._source, name=f"{ctype} {op}", attributes=attributes, jids=self.jids, guard=self._guard
        )


class TracerSource:
    """Where spans come from: `tracer` is None until there is a provider."""

    __slots__ = ("tracer",)

    def __init__(self, provider: trace.TracerProvider | None) -> None:
        trace.get_tracer_provider()  # makes the one that OTEL_PYTHON_TRACER_PROVIDER names, if it names one
        self.tracer = None if provider is None else provider.get_tracer(_SCOPE)

    def found(self) -> trace.Tracer:
        """Return the tracer, and keep it from now on."""
        if self.tracer is None:
            self.tracer = trace.get_tracer(_SCOPE)
        return self.tracer


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTrace:
    """`Tracing` on one route: the span's name, and the attributes that all its calls share."""

    source: TracerSource
    name: str
    attributes: dict[str, str]
    jids: Jids
    guard: Guard

    taskless: ClassVar[bool] = True
    plain_call: ClassVar[bool] = True

    def __call__(self, call: Call, call_next: CallNext, /) -> Coroutine[Any, Any, Any]:
        """Pass the call on, in a span if there is a provider."""
        if self.source.tracer is None and tracer_provider() is None:
            return call_next(call)
        return self._pass_on(call, call_next)

    async def _pass_on(self, call: Call, call_next: CallNext) -> Any:
        try:
            span, token = self._begun(call)
            if span is not None and call.is_observed and span.is_recording():
                call.report(Event("trace", trace_fields(span)))
            events = call.events if span is not None and span.is_recording() else []  # recorded from now on
        except FAILURES:
            self.guard.failed("Tracing")
            span = token = None
        if span is None or token is None:
            return await call_next(call)
        try:
            result = await call_next(call)
        except GeneratorExit:  # thrown away, maybe by the garbage collector: in any context, inside the SDK's locks
            raise
        except BaseException as error:
            self._end(span, token, call, events, error)
            raise
        self._end(span, token, call, events, None)
        return result

    def _begun(self, call: Call) -> tuple[trace.Span, Token[otel_context.Context]] | tuple[None, None]:
        """Return a span that is the current one from now on; None if it would only hide the caller's."""
        span = self.source.found().start_span(self.name, attributes=self._known(call))
        if not span.is_recording() and not _was_made(span):
            return None, None
        return span, otel_context.attach(trace.set_span_in_context(span))

    def _end(
        self,
        span: trace.Span,
        token: Token[otel_context.Context],
        call: Call,
        events: list[tuple[Event, int]],
        error: BaseException | None,
    ) -> None:
        """End the span, and change nothing of how the call ended."""
        otel_context.detach(token)
        try:
            _end(span, call, events, error)
        except FAILURES:
            self.guard.failed("Tracing")

    def _known(self, call: Call) -> dict[str, str]:
        """Return the attributes that are known before the call, and so to a sampler."""
        attributes = self.attributes.copy()
        if call.found is not None:
            attributes["code.function.name"] = call.found.name
        if self.jids != "omit":
            for name, value in (("xmpp.api.jid", call.jid), ("xmpp.api.ifrom", call.ifrom)):
                if (text := shown(value, self.jids)) is not None:
                    attributes[name] = text
        return attributes


def _was_made(span: trace.Span) -> bool:
    """Whether `span` is one of its own; in the place of the caller's, what stands for none would hide that."""
    made = span.get_span_context()  # of a tracer that makes none: invalid, or the caller's, by the API's version
    return made.is_valid and made != trace.get_current_span().get_span_context()


def _end(span: trace.Span, call: Call, events: list[tuple[Event, int]], error: BaseException | None) -> None:
    """End `span` with the attributes that are known after the call."""
    if span.is_recording():
        outcome = outcome_of(error)
        attributes: dict[str, Scalar] = {"xmpp.api.tier": str(call.answered_tier), "xmpp.api.outcome": outcome}
        if (condition := condition_of(error)) is not None:
            attributes["xmpp.api.condition"] = condition
        if outcome in ("error", "timeout"):
            attributes["error.type"] = type(error).__qualname__
            span.set_status(trace.StatusCode.ERROR)
        for event, when in events:
            name, field_name = _ATTRIBUTES.get(event.what, ("", ""))
            if field_name in event.fields:
                attributes[name] = event.fields[field_name]
            if event.what in _SPAN_EVENTS:
                name, names = _SPAN_EVENTS[event.what]
                shown_fields = {names[one]: value for one, value in event.fields.items() if one in names}
                span.add_event(name, shown_fields, when)
        span.set_attributes(attributes)
    span.end()
