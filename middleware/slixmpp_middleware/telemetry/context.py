"""Which call does a line of a log belong to? For logs that handlers write, and what they call."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from opentelemetry import trace

if TYPE_CHECKING:
    from slixmpp_pipeline import Call, CallNext


class _Current:
    """The call that runs; None once it has ended, also for tasks that it has left behind."""

    __slots__ = ("call",)

    def __init__(self, call: Call) -> None:
        self.call: Call | None = call


_current: ContextVar[_Current | None] = ContextVar("slixmpp_middleware.telemetry.context", default=None)


@dataclass(frozen=True, slots=True)
class CallContext:
    """Let what runs in a call know which it is, for `add_call` and `CallFilter`. Runs call_next once.

    It is known in tasks and threads (`asyncio.to_thread`) that the call begins, and gone when the call has ended.

    >>> from slixmpp_pipeline import install
    >>> from slixmpp_pipeline.testing import FakeClient
    >>> api = install(FakeClient(), CallContext())
    >>> def get(jid, node, ifrom, args):
    ...     return add_call(None, "info", {"event": "hello"})
    >>> api.register(get, "weather", "get")
    >>> event = api.run("weather", "get").result()
    >>> event["op"], event["handler"].rpartition(".")[2]
    ('get', 'get')
    """

    taskless: ClassVar[bool] = True
    role: ClassVar[str] = "telemetry"

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Pass the call on."""
        current, outer = _Current(call), _current.get()
        _current.set(current)
        try:
            return await call_next(call)
        finally:
            current.call = None
            if _current.get() is current:  # else it is thrown away, and ends in whatever context that happens
                _current.set(outer)


def add_call(_logger: Any, _method: str, event: MutableMapping[str, Any], /) -> MutableMapping[str, Any]:
    """Add `ctype`, `op` and `handler` of the call that runs: a structlog processor.

    `CallContext` has to be among its layers. What the event has under these names stays. JIDs, nodes and args are not
    added.
    """
    for name, value in _call_fields().items():
        event.setdefault(name, value)
    return event


def add_trace(_logger: Any, _method: str, event: MutableMapping[str, Any], /) -> MutableMapping[str, Any]:
    """Add `trace_id` and `span_id` of the current OpenTelemetry span, if there is one; a structlog processor.

    They are in hexadecimal digits, as in https://www.w3.org/TR/trace-context/. What the event has under these names
    stays. In a call they are those of its span, where `Tracing` is among its layers.

    >>> add_trace(None, "info", {"event": "hello"})
    {'event': 'hello'}
    """
    for name, value in trace_fields(trace.get_current_span()).items():
        event.setdefault(name, value)
    return event


class CallFilter(logging.Filter):
    """Give each record of the standard library `ctype`, `op`, `handler`, `trace_id` and `span_id`, and pass it.

    They are as `add_call` and `add_trace` add them; text without anything outside of a call, so that a format may name
    them.

    >>> record = logging.makeLogRecord({"msg": "hello"})
    >>> CallFilter().filter(record), record.op, record.trace_id
    (True, '', '')
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Pass every record."""
        fields = dict.fromkeys(("ctype", "op", "handler", "trace_id", "span_id"), "")
        fields |= _call_fields() | trace_fields(trace.get_current_span())
        for name, value in fields.items():
            if not hasattr(record, name):
                setattr(record, name, value)
        return True


def trace_fields(span: trace.Span) -> dict[str, str]:
    """Return the ids of a span; nothing for what stands for none."""
    made = span.get_span_context()
    if not made.is_valid:
        return {}
    return {"trace_id": trace.format_trace_id(made.trace_id), "span_id": trace.format_span_id(made.span_id)}


def _call_fields() -> dict[str, str]:
    current = _current.get()
    if current is None or (call := current.call) is None:
        return {}
    fields = {"ctype": call.ctype, "op": call.op}
    if call.answered_by is not None:
        fields["handler"] = call.answered_by.name
    return fields
