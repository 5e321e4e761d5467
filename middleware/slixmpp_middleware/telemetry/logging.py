"""How did each call end? A structured log event says it."""

from __future__ import annotations

import time
from asyncio import CancelledError
from collections.abc import Callable
from dataclasses import dataclass, field
from logging import DEBUG, WARNING, LogRecord
from typing import TYPE_CHECKING, Any, ClassVar

import structlog
from slixmpp.exceptions import XMPPError

from slixmpp_middleware.settings import require_callable, require_seconds
from slixmpp_middleware.telemetry.guard import FAILURES, Guard
from slixmpp_middleware.telemetry.outcomes import Jids, outcome_of, require_jids, shown
from slixmpp_middleware.telemetry.sinks import CONFIG, Sink

if TYPE_CHECKING:
    from slixmpp_pipeline import Call, CallNext, Route

# Notes replace no fields of ours, no parameters of structlog's methods, and no attributes of the standard library's.
_RESERVED = frozenset(
    {
        *(
            "ctype",
            "op",
            "tier",
            "outcome",
            "duration",
            "error",
            "condition",
            "handler",
            "jid",
            "ifrom",
            "cache",
            "events",
        ),
        *("event", "self", "method_name", "level", "log_level", "logger", "timestamp"),
        *("exc_info", "stack_info", "stacklevel", "extra", "message", "asctime", "taskName"),
        *vars(LogRecord("", DEBUG, "", 0, "", (), None)),
    }
)


@dataclass(frozen=True, slots=True)
class Logging:
    """Log how each call ended, and pass it on as it is. Runs call_next once.

    | event | level | when |
    |-|-|-|
    | `call.finished` | debug | the call was answered |
    | `call.slow` | warning | it was answered after `slow` seconds or more; instead of `call.finished` |
    | `call.failed` | warning | it raised; `error` is the type's name, `condition` what a peer sees of an `XMPPError` |
    | `call.refused` | debug | it raised an `XMPPError` that refuses: of type auth, modify or cancel, and no fault |
    | `call.cancelled` | debug | it was cancelled |

    Every event has `ctype`, `op`, `tier`, `outcome` (`ok`, `error`, `timeout`, `refused` or `cancelled`), and
    `duration` in seconds. `call.slow`, `call.failed` and `call.refused` name the `handler` that was found for the call
    as given. `cache` is there if a cache inside reported its verdict, `trace_id` and `span_id` if `Tracing` is on the
    route and the call's span is recorded. `events` has the other events that layers reported, each a dict of `what` and
    its fields. Notes are there under their own names, if no field of ours, of structlog or of the standard library has
    that name. Arguments and error messages are never logged: they may be private. JIDs are personal data, so `jid` and
    `ifrom` are there only if `jids` asks for them: `"domain"`, `"bare"` or `"full"`.

    `slow` None means that no call is slow. `logger` is a structlog logger. None means structlog's default, as it is
    configured at the time of the call; while structlog is not configured, events go to the standard library's logger
    `slixmpp_pipeline`, as a line, with the fields in `extra`. A logger that raises changes no call: the first failure
    is written to stderr. `clock` gives seconds and only ever grows.

    >>> import structlog
    >>> from slixmpp_pipeline import install
    >>> from slixmpp_pipeline.testing import FakeClient
    >>> with structlog.testing.capture_logs() as events:
    ...     api = install(FakeClient(), Logging(clock=lambda: 0.0))
    ...     future = api.run("xep_0012", "get_last_activity")
    >>> events  # doctest: +NORMALIZE_WHITESPACE
    [{'ctype': 'xep_0012', 'op': 'get_last_activity', 'tier': 'none', 'outcome': 'ok',
      'duration': 0.0, 'event': 'call.finished', 'log_level': 'debug'}]
    """

    slow: float | None = None
    jids: Jids = "omit"
    logger: Any = field(default=None, repr=False, kw_only=True)
    clock: Callable[[], float] = field(default=time.perf_counter, repr=False, kw_only=True)
    _guard: Guard = field(default_factory=Guard, init=False, repr=False, compare=False)

    taskless: ClassVar[bool] = True
    role: ClassVar[str] = "telemetry"

    def __post_init__(self) -> None:
        if self.slow is not None:
            require_seconds(self.slow, "Logging: slow")
        require_jids(self.jids, "Logging: jids")
        require_callable(self.clock, "Logging: clock")
        if isinstance(self.logger, structlog.stdlib.AsyncBoundLogger):
            raise TypeError("Logging: logger: an AsyncBoundLogger is not allowed: a call does not wait for its events")
        if self.logger is not None and not callable(getattr(self.logger, "bind", None)):
            given = f"{self.logger!r} is {type(self.logger).__name__}"
            raise TypeError(f"Logging: logger: {given}; a structlog logger or None is allowed")

    def for_route(self, route: Route) -> RouteLog:
        """Bind the logger to the op."""
        return self._bound(route.ctype, route.op)

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Pass the call on, and log how it ended."""
        return await self._bound(call.ctype, call.op)(call, call_next)

    def warn(self, ctype: str, op: str, event: str, fields: dict[str, Any]) -> None:
        """Log an event of an op as a warning, with `fields`: for tools that see more of a call than a layer does.

        >>> import structlog
        >>> with structlog.testing.capture_logs() as events:
        ...     Logging().warn("xep_0054", "get_vcard", "call.held", {"duration": 0.5})
        >>> events
        [{'ctype': 'xep_0054', 'op': 'get_vcard', 'duration': 0.5, 'event': 'call.held', 'log_level': 'warning'}]
        """
        try:
            sink = Sink(self.logger, ctype, op)
            sink.refresh()
            if sink.would_log(WARNING):
                sink.log(WARNING, event, fields)
        except FAILURES:
            self._guard.failed("Logging")

    def _bound(self, ctype: str, op: str) -> RouteLog:
        return RouteLog(
            sink=Sink(self.logger, ctype, op), slow=self.slow, jids=self.jids, clock=self.clock, guard=self._guard
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteLog:
    """`Logging` on one route, with the sink of the op."""

    sink: Sink
    slow: float | None
    jids: Jids
    clock: Callable[[], float]
    guard: Guard

    taskless: ClassVar[bool] = True
    reads_events: ClassVar[bool] = True  # of each call: any may be slow, or fail

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Pass the call on, and log how it ended."""
        started = self.clock()
        try:
            result = await call_next(call)
        except (Exception, CancelledError) as error:
            self._tell(call, error, started)
            raise
        sink = self.sink
        try:  # most answers are neither slow nor of a level that is logged, and are told nobody: in the fewest steps
            if (
                CONFIG.default_wrapper_class is sink.wrapper_class
                and CONFIG.logger_factory is sink.factory
                and CONFIG.is_configured is sink.is_configured
                and not sink.would_log(DEBUG)
                and (self.slow is None or self.clock() - started < self.slow)
            ):
                return result
        except FAILURES:
            self.guard.failed("Logging")
        self._tell(call, None, started)
        return result

    def _tell(self, call: Call, error: BaseException | None, started: float) -> None:
        """Log how the call ended, and change nothing of that."""
        try:
            duration = self.clock() - started
            outcome = outcome_of(error)
            level, event = self._event(outcome, duration)
            self.sink.refresh()
            if self.sink.would_log(level):  # else fields would be collected for nothing
                self.sink.log(level, event, self._fields(call, outcome, duration) | _more(call, event, error))
        except FAILURES:
            self.guard.failed("Logging")

    def _event(self, outcome: str, duration: float) -> tuple[int, str]:
        if outcome == "ok":
            is_slow = self.slow is not None and duration >= self.slow
            return (WARNING, "call.slow") if is_slow else (DEBUG, "call.finished")
        return (DEBUG, f"call.{outcome}") if outcome in ("cancelled", "refused") else (WARNING, "call.failed")

    def _fields(self, call: Call, outcome: str, duration: float) -> dict[str, Any]:
        fields: dict[str, Any] = {"tier": str(call.answered_tier)}
        fields |= {name: value for name, value in call.notes.items() if _is_field(name)}
        fields |= {"outcome": outcome, "duration": duration}
        happened = []
        for event, _ in call.events:
            if event.what == "cache":
                fields["cache"] = event.fields.get("verdict")
            elif event.what == "trace":
                fields |= event.fields
            else:
                happened.append({"what": event.what, **event.fields})
        if happened:
            fields["events"] = happened
        if self.jids != "omit":
            fields["jid"] = shown(call.jid, self.jids)
            fields["ifrom"] = shown(call.ifrom, self.jids)
        return fields


def _more(call: Call, event: str, error: BaseException | None) -> dict[str, Any]:
    """Return the fields of calls that somebody has to look at: who answers, and how it failed."""
    if event in ("call.finished", "call.cancelled"):
        return {}
    more: dict[str, Any] = {} if error is None else {"error": type(error).__qualname__}
    if isinstance(error, XMPPError):
        more["condition"] = error.condition
    return more if call.found is None else more | {"handler": call.found.name}


def _is_field(name: object) -> bool:
    """Whether a note can be a field: whatever its name is, it must not break a call."""
    return isinstance(name, str) and name not in _RESERVED
