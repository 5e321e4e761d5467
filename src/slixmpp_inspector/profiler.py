"""Which handler is slow? A profiler looks at the calls of a registry, and keeps what tells."""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Literal, get_args
from weakref import WeakSet

from slixmpp_inspector.holds import LONG, Holds
from slixmpp_inspector.long_calls import LongCall, LongCalls
from slixmpp_inspector.recorded import EXTRA, HANDLER, Profile, RecordedCall, Span, Window
from slixmpp_inspector.rows import BATCH, SLICE, SLICES, Counted, Row, RowKey, with_room
from slixmpp_inspector.slowest import Slowest
from slixmpp_inspector.timers import Outcome, Record, Spans, inner, outermost
from slixmpp_middleware import Jids, shown
from slixmpp_pipeline import Tier

if TYPE_CHECKING:
    from os import PathLike

    from slixmpp_inspector.holds import Hold
    from slixmpp_inspector.writer import Writer
    from slixmpp_pipeline import Call, Event, Layer, Route

_NO_EVENTS: Final[tuple[str | None, int]] = (None, 1)
_MAX_KNOWN: Final = 200  # handlers of a chain
_RECENT: Final = 600.0  # seconds
_LOG = logging.getLogger("slixmpp_inspector")
_PROFILERS: Final[WeakSet[Any]] = WeakSet()


class Profiler:
    """Looks at the calls of one registry: `api.observe(Profiler())`, and `api.observe(None)` at the end.

    It is no layer: layers stay as they are, and caches keep their answers. For each of at most 200 handlers of an op it
    keeps counts and durations (all others are one, `_OTHER`), and the 50 slowest calls of the last ten minutes and of
    all: never arguments or nodes. JIDs are personal data, so they are there only if `jids` asks for them: `"domain"`,
    `"bare"` or `"full"`. Handlers are kept by name. If recording fails, it ends, and says so once as an error of the
    logger `slixmpp_inspector`; calls go on. ImportError without the extra `inspector`.

    `clock` gives seconds and only ever grows. `random` gives numbers from 0 to 1, which choose the calls that `write()`
    writes.

    >>> from slixmpp_pipeline import install
    >>> from slixmpp_pipeline.testing import FakeClient
    >>> api, profiler = install(FakeClient()), Profiler()
    >>> api.register(lambda jid, node, ifrom, args: "rain", "weather", "get")
    >>> api.observe(profiler)
    >>> futures = [api.run("weather", "get") for _ in range(3)]
    >>> [(one.op, one.calls, one.errors) for one in profiler.profiles()]
    [('get', 3, {})]
    """

    def __init__(
        self,
        jids: Jids = "omit",
        *,
        clock: Callable[[], float] = time.perf_counter,
        random: Callable[[], float] = random.random,
    ) -> None:
        if jids not in get_args(Jids):
            raise ValueError(f"Profiler: jids: {jids!r} is not allowed; one of {', '.join(get_args(Jids))} is")
        functions: dict[str, object] = {"clock": clock, "random": random}
        for name, function in functions.items():
            if not callable(function):
                raise TypeError(f"Profiler: {name}: {function!r} is {type(function).__name__}; a function is allowed")
        self.clock = clock
        self._random = random
        self.holds = Holds()
        self.jids = jids
        self._rows: dict[RowKey, Row] = {}
        self.long_calls = LongCalls(self.holds)
        self._recent, self._ever = Slowest(), Slowest()
        self._least = -1.0  # seconds; a call that took no longer is neither long nor among the slowest
        self._swap_at = self._sweep_at = clock() + SLICE
        self._swapping = Lock()
        self._is_recording = True
        self._writer: Writer | None = None
        _PROFILERS.add(self)
        _ = Row(("", "", None, ""))  # which raises now, and not at a call, without the extra

    def timers(self, route: Route, layers: Sequence[str]) -> list[Layer]:
        """Return the timers of a chain; `api.observe()` asks for them."""
        record = self._recorder((route.ctype, route.op), (*layers, HANDLER))
        return [outermost(self.clock, record), *(inner(self.clock, 1 + level) for level in range(len(layers)))]

    def profiles(self, window: Window = "start") -> list[Profile]:
        """Return a profile of each handler that was called in the window, that with the most time first.

        The time in which others held the loop does not count for that. Durations are sorted into slices of ten seconds
        by who reads: read every few seconds for a minute that is one.
        """
        if window not in ("minute", "start"):
            raise ValueError(f"profiles(): window: {window!r} is not allowed; 'minute' and 'start' are")
        self.swap()
        held = self.long_calls.held(since=self.clock() - SLICE * SLICES if window == "minute" else None)
        totals = [(row.key, row.total(since_start=window == "start")) for row in list(self._rows.values())]
        found = [total.profile(key, held.get(key, 0.0)) for key, total in totals if total.calls]
        return sorted(found, key=lambda one: one.held - one.seconds)

    def slowest(self, window: Literal["recent", "start"] = "start") -> list[RecordedCall]:
        """Return the slowest calls of the last ten minutes (`recent`), or of all, the slowest first.

        The time in which others held the loop does not count.
        """
        if window not in ("recent", "start"):
            raise ValueError(f"slowest(): window: {window!r} is not allowed; 'recent' and 'start' are")
        self._forget(self.clock())
        return (self._recent if window == "recent" else self._ever).calls(self.holds)

    def write(
        self, path: str | PathLike[str], slower: float = 0.1, every: int = 100, max_bytes: int = 100 * 1024 * 1024
    ) -> Writer:
        """Write calls to a file from now on, for `slixmpp-pipeline report`; return what closes it.

        Written are all calls that failed or took longer than `slower` seconds, of all others by chance one in `every`,
        and who held the loop. A thread writes, a few times a second; what it cannot keep up with is dropped, and
        counted in the file. A file that is there is continued. With more than `max_bytes` it becomes `path.1`, in the
        place of the one before. Only the owner may read it. The fields are those of a `RecordedCall`
        (docs/reference/lines.md): JIDs only if the profiler was asked for them. OSError if it cannot be opened,
        RuntimeError if this profiler writes already; TypeError or ValueError for other arguments.
        """
        if self._writer is not None and not self._writer.is_closed:
            raise RuntimeError("write(): this profiler writes already")
        self._writer = _writer()(path, slower, every, max_bytes, self._random)
        return self._writer

    def keep_hold(self, hold: Hold) -> None:
        """Write a hold that is over, if calls are written; a `Watchdog` says so."""
        if self._writer is not None:
            self._writer.put_hold(hold)

    def calls(self) -> dict[RowKey, int]:
        """Return how many calls each row has counted; an `Inspector` asks once a second."""
        return {row.key: row.calls for row in list(self._rows.values())}

    def swap(self) -> None:
        """Begin a new slice of ten seconds, if it is time: so a minute is one, whoever reads and when."""
        now = self.clock()
        with self._swapping:
            if now >= self._swap_at:
                passed = int((now - self._swap_at) / SLICE)  # whole slices that nobody has read
                self._swap_at += (passed + 1) * SLICE
                for row in list(self._rows.values()):
                    row.swap(min(passed, SLICES))

    def renew_locks(self) -> None:
        """Make locks anew, after a fork: a thread that is not there any more may have held them."""
        self._swapping = Lock()
        locked: list[Row | Slowest] = [*self._rows.values(), self._recent, self._ever]
        for one in locked:
            one.renew_lock()

    def _forget(self, now: float) -> None:
        self._sweep_at = now + SLICE
        self._recent.forget(now - _RECENT)
        self._settle()

    def _settle(self) -> None:
        self._least = min(self._recent.least, self._ever.least, LONG)

    def _recorder(self, op: tuple[str, str], names: tuple[str, ...]) -> Record:
        """Return what records the calls of a chain. It is one function, since each call pays for every step."""
        rows: dict[tuple[type, str, str], Row] = {}

        def record(call: Call, began: float, ended: float, outcome: Outcome, spans: Spans) -> None:
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
                    if len(rows) < _MAX_KNOWN:
                        rows[known] = row
                events = call.__dict__.get("events")
                cache, attempts = _events(events) if events else _NO_EVENTS
                seconds = ended - began
                if seconds < 0:
                    seconds = 0.0
                # A layer may have answered, and let the handler go on: what comes later is none of the call's time.
                counted = seconds, outcome, cache, attempts, names, spans, len(spans)
                row.pending.append(counted)
                if len(row.pending) >= BATCH:
                    self._count(row, ended)
                if seconds > self._least or self._writer is not None:
                    self._keep(call, row.key, began, counted)
            except Exception:  # noqa: BLE001  # whatever it is, the call goes on
                self._is_recording = False
                _LOG.exception("the profiler failed, and records no more")

        return record

    def _count(self, row: Row, now: float) -> None:
        row.count()
        if now >= self._sweep_at:
            self._forget(now)

    def _row(self, op: tuple[str, str], found: Any) -> Row:
        """Return the row of a handler of an op, or of those for which there is no room."""
        named = (*op, None if found is None else found.name, str(Tier.NONE if found is None else found.tier))
        key = with_room(named, self._rows)
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = Row(key)
        return row

    def _keep(self, call: Call, key: RowKey, began: float, counted: Counted) -> None:
        """Keep a call that may be among the slowest, and write it."""
        seconds, (outcome, error), cache, attempts, names, spans, _ = counted
        writer = self._writer
        weight = 0 if writer is None else writer.weight(outcome, seconds)
        if not weight and seconds <= self._least:
            return
        ended = began + seconds
        recorded = RecordedCall(
            began=time.time() - seconds,
            ctype=key[0],
            op=key[1],
            handler=key[2],
            tier=key[3],
            seconds=seconds,
            held=self.holds.by_others(began, ended, spans),
            outcome=outcome,
            error=error,
            cache=cache,
            attempts=attempts,
            spans=tuple(Span(names[level], start - began, end - began) for level, start, end in sorted(spans)),
            jid=shown(call.jid, self.jids),
            ifrom=shown(call.ifrom, self.jids),
        )
        if writer is not None and weight:
            writer.put(recorded, weight)
        if seconds > self._least:
            if seconds >= LONG:
                self.long_calls.add(LongCall(key, began, ended, len(names) - 1, spans))
            self._recent.offer(began, recorded, spans)
            self._ever.offer(began, recorded, spans)
            self._settle()


def _renew_locks() -> None:
    for one in list(_PROFILERS):
        one.renew_locks()


getattr(os, "register_at_fork", dict)(after_in_child=_renew_locks)  # there are systems without


def _events(events: list[tuple[Event, int]]) -> tuple[str | None, int]:
    """Return what a cache said last of a call, and how many attempts were made."""
    cache, attempts = _NO_EVENTS
    for event, _ in events:
        if event.what == "cache":
            cache = str(event.fields["verdict"])
        elif event.what == "retry":
            attempts += 1
    return cache, attempts


def _writer() -> type[Writer]:
    """Return the class that writes; ImportError, with what to type, where the extra is not installed."""
    try:
        kind: type[Writer] = import_module("slixmpp_inspector.writer").Writer
    except ImportError as error:
        raise ImportError(f"write() needs msgspec: {EXTRA}") from error
    return kind
