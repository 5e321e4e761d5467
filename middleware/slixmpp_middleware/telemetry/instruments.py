"""Which instruments do measurements go to? Each provider has one set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from threading import Lock
from weakref import WeakKeyDictionary, ref

from opentelemetry import metrics

# Seconds. A plain handler that looks into a dict is through the layers in tens of microseconds, a database takes
# milliseconds, a peer who is asked takes seconds, and above 10 s it does not matter any more. Three steps a decade keep
# an estimated quantile within a factor of 2.5; each boundary is one more number for every op, tier and outcome.
BOUNDARIES = (
    *(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)

# By the event that they count: name, unit, description.
COUNTED = {
    "retry": ("xmpp.api.retries", "{retry}", "Attempts at a call after its first."),
    "timeout": ("xmpp.api.timeouts", "{timeout}", "Calls, and attempts at a call, that took too long."),
}

_lock = Lock()
_in_flight: WeakKeyDictionary[object, InFlight] = WeakKeyDictionary()


class InFlight:
    """The calls under way, by op, for `owner`: a provider, or the API's module for the process's own."""

    __slots__ = ("__weakref__", "_ops", "_owner")

    def __init__(self, owner: object) -> None:
        self._owner = ref(owner)
        self._ops: dict[tuple[str, str], list[None]] = {}

    def of(self, ctype: str, op: str) -> list[None]:
        """Return the list that has one element for each call of an op; it stays the same one."""
        # A list counts right when several threads, each with a client and its loop, change it; += 1 does not.
        return self._ops.setdefault((ctype, op), [])

    def observe(self, _options: metrics.CallbackOptions) -> Iterable[metrics.Observation]:
        """Return how many calls of each op are under way, 0 included."""
        counts = self._counts()
        # Given first, and set for the process later: this is the one callback that the provider kept.
        if self._owner() is metrics.get_meter_provider() and (of_process := _in_flight.get(metrics)) is not None:
            counts.update(of_process._counts())  # noqa: SLF001  # of this class
        for (ctype, op), count in counts.items():
            yield metrics.Observation(count, {"xmpp.api.ctype": ctype, "xmpp.api.op": op})

    def _counts(self) -> Counter[tuple[str, str]]:
        return Counter({names: len(under_way) for names, under_way in self._ops.copy().items()})


class Instruments:
    """The instruments of one provider."""

    __slots__ = ("counters", "duration", "in_flight")

    def __init__(self, provider: metrics.MeterProvider | None) -> None:
        meter = metrics.get_meter("slixmpp_pipeline", meter_provider=provider)
        self.duration = meter.create_histogram(
            "xmpp.api.call.duration",
            unit="s",
            description="How long calls of slixmpp's internal API take.",
            explicit_bucket_boundaries_advisory=BOUNDARIES,
        )
        self.counters = {
            what: meter.create_counter(name, unit=unit, description=description)
            for what, (name, unit, description) in COUNTED.items()
        }
        # A provider takes the callbacks of the first instrument of a name, and drops those of a second without a word:
        # so there is one for each provider, and the process's own, which may be set later, goes by the API's module.
        owner = metrics if provider is None or provider is metrics.get_meter_provider() else provider
        with _lock:
            known = _in_flight.get(owner)
            self.in_flight = known if known is not None else _in_flight.setdefault(owner, InFlight(owner))
            if known is None:
                meter.create_observable_up_down_counter(
                    "xmpp.api.calls.in_flight",
                    [self.in_flight.observe],
                    unit="{call}",
                    description="Calls of slixmpp's internal API that have begun and not ended.",
                )
