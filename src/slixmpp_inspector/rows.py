"""What is counted of the calls of a handler? Sums and a sketch, for slices of ten seconds and for all that is older."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from threading import Lock
from typing import Any, Final, TypeAlias

from slixmpp_inspector.recorded import OTHER, Profile
from slixmpp_inspector.sketches import Sketch
from slixmpp_inspector.timers import OK, Outcome, Spans

SLICE: Final = 10.0  # seconds
SLICES: Final = 6  # are the last minute
BATCH: Final = 32  # calls that are counted together, which costs each less
_MAX_ROWS: Final = 200
_MAX_KINDS: Final = 20  # of errors, and of refusals

RowKey: TypeAlias = tuple[str, str, str | None, str]
"""The ctype, the op, the handler's name and the tier."""


Counted: TypeAlias = tuple[float, Outcome, str | None, int, tuple[str, ...], Spans, int]
"""A call: its seconds, how it ended, what a cache said, the attempts, its parts (the handler last), and its spans.

The last is how many spans there were when it ended.
"""


def key_of(one: Any) -> RowKey:
    """Return the row key of a profile, a call, or a hold; that of a hold by other code is of None."""
    return one.ctype, one.op, one.handler, one.tier


class Slice:
    """What is counted of the calls of a handler in some time."""

    __slots__ = ("calls", "errors", "hits", "joined", "longest", "parts", "refused", "retries", "seconds", "sketch")

    def __init__(self) -> None:
        self.calls = self.hits = self.joined = self.retries = 0
        self.seconds = self.longest = 0.0
        self.errors: dict[str, int] = {}
        self.refused: dict[str, int] = {}
        self.parts: dict[tuple[str, ...], list[float]] = {}
        self.sketch = Sketch()

    def add(self, calls: Sequence[Counted], weight: int = 1) -> None:
        """Count `calls`, at least one, each as `weight` of them."""
        durations, outcomes, caches, attempts, parts, timed, counts = zip(*calls, strict=True)
        self.calls += len(calls) * weight
        self.seconds += sum(durations) * weight
        self.longest = max(self.longest, *durations)
        self.sketch.add(durations, weight)
        self.hits += caches.count("hit") * weight
        self.joined += caches.count("joined") * weight
        self.retries += (sum(attempts) - len(calls)) * weight
        if outcomes.count(OK) < len(calls):
            for how, what in outcomes:
                if what is not None and how != "cancelled":
                    _count(self.refused if how == "refused" else self.errors, what, weight)
        of: tuple[str, ...] = ()
        whole: list[float] = []
        for names, spans, count in zip(parts, timed, counts, strict=True):
            if names is not of:  # mostly it is: all calls of a chain share one
                of, whole = names, self.parts.setdefault(names, [0.0] * (len(names) + 1))
            for level, began, ended in spans if len(spans) == count else spans[:count]:
                whole[level] += (ended - began) * weight

    def merge(self, other: Slice) -> None:
        """Count all that `other` has counted."""
        self.calls += other.calls
        self.seconds += other.seconds
        self.longest = max(self.longest, other.longest)
        self.sketch.merge(other.sketch)
        self.retries += other.retries
        self.hits += other.hits
        self.joined += other.joined
        for of, own in ((other.errors, self.errors), (other.refused, self.refused)):
            for what, times in of.items():
                _count(own, what, times)
        for names, whole in other.parts.items():
            of_names = self.parts.setdefault(names, [0.0] * len(whole))
            of_names[:] = map(sum, zip(of_names, whole, strict=True))

    def profile(self, key: RowKey, held: float) -> Profile:
        """Return this as a profile; `held` are the seconds that others held the loop meanwhile."""
        in_layers, in_handler = self._in_parts()
        return Profile(
            ctype=key[0],
            op=key[1],
            handler=key[2],
            tier=key[3],
            calls=self.calls,
            errors=self.errors,
            refused=self.refused,
            hits=self.hits,
            joined=self.joined,
            retries=self.retries,
            seconds=self.seconds,
            held=held,
            in_handler=in_handler,
            in_layers=in_layers,
            p50=min(self.longest, self.sketch.quantile(0.5)),
            p95=min(self.longest, self.sketch.quantile(0.95)),
            p99=min(self.longest, self.sketch.quantile(0.99)),
            longest=self.longest,
        )

    def _in_parts(self) -> tuple[dict[str, float], float]:
        """Return the time in each layer, by name, and in the handler: the spans, without those directly inside."""
        in_layers: dict[str, float] = {}
        in_handler = 0.0
        for names, whole in self.parts.items():
            *layers, in_one = whole[:-1]  # the handler, which a layer may have as its name
            in_handler += in_one
            for level, name in enumerate(names[:-1]):
                # A layer may ask several at once, which takes less time than they take together.
                in_layers[name] = in_layers.get(name, 0.0) + max(0.0, layers[level] - whole[level + 1])
        return in_layers, in_handler


class Row:
    """The calls of a handler. `pending` are those that are not counted yet: who appends a `BATCH`th counts them.

    Calls are recorded in one thread, and read in any.
    """

    __slots__ = ("_current", "_last", "_lock", "_older", "key", "pending")

    def __init__(self, key: RowKey) -> None:
        self.key = key
        self.pending: list[Counted] = []
        self._lock = Lock()
        self._current = Slice()
        self._last: deque[Slice] = deque()
        self._older = Slice()

    def count(self) -> None:
        """Count the pending calls."""
        with self._lock:
            self._count()

    def renew_lock(self) -> None:
        """Make the lock anew: who held it is not there any more."""
        self._lock = Lock()

    @property
    def calls(self) -> int:
        """How many there were."""
        with self._lock:
            slices = (self._older, *self._last, self._current)
            return sum(one.calls for one in slices) + len(self.pending)

    def swap(self, empty: int) -> None:
        """Begin a new slice, and fold those that are older than a minute into the one of all.

        Calls of the slices that nobody has read, `empty`, were counted in the current one, and pass for new.
        """
        with self._lock:
            self._count()
            self._last.extend([*(Slice() for _ in range(empty)), self._current])
            self._current = Slice()
            while len(self._last) > SLICES:
                self._older.merge(self._last.popleft())

    def total(self, *, since_start: bool) -> Slice:
        """Return all that was counted in the last minute, or since the start."""
        total = Slice()
        with self._lock:
            self._count()
            for one in (*self._last, self._current, *([self._older] if since_start else ())):
                total.merge(one)
        return total

    def _count(self) -> None:
        calls = self.pending.copy()
        if calls:
            del self.pending[: len(calls)]
            self._current.add(calls)


def with_room(key: RowKey, rows: Collection[RowKey]) -> RowKey:
    """Return `key`, or that of all for which there is no room beside `rows`."""
    return key if key in rows or len(rows) < _MAX_ROWS else (OTHER, OTHER, OTHER, OTHER)


def _count(kinds: dict[str, int], what: str, times: int) -> None:
    kind = what if what in kinds or len(kinds) < _MAX_KINDS else OTHER
    kinds[kind] = kinds.get(kind, 0) + times
