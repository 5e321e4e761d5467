"""How did each call end? A structured log event says it."""

from __future__ import annotations

import time
from asyncio import CancelledError
from collections.abc import Callable
from dataclasses import dataclass, field
from logging import DEBUG, LogRecord
from typing import TYPE_CHECKING, Any, ClassVar, cast

import structlog
from slixmpp.exceptions import XMPPError

from slixmpp_middleware.settings import require_callable, require_seconds
from slixmpp_middleware.telemetry.outcomes import Jids, outcome_of, require_jids, shown

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
    | `call.cancelled` | debug | it was cancelled |

    Every event has `ctype`, `op`, `tier`, `outcome` (`ok`, `error`, `timeout` or `cancelled`), and `duration` in
    seconds. `call.slow` and `call.failed` name the `handler` that was found for the call as given. `cache` is there if
    a cache inside reported its verdict. `events` has the other events that layers inside reported, each a dict of
    `what` and its fields. Notes are there under their own names, if no field of ours, of
    structlog or of the standard library has that name. Arguments and error messages are never logged: they may be
    private. JIDs are personal data, so `jid` and `ifrom` are there only if `jids` asks for them: `"domain"`, `"bare"`
    or `"full"`.

    `slow` None means that no call is slow. `logger` is a structlog logger, None for structlog's default as it is
    configured when a route is compiled. `clock` gives seconds and only ever grows.

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

    taskless: ClassVar[bool] = True
    role: ClassVar[str] = "telemetry"

    def __post_init__(self) -> None:
        if self.slow is not None:
            require_seconds(self.slow, "Logging: slow")
        require_jids(self.jids, "Logging: jids")
        require_callable(self.clock, "Logging: clock")
        if self.logger is not None and not callable(getattr(self.logger, "bind", None)):
            given = f"{self.logger!r} is {type(self.logger).__name__}"
            raise TypeError(f"Logging: logger: {given}; a structlog logger or None is allowed")

    def for_route(self, route: Route) -> RouteLog:
        """Bind the logger to the op."""
        return self._bound(route.ctype, route.op)

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Pass the call on, and log how it ended."""
        return await self._bound(call.ctype, call.op)(call, call_next)

    def _bound(self, ctype: str, op: str) -> RouteLog:
        logger = self.logger if self.logger is not None else structlog.get_logger("slixmpp_pipeline")
        logger = logger.bind(ctype=ctype, op=op)
        return RouteLog(logger=logger, slow=self.slow, jids=self.jids, clock=self.clock, is_enabled=_gate(logger))


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteLog:
    """`Logging` on one route, with a logger that is bound to the op; `is_enabled` None means never."""

    logger: Any
    slow: float | None
    jids: Jids
    clock: Callable[[], float]
    is_enabled: Callable[[int], bool] | None

    taskless: ClassVar[bool] = True
    reads_events: ClassVar[bool] = True  # of each call: any may be slow, or fail

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Pass the call on, and log how it ended."""
        started = self.clock()
        try:
            result = await call_next(call)
        except (Exception, CancelledError) as error:
            self._log_error(call, error, self.clock() - started)
            raise
        if self.slow is not None and (duration := self.clock() - started) >= self.slow:
            self.logger.warning("call.slow", **self._fields(call, "ok", duration), **_handler_of(call))
        elif self.is_enabled is not None and self.is_enabled(DEBUG):  # else fields would be collected for nothing
            self.logger.debug("call.finished", **self._fields(call, "ok", self.clock() - started))
        return result

    def _log_error(self, call: Call, error: BaseException, duration: float) -> None:
        outcome = outcome_of(error)
        if outcome == "cancelled":
            self.logger.debug("call.cancelled", **self._fields(call, outcome, duration))
            return
        fields = self._fields(call, outcome, duration) | {"error": type(error).__qualname__}
        if isinstance(error, XMPPError):
            fields["condition"] = error.condition
        self.logger.warning("call.failed", **fields, **_handler_of(call))

    def _fields(self, call: Call, outcome: str, duration: float) -> dict[str, Any]:
        fields: dict[str, Any] = {"tier": str(call.answered_tier)}
        fields |= {name: value for name, value in call.notes.items() if _is_field(name)}
        fields |= {"outcome": outcome, "duration": duration}
        happened = []
        for event, _ in call.events:
            if event.what == "cache":
                fields["cache"] = event.fields.get("verdict")
            else:
                happened.append({"what": event.what, **event.fields})
        if happened:
            fields["events"] = happened
        if self.jids != "omit":
            fields["jid"] = shown(call.jid, self.jids)
            fields["ifrom"] = shown(call.ifrom, self.jids)
        return fields


def _handler_of(call: Call) -> dict[str, str]:
    """Return the field that names the handler found for the call as given, if there is one."""
    return {} if call.found is None else {"handler": call.found.name}


def _is_field(name: object) -> bool:
    """Whether a note can be a field: whatever its name is, it must not break a call."""
    return isinstance(name, str) and name not in _RESERVED


def _gate(logger: Any) -> Callable[[int], bool] | None:
    """Return a function that tells whether a level is logged; None for never, which only structlog can mean."""
    kind = type(logger)  # its instances may answer to any name
    if hasattr(kind, "isEnabledFor"):
        return cast("Callable[[int], bool]", logger.isEnabledFor)
    if hasattr(kind, "is_enabled_for") and not logger.is_enabled_for(DEBUG):
        return None
    return _always


def _always(_level: int) -> bool:
    """Log at every level, for a logger that does not say which it drops."""
    return True
