"""What is kept of the calls? For each handler counts and durations, and the slowest calls with their spans."""

from __future__ import annotations

import heapq
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Literal

from slixmpp_inspector.recorded import Profile, RecordedCall, Span
from slixmpp_inspector.sketches import Sketch
from slixmpp_inspector.timers import Record, Spans, inner, outermost
from slixmpp_pipeline import Tier

if TYPE_CHECKING:
    from slixmpp_pipeline import Call, Event, Layer, Route

Window = Literal["minute", "start"]
"""The last minute, or all since the profiler was made."""

_OTHER: Final = "_OTHER"
_HANDLER: Final = "handler"
_NO_EVENTS: Final[tuple[str | None, int]] = (None, 1)
_MAX_ROWS: Final = 200
_MAX_KINDS: Final = 20  # of errors
_SLICE, _SLICES = 10.0, 6  # seconds, and how many of them
_SLOWEST: Final = 50
_RECENT: Final = 600.0  # seconds
_LOG = logging.getLogger("slixmpp_inspector")


class Profiler:
    """Looks at the calls of one registry: `api.observe(Profiler())`, and `api.observe(None)` at the end.

    It is no layer: layers stay as they are, and caches keep their answers. For each of at most 200 handlers of an op it
    keeps counts and durations (all others are one, `_OTHER`), and the 50 slowest calls of the last ten minutes and of
    all: never arguments, nodes or JIDs. Handlers are kept by name. If recording fails, it ends, and says so once as an
    error of the logger `slixmpp_inspector`; calls go on. ImportError without the extra `inspector`.

    `clock` gives seconds and only ever grows.

    >>> from slixmpp_pipeline import install
    >>> from slixmpp_pipeline.testing import FakeClient
    >>> api, profiler = install(FakeClient()), Profiler()
    >>> api.register(lambda jid, node, ifrom, args: "rain", "weather", "get")
    >>> api.observe(profiler)
    >>> futures = [api.run("weather", "get") for _ in range(3)]
    >>> [(one.op, one.calls, one.errors) for one in profiler.profiles()]
    [('get', 3, {})]
    """

    def __init__(self, *, clock: Callable[[], float] = time.perf_counter) -> None:
        if not callable(clock):
            raise TypeError(f"Profiler: clock: {clock!r} is {type(clock).__name__}; a function is allowed")
        self._clock = clock
        self._rows: dict[tuple[str, str, str | None, str], _Row] = {}
        self._recent, self._ever = _Slowest(), _Slowest()
        self._swap_at = clock() + _SLICE
        self._sweep_at = clock() + _SLICE
        self._is_recording = True
        Sketch()  # which raises now, and not at a call, if there is none

    def timers(self, route: Route, layers: Sequence[str]) -> list[Layer]:
        """Return the timers of a chain; `api.observe()` asks for them."""
        record = self._recorder((route.ctype, route.op), (*layers, _HANDLER))
        return [outermost(self._clock, record), *(inner(self._clock, 1 + level) for level in range(len(layers)))]

    def profiles(self, window: Window = "start") -> list[Profile]:
        """Return a profile of each handler that was called in the window, that with the most time first.

        Durations are sorted into slices of ten seconds by who reads: read every few seconds for a minute that is one.
        """
        if window not in ("minute", "start"):
            raise ValueError(f"profiles(): window: {window!r} is not allowed; 'minute' and 'start' are")
        self._swap()
        profiles = [row.profile(window) for row in list(self._rows.values())]
        return sorted((one for one in profiles if one.calls), key=lambda one: -one.seconds)

    def slowest(self, window: Literal["recent", "start"] = "start") -> list[RecordedCall]:
        """Return the slowest calls, the slowest first: of the last ten minutes (`recent`), or of all."""
        if window not in ("recent", "start"):
            raise ValueError(f"slowest(): window: {window!r} is not allowed; 'recent' and 'start' are")
        self._recent.forget(self._clock() - _RECENT)
        return (self._recent if window == "recent" else self._ever).calls()

    def _swap(self) -> None:
        now = self._clock()
        if now >= self._swap_at:
            passed = int((now - self._swap_at) / _SLICE)  # whole slices that nobody has read
            self._swap_at += (passed + 1) * _SLICE
            for row in list(self._rows.values()):
                row.swap(min(passed, _SLICES))

    def _recorder(self, op: tuple[str, str], names: tuple[str, ...]) -> Record:
        """Return what records the calls of a chain. It is one function, since each call pays for every step."""
        rows: dict[tuple[type, str, str], _Row] = {}

        def record(call: Call, began: float, ended: float, outcome: tuple[str, str | None], spans: Spans) -> None:
            if not self._is_recording:
                return
            try:
                found: Any = call.answered_by
                # Its name takes as long as all the rest, so it is known by the parts; a handler is not kept.
                try:
                    function = found.function
                    known = type(found), function.__module__, function.__qualname__
                except AttributeError:  # nothing, an object that can be called, or a three-argument handler
                    known = type(found), "", "" if found is None else found.name
                row = rows.get(known)
                if row is None:
                    row = self._row(op, found)
                    if len(rows) < _MAX_ROWS:
                        rows[known] = row
                events = call.__dict__.get("events")
                cache, attempts = _events(events) if events else _NO_EVENTS
                seconds = max(ended - began, 0.0)
                row.current.add(seconds, outcome[1], cache, attempts, names, spans)
                if ended >= self._sweep_at:
                    self._sweep_at = ended + _SLICE
                    self._recent.forget(ended - _RECENT)
                if seconds > self._recent.least or seconds > self._ever.least:
                    recorded = _recorded(row.key, began, seconds, outcome, cache, attempts, names, spans)
                    self._recent.offer(began, recorded)
                    self._ever.offer(began, recorded)
            except Exception:  # noqa: BLE001  # whatever it is, the call goes on
                self._is_recording = False
                _LOG.exception("the profiler failed, and records no more")

        return record

    def _row(self, op: tuple[str, str], found: Any) -> _Row:
        """Return the row of a handler of an op, or of those for which there is no room."""
        key = (*op, None if found is None else found.name, str(Tier.NONE if found is None else found.tier))
        if key not in self._rows and len(self._rows) >= _MAX_ROWS:
            key = (_OTHER, _OTHER, _OTHER, _OTHER)
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = _Row(key)
        return row


class _Slice:
    """What is counted of the calls of a handler in some time."""

    __slots__ = ("calls", "errors", "hits", "joined", "longest", "parts", "retries", "seconds", "sketch")

    def __init__(self) -> None:
        self.calls = self.hits = self.joined = self.retries = 0
        self.seconds = self.longest = 0.0
        self.errors: dict[str, int] = {}
        self.parts: dict[tuple[str, ...], list[float]] = {}
        self.sketch = Sketch()

    def add(
        self,
        seconds: float,
        error: str | None,
        cache: str | None,
        attempts: int,
        names: tuple[str, ...],
        spans: Spans,
    ) -> None:
        self.calls += 1
        self.seconds += seconds
        self.longest = max(self.longest, seconds)
        self.sketch.add(seconds)
        if cache is not None:
            self.hits += cache == "hit"
            self.joined += cache == "joined"
        if attempts > 1:
            self.retries += attempts - 1
        if error is not None:
            self._count(error, 1)
        whole = self.parts.get(names)
        if whole is None:
            whole = self.parts[names] = [0.0] * (len(names) + 1)
        for level, began, ended in spans:
            whole[level] += ended - began

    def merge(self, other: _Slice) -> None:
        self.calls += other.calls
        self.seconds += other.seconds
        self.longest = max(self.longest, other.longest)
        self.sketch.merge(other.sketch)
        self.retries += other.retries
        self.hits += other.hits
        self.joined += other.joined
        for error, times in other.errors.items():
            self._count(error, times)
        for names, whole in other.parts.items():
            own = self.parts.setdefault(names, [0.0] * len(whole))
            own[:] = map(sum, zip(own, whole, strict=True))

    def in_parts(self) -> dict[str, float]:
        """Return the time in each layer and in the handler, by name: the spans, without those directly inside."""
        found: dict[str, float] = {}
        for names, whole in self.parts.items():
            for level, name in enumerate(names):
                # A layer may ask several at once, which takes less time than they take together.
                found[name] = found.get(name, 0.0) + max(0.0, whole[level] - whole[level + 1])
        return found

    def _count(self, error: str, times: int) -> None:
        kind = error if error in self.errors or len(self.errors) < _MAX_KINDS else _OTHER
        self.errors[kind] = self.errors.get(kind, 0) + times


class _Row:
    """The calls of a handler: `current` is the slice of now, `last` are those of the last minute."""

    __slots__ = ("current", "key", "last", "older")

    def __init__(self, key: tuple[str, str, str | None, str]) -> None:
        self.key = key
        self.current = _Slice()
        self.last: deque[_Slice] = deque()
        self.older = _Slice()

    def swap(self, empty: int) -> None:
        """Begin a new slice, and fold those that are older than a minute into the one of all.

        Calls of the slices that nobody has read, `empty`, were counted in the current one, and pass for new.
        """
        self.last.extend([*(_Slice() for _ in range(empty)), self.current])
        self.current = _Slice()
        while len(self.last) > _SLICES:
            self.older.merge(self.last.popleft())

    def profile(self, window: Window) -> Profile:
        of = _Slice()
        for one in (*self.last, self.current, *([self.older] if window == "start" else ())):
            of.merge(one)
        ctype, op, handler, tier = self.key
        in_parts = of.in_parts()
        return Profile(
            ctype=ctype,
            op=op,
            handler=handler,
            tier=tier,
            calls=of.calls,
            errors=of.errors,
            hits=of.hits,
            joined=of.joined,
            retries=of.retries,
            seconds=of.seconds,
            in_handler=in_parts.pop(_HANDLER, 0.0),
            in_layers=in_parts,
            p50=of.sketch.quantile(0.5),
            p95=of.sketch.quantile(0.95),
            p99=of.sketch.quantile(0.99),
            longest=of.longest,
        )


class _Slowest:
    """The slowest calls; a call that takes no longer than `least` is none of them."""

    __slots__ = ("_heap", "_numbers", "least")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, float, RecordedCall]] = []
        self._numbers = count()
        self.least = -1.0

    def offer(self, began: float, call: RecordedCall) -> None:
        entry = call.seconds, next(self._numbers), began, call
        (heapq.heappush if len(self._heap) < _SLOWEST else heapq.heappushpop)(self._heap, entry)
        self._settle()

    def forget(self, before: float) -> None:
        """Forget calls that began before then."""
        if any(entry[2] < before for entry in self._heap):
            self._heap = [entry for entry in self._heap if entry[2] >= before]
            heapq.heapify(self._heap)
            self._settle()

    def calls(self) -> list[RecordedCall]:
        return [entry[3] for entry in sorted(self._heap, reverse=True)]

    def _settle(self) -> None:
        self.least = self._heap[0][0] if len(self._heap) >= _SLOWEST else -1.0


def _recorded(
    key: tuple[str, str, str | None, str],
    began: float,
    seconds: float,
    outcome: tuple[str, str | None],
    cache: str | None,
    attempts: int,
    names: tuple[str, ...],
    spans: Spans,
) -> RecordedCall:
    return RecordedCall(
        began=time.time() - seconds,
        ctype=key[0],
        op=key[1],
        handler=key[2],
        tier=key[3],
        seconds=seconds,
        outcome=outcome[0],
        error=outcome[1],
        cache=cache,
        attempts=attempts,
        spans=tuple(Span(names[level], start - began, end - began) for level, start, end in sorted(spans)),
    )


def _events(events: list[tuple[Event, int]]) -> tuple[str | None, int]:
    """Return what a cache said last of a call, and how many attempts were made."""
    cache, attempts = _NO_EVENTS
    for event, _ in events:
        if event.what == "cache":
            cache = str(event.fields["verdict"])
        elif event.what == "retry":
            attempts += 1
    return cache, attempts
