"""How many calls there are, how long they take and how they end, as metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary

from opentelemetry import metrics

from slixmpp_middleware.checks import require_callable
from slixmpp_middleware.telemetry import outcome_of
from slixmpp_pipeline import Tier

if TYPE_CHECKING:
    from slixmpp_pipeline import Call, CallNext, OptedOut, Route

# Seconds. A plain handler that looks into a dict is through the layers in tens of microseconds, a database takes
# milliseconds, a peer who is asked takes seconds, and above 10 s it does not matter any more. Three steps a decade keep
# an estimated quantile within a factor of 2.5; each boundary is one more number for every op, tier and outcome.
BOUNDARIES = (
    *(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)

# Asked at every call until the process has a provider: the API's own way to ask reads the environment (8 bare awaits).
# This looks at what that looks at. Should the name go, so does the saving, no more.
_published = metrics.get_meter_provider.__globals__.get
_UNKNOWN = object()

_TIERS = frozenset(map(str, Tier))
_CACHE = frozenset({"hit", "miss", "joined", "pass"})


@dataclass(frozen=True, slots=True)
class Metrics:
    """Measure calls with OpenTelemetry, and pass them on as they are. Runs call_next once.

    | instrument | what |
    |-|-|
    | `xmpp.api.call.duration` | histogram in seconds; its count is the number of calls |
    | `xmpp.api.calls.in_flight` | up-down counter of the calls that have begun and not ended, asked when it is read |
    | `xmpp.api.retries` | counter of the attempts after the first, where a layer inside noted `attempts` |

    All have `xmpp.api.ctype` and `xmpp.api.op`. The duration has `xmpp.api.tier`; `xmpp.api.outcome`, which is `ok`,
    `error`, `timeout`, or `cancelled` if somebody asked for that; `error.type`, the name of the exception's type, for
    `error` and `timeout`; and `xmpp.api.cache` if a layer inside noted `cache`: `hit`, `miss`, or `_OTHER`. None of
    them grows with the JIDs: 300 calls for 300 JIDs are one time series.

    `meter_provider` None means the process's own, which may be set up later. Figures are the process's: clients that
    share a provider are added up. A call that is thrown away unfinished, with its loop, has no duration. `clock`
    gives seconds and only ever grows. Names follow https://opentelemetry.io/docs/specs/semconv/general/metrics/ and,
    for `error.type`, https://opentelemetry.io/docs/specs/semconv/registry/attributes/error/.

    >>> from opentelemetry.sdk.metrics import MeterProvider
    >>> from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    >>> from slixmpp_pipeline import install
    >>> from slixmpp_pipeline.testing import FakeClient
    >>> reader = InMemoryMetricReader()
    >>> api = install(FakeClient(), Metrics(MeterProvider([reader])))
    >>> futures = [api.run("xep_0012", "get_last_activity", f"{name}@verona.example") for name in ("romeo", "nurse")]
    >>> (of_resource,) = reader.get_metrics_data().resource_metrics
    >>> duration = of_resource.scope_metrics[0].metrics[0]
    >>> [(duration.name, point.count) for point in duration.data.data_points]
    [('xmpp.api.call.duration', 2)]
    """

    meter_provider: metrics.MeterProvider | None = field(default=None, repr=False)
    clock: Callable[[], float] = field(default=time.perf_counter, repr=False, kw_only=True)
    _instruments: Instruments = field(init=False, repr=False, compare=False)

    taskless: ClassVar[bool] = True
    role: ClassVar[str] = "telemetry"

    def __post_init__(self) -> None:
        given = self.meter_provider
        if given is not None and not isinstance(given, metrics.MeterProvider):
            raise TypeError(
                f"Metrics: meter_provider: {given!r} is {type(given).__name__}; a MeterProvider or None is allowed"
            )
        require_callable(self.clock, "Metrics: clock")
        object.__setattr__(self, "_instruments", Instruments(given))

    def for_route(self, route: Route) -> RouteMetrics | OptedOut:
        """Bind what the op's measurements have in common, once; stand aside if nothing is ever measured."""
        if isinstance(self._instruments.duration, metrics.NoOpHistogram):
            return route.opt_out("the meter provider measures nothing")
        return self._bound(route.ctype, route.op)

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Pass the call on, and measure it."""
        return await self._bound(call.ctype, call.op)(call, call_next)

    def _bound(self, ctype: str, op: str) -> RouteMetrics:
        return RouteMetrics(
            duration=self._instruments.duration,
            retries=self._instruments.retries,
            under_way=self._instruments.in_flight.of(ctype, op),
            attributes={"xmpp.api.ctype": ctype, "xmpp.api.op": op},
            clock=self.clock,
            may_be_idle=self.meter_provider is None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteMetrics:
    """`Metrics` on one route; `under_way` has one element for each call that has begun and not ended.

    `may_be_idle` means that there may be no provider yet.
    """

    duration: metrics.Histogram
    retries: metrics.Counter
    under_way: list[None]
    attributes: dict[str, str]
    clock: Callable[[], float]
    may_be_idle: bool

    taskless: ClassVar[bool] = True

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Pass the call on, and measure it."""
        if self.may_be_idle and _published("_METER_PROVIDER", _UNKNOWN) is None:
            self.under_way.append(None)
            try:
                return await call_next(call)
            finally:
                self.under_way.pop()
        started = self.clock()
        self.under_way.append(None)
        try:
            result = await call_next(call)
        except GeneratorExit:  # thrown away, maybe by the garbage collector: inside the SDK's locks
            raise
        except BaseException as error:
            self._record(call, error, self.clock() - started)
            raise
        finally:
            self.under_way.pop()
        self._record(call, None, self.clock() - started)
        return result

    def _record(self, call: Call, error: BaseException | None, duration: float) -> None:
        notes = call.notes
        outcome = outcome_of(error)
        attributes = {
            **self.attributes,
            "xmpp.api.tier": _one_of(_TIERS, notes.get("tier", call.tier)),
            "xmpp.api.outcome": outcome,
        }
        if error is not None and outcome != "cancelled":
            attributes["error.type"] = type(error).__qualname__
        if "cache" in notes:
            attributes["xmpp.api.cache"] = _one_of(_CACHE, notes["cache"])
        self.duration.record(duration, attributes)
        if isinstance(attempts := notes.get("attempts"), int) and attempts > 1:
            self.retries.add(attempts - 1, self.attributes)


class InFlight:
    """The calls under way, by op, for one provider."""

    __slots__ = ("_ops",)

    def __init__(self) -> None:
        self._ops: dict[tuple[str, str], list[None]] = {}

    def of(self, ctype: str, op: str) -> list[None]:
        """Return the list that has one element for each call of an op; it stays the same one."""
        # A list counts right from several threads, each with a client and its loop, on every build; += 1 does not.
        return self._ops.setdefault((ctype, op), [])

    def observe(self, _options: metrics.CallbackOptions) -> Iterable[metrics.Observation]:
        """Say how many calls of each op are under way, none included."""
        for (ctype, op), under_way in self._ops.copy().items():
            yield metrics.Observation(len(under_way), {"xmpp.api.ctype": ctype, "xmpp.api.op": op})


class Instruments:
    """What measurements of one provider go to."""

    __slots__ = ("duration", "in_flight", "retries")

    def __init__(self, provider: metrics.MeterProvider | None) -> None:
        meter = metrics.get_meter("slixmpp_pipeline", meter_provider=provider)
        self.duration = meter.create_histogram(
            "xmpp.api.call.duration",
            unit="s",
            description="How long calls of slixmpp's internal API take.",
            explicit_bucket_boundaries_advisory=BOUNDARIES,
        )
        self.retries = meter.create_counter(
            "xmpp.api.retries", unit="{retry}", description="Attempts at a call after its first."
        )
        # A provider takes the callbacks of the first instrument of a name, and drops those of a second without a word:
        # so there is one for each provider, and the process's own, which may be set later, goes by the API's module.
        owner = metrics if provider is None or provider is metrics.get_meter_provider() else provider
        with _lock:
            known = _in_flight.get(owner)
            self.in_flight = known if known is not None else _in_flight.setdefault(owner, InFlight())
            if known is None:
                meter.create_observable_up_down_counter(
                    "xmpp.api.calls.in_flight",
                    [self.in_flight.observe],
                    unit="{call}",
                    description="Calls of slixmpp's internal API that have begun and not ended.",
                )


_lock = Lock()
_in_flight: WeakKeyDictionary[object, InFlight] = WeakKeyDictionary()


def _one_of(known: frozenset[str], noted: object) -> str:
    """Return `noted`, or OpenTelemetry's word for what is not known: layers may note what they like."""
    return str(noted) if isinstance(noted, str) and noted in known else "_OTHER"
