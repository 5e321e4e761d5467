"""How many calls are there, how long do they take, and how do they end?"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from opentelemetry import metrics

from slixmpp_middleware.settings import require_bool, require_callable
from slixmpp_middleware.telemetry.guard import FAILURES, Guard
from slixmpp_middleware.telemetry.instruments import Instruments
from slixmpp_middleware.telemetry.names import Names
from slixmpp_middleware.telemetry.outcomes import condition_of, outcome_of
from slixmpp_middleware.telemetry.providers import meter_provider

if TYPE_CHECKING:
    from slixmpp_pipeline import Call, CallNext, Event, OptedOut, Route

# By the event: the label, the field that is its value, and the values that it may have; of several events the last.
_LABELS = {"cache": ("xmpp.api.cache", "verdict", frozenset({"hit", "miss", "joined", "pass"}))}


@dataclass(frozen=True, slots=True)
class Metrics:
    """Measure calls with OpenTelemetry, and pass them on as they are. Runs call_next once.

    | instrument | what |
    |-|-|
    | `xmpp.api.call.duration` | histogram in seconds; its count is the number of calls |
    | `xmpp.api.calls.in_flight` | up-down counter: the calls that have begun and not ended when it is read |
    | `xmpp.api.retries` | counter: the events `retry` of layers inside, attempts after the first |
    | `xmpp.api.timeouts` | counter: the events `timeout` of layers inside |

    All have `xmpp.api.ctype` and `xmpp.api.op`. The duration has `xmpp.api.tier`; `xmpp.api.outcome`, which is `ok`,
    `error`, `timeout`, `refused`, or `cancelled`; `xmpp.api.condition`, the condition of an `XMPPError` (RFC 6120, or
    `_OTHER`); `error.type`, the name of the exception's type, for `error` and `timeout`; and `xmpp.api.cache`, the
    verdict of a cache inside: `hit`, `miss`, `joined`, `pass`, or `_OTHER` for what another layer reports as `cache`.
    No label grows with the JIDs: 300 calls for 300 JIDs are one time series.

    `handlers` True adds the label `code.function.name` to the duration: the module and qualified name of the handler
    that answered. That is the handler found for the call, also if a cache answered for it, unless a layer replaced the
    call or handlers changed. A call without a handler has no such label. The first 200 names that this object sees are
    labels, all others `_OTHER`. False, the default, costs nothing.

    `meter_provider` None means the process's own, which may be set up later. Figures are the process's: clients that
    share a provider are added up. A provider that raises changes no call: the first failure is written to stderr. A
    call that is thrown away unfinished, with its loop, has no duration. `clock` gives seconds and only ever grows.
    Names follow https://opentelemetry.io/docs/specs/semconv/general/metrics/ and, for `error.type`,
    https://opentelemetry.io/docs/specs/semconv/registry/attributes/error/.

    >>> from opentelemetry.sdk.metrics import MeterProvider
    >>> from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    >>> from slixmpp_pipeline import install
    >>> from slixmpp_pipeline.testing import FakeClient
    >>> reader = InMemoryMetricReader()
    >>> api = install(FakeClient(), Metrics(MeterProvider([reader])))
    >>> for jid in ("romeo@verona.example", "nurse@verona.example"):
    ...     future = api.run("xep_0012", "get_last_activity", jid)
    >>> (of_resource,) = reader.get_metrics_data().resource_metrics
    >>> duration = of_resource.scope_metrics[0].metrics[0]
    >>> [(duration.name, point.count) for point in duration.data.data_points]
    [('xmpp.api.call.duration', 2)]
    """

    meter_provider: metrics.MeterProvider | None = field(default=None, repr=False)
    handlers: bool = field(default=False, kw_only=True)
    clock: Callable[[], float] = field(default=time.perf_counter, repr=False, kw_only=True)
    _instruments: Instruments = field(init=False, repr=False, compare=False)
    _names: Names = field(default_factory=Names, init=False, repr=False, compare=False)
    _guard: Guard = field(default_factory=Guard, init=False, repr=False, compare=False)

    taskless: ClassVar[bool] = True
    role: ClassVar[str] = "telemetry"

    def __post_init__(self) -> None:
        given = self.meter_provider
        if given is not None and not isinstance(given, metrics.MeterProvider):
            raise TypeError(
                f"Metrics: meter_provider: {given!r} is {type(given).__name__}; a MeterProvider or None is allowed"
            )
        require_bool(self.handlers, "Metrics: handlers")
        require_callable(self.clock, "Metrics: clock")
        object.__setattr__(self, "_instruments", Instruments(given))

    def __repr__(self) -> str:
        """Only what was asked for: explain() shows it for each op."""
        return "Metrics(handlers=True)" if self.handlers else "Metrics()"

    def for_route(self, route: Route) -> RouteMetrics | OptedOut:
        """Bind the labels that all calls of the op have; opt out if nothing is ever measured."""
        if isinstance(self._instruments.duration, metrics.NoOpHistogram):
            return route.opt_out("the meter provider measures nothing")
        return self._bound(route.ctype, route.op)

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Pass the call on, and measure it."""
        return await self._bound(call.ctype, call.op)(call, call_next)

    def _bound(self, ctype: str, op: str) -> RouteMetrics:
        kind = partial(RouteMetricsOfHandlers, names=self._names) if self.handlers else RouteMetrics
        return kind(
            duration=self._instruments.duration,
            counters=self._instruments.counters,
            under_way=self._instruments.in_flight.of(ctype, op),
            attributes={"xmpp.api.ctype": ctype, "xmpp.api.op": op},
            clock=self.clock,
            may_be_idle=self.meter_provider is None,
            guard=self._guard,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteMetrics:
    """`Metrics` on one route; `under_way` has one element for each call that has begun and not ended.

    `may_be_idle` means that there may be no provider yet.
    """

    duration: metrics.Histogram
    counters: dict[str, metrics.Counter]
    under_way: list[None]
    attributes: dict[str, str]
    clock: Callable[[], float]
    may_be_idle: bool
    guard: Guard

    taskless: ClassVar[bool] = True

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Pass the call on, and measure it."""
        if self.may_be_idle and meter_provider() is None:
            self.under_way.append(None)
            try:
                return await call_next(call)
            finally:
                self.under_way.pop()
        started = self.clock()
        events = call.events  # recorded from now on
        self.under_way.append(None)
        try:
            result = await call_next(call)
        except GeneratorExit:  # thrown away, maybe by the garbage collector: inside the SDK's locks
            raise
        except BaseException as error:
            self._tell(call, events, error, started)
            raise
        finally:
            self.under_way.pop()
        self._tell(call, events, None, started)
        return result

    def _tell(self, call: Call, events: list[tuple[Event, int]], error: BaseException | None, started: float) -> None:
        """Measure how the call ended, and change nothing of that."""
        try:
            duration = self.clock() - started
            self.duration.record(duration, self.counted(call, events, error))
        except FAILURES:
            self.guard.failed("Metrics")

    def counted(self, call: Call, events: list[tuple[Event, int]], error: BaseException | None) -> dict[str, str]:
        """Count the events of the call, and return the labels of its duration."""
        outcome = outcome_of(error)
        labels = {
            **self.attributes,
            "xmpp.api.tier": str(call.answered_tier),
            "xmpp.api.outcome": outcome,
        }
        if (condition := condition_of(error)) is not None:
            labels["xmpp.api.condition"] = condition
        if outcome in ("error", "timeout"):
            labels["error.type"] = type(error).__qualname__
        for event, _ in events:
            if event.what in _LABELS:
                name, field_name, known = _LABELS[event.what]
                value = event.fields.get(field_name)
                labels[name] = str(value) if value in known else "_OTHER"
            elif event.what in self.counters:
                self.counters[event.what].add(1, self.attributes)
        return labels


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteMetricsOfHandlers(RouteMetrics):
    """`Metrics(handlers=True)` on one route: a class of its own, so that nobody else's call asks whether it is on."""

    names: Names

    def counted(self, call: Call, events: list[tuple[Event, int]], error: BaseException | None) -> dict[str, str]:
        """Count the events of the call, and return the labels of its duration, with the handler that answered."""
        labels = RouteMetrics.counted(self, call, events, error)  # no super(): a slotted dataclass is made twice
        if (handler := call.answered_by) is not None:
            labels["code.function.name"] = self.names.label(handler.name)
        return labels
