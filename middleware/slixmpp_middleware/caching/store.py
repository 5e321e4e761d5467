"""What does a cache keep for one registry? Answers, new ones apart from those that were asked for again, and flights.

A segmented LRU (Karedla, Love, Wherry, Caching strategies to improve disk system performance, Computer 27(3), 1994):
a new answer is on probation, and a hit makes it a protected one. What has to go for room goes from probation, so
answers that nobody asks for again push out none that somebody does.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

from slixmpp_middleware.caching.single_flight import Flight

_PROTECTED: Final = 0.8  # of the room, at most


@dataclass(slots=True, eq=False)
class StoredAnswer:
    """An answer, and what it takes to know whether it is still good, and how long it stays.

    `generations` are those at which it was read, and `latest` the latest one: while that is the same, nothing was
    written. An answer expires at `deadline`, after `ttl` seconds; it takes `size` bytes. `use(key)` is called at each
    hit. An answer that can change is copied at each hit.
    """

    answer: Any
    can_change: bool
    generations: tuple[int, ...]
    deadline: float
    ttl: float
    latest: int | None
    size: int
    use: Callable[[Hashable], None]

    @property
    def asked(self) -> float:
        """When it was asked for."""
        return self.deadline - self.ttl


@dataclass(slots=True)
class Statistics:
    """What a cache has done for one registry, on the ops that it does not opt out of.

    Each call is counted once: `hits` were answered from memory, `misses` were asked, `joined` waited for a call under
    way, and `passed` were asked and not stored. `evictions` are answers that were dropped for room, `entries` are those
    that are stored now, and `bytes` what they take, estimated: what has expired goes when the next answer comes.
    """

    hits: int = 0
    misses: int = 0
    joined: int = 0
    passed: int = 0
    evictions: int = 0
    entries: int = 0
    bytes: int = field(default=0, repr=False, compare=False)


Answers = OrderedDict[Hashable, StoredAnswer]


@dataclass(slots=True, weakref_slot=True, eq=False)
class Store:
    """What a layer keeps for one registry, as long as one of the registry's chains needs it.

    `protected` and `probation` have the least recently used first; a registry may be asked in several threads.
    cachetools' LRUCache does the same in Python, and needs a lock for each hit: four times as much
    (benchmarks/cases/parts.py). `unkeyed` counts the calls of each op that passed because they have no key.
    """

    max_entries: int
    max_bytes: int
    statistics: Statistics
    protected: Answers = field(default_factory=OrderedDict)
    probation: Answers = field(default_factory=OrderedDict)
    flights: dict[Hashable, Flight] = field(default_factory=dict)
    unkeyed: Counter[tuple[str, str]] = field(default_factory=Counter)
    bytes: int = 0
    _protected_bytes: int = 0
    _queues: defaultdict[float, Answers] = field(default_factory=lambda: defaultdict(OrderedDict))
    _lock: Lock = field(default_factory=Lock)

    def __len__(self) -> int:
        return len(self.protected) + len(self.probation)

    def keep(self, key: Hashable, stored: StoredAnswer, now: float) -> None:
        """Store an answer; drop those that have expired, and the least recently used if there are too many.

        One that was asked for before its neighbours, and answered after them, stays until they go. One that was asked
        for before the one of its own key that is stored is not stored.
        """
        with self._lock:
            for queue in self._queues.values():  # two at most: of `ttl` and of `negative_ttl`
                if (known := queue.get(key)) is not None:
                    if known.asked > stored.asked:
                        return
                    self._drop(key)
                while queue and (oldest := next(iter(queue.items())))[1].deadline <= now:
                    self._drop(oldest[0])
            if stored.deadline <= now:
                return
            self.probation[key] = stored
            self._queues[stored.ttl][key] = stored
            self.bytes += stored.size
            while self.bytes > self.max_bytes or len(self.probation) + len(self.protected) > self.max_entries:
                self._drop(next(iter(self.probation)))  # never empty here: the protected ones leave room
                self.statistics.evictions += 1

    def promote(self, key: Hashable) -> None:
        """Protect an answer that was asked for again; those for which there is no room are on probation again."""
        with self._lock:
            stored = self.probation.pop(key)
            stored.use = self.protected.move_to_end
            self.protected[key] = stored
            self._protected_bytes += stored.size
            while self._is_protecting_too_much():
                oldest, of = self.protected.popitem(last=False)  # in one step: hits move answers without the lock
                self._protected_bytes -= of.size
                of.use = self.promote
                self.probation[oldest] = of

    def _is_protecting_too_much(self) -> bool:
        too_many = len(self.protected) > _PROTECTED * self.max_entries
        return too_many or self._protected_bytes > _PROTECTED * self.max_bytes

    def _drop(self, key: Hashable) -> None:
        stored = self.probation.pop(key, None)
        if stored is None:
            stored = self.protected.pop(key)
            self._protected_bytes -= stored.size
        self.bytes -= stored.size
        del self._queues[stored.ttl][key]
