"""What does a cache keep for one registry? Answers, the least recently used first, flights, and statistics."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from slixmpp_middleware.caching.single_flight import Flight
from slixmpp_pipeline import is_unchanging


@dataclass(slots=True, eq=False)
class StoredAnswer:
    """An answer, the generations at which it was read, when it expires, after which time, and the latest generation.

    While the latest generation is the same, nothing was written, and `generations` need not be compared. An answer that
    can change is copied at each hit.
    """

    answer: Any
    generations: tuple[int, ...]
    deadline: float
    ttl: float
    latest: int | None
    can_change: bool = field(init=False)

    def __post_init__(self) -> None:
        self.can_change = not is_unchanging(self.answer)


@dataclass(slots=True)
class Statistics:
    """What a cache has done for one registry, on the ops that it does not opt out of.

    Each call is counted once: `hits` were answered from memory, `misses` were asked, `joined` waited for a call under
    way, and `passed` were asked and not stored. `evictions` are answers that were dropped for room, and `entries` are
    those that are stored now: what has expired goes when the next answer comes.
    """

    hits: int = 0
    misses: int = 0
    joined: int = 0
    passed: int = 0
    evictions: int = 0
    entries: int = 0


@dataclass(slots=True, weakref_slot=True, eq=False)
class Store:
    """What a layer keeps for one registry, as long as one of the registry's chains needs it.

    `answers` has the least recently used first; a registry may be asked in several threads. cachetools' LRUCache does
    the same in Python, and needs a lock for each hit: four times as much (benchmarks/cases/parts.py). `unkeyed` counts
    the calls of each op that passed because they have no key.
    """

    max_entries: int
    statistics: Statistics
    answers: OrderedDict[Hashable, StoredAnswer] = field(default_factory=OrderedDict)
    flights: dict[Hashable, Flight] = field(default_factory=dict)
    unkeyed: Counter[tuple[str, str]] = field(default_factory=Counter)
    _queues: dict[float, OrderedDict[Hashable, StoredAnswer]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def keep(self, key: Hashable, stored: StoredAnswer, now: float) -> None:
        """Store an answer; drop those that have expired, and the least recently used if there are too many.

        One that was asked for before its neighbours, and answered after them, stays until they go.
        """
        with self._lock:
            self._drop(key)
            self.answers[key] = stored
            self._queues.setdefault(stored.ttl, OrderedDict())[key] = stored
            for queue in self._queues.values():  # two at most: of `ttl` and of `negative_ttl`
                while queue and (oldest := next(iter(queue.items())))[1].deadline <= now:
                    self._drop(oldest[0])
            if len(self.answers) > self.max_entries:
                dropped, of = self.answers.popitem(last=False)  # in one step: hits move answers without the lock
                del self._queues[of.ttl][dropped]
                self.statistics.evictions += 1

    def _drop(self, key: Hashable) -> None:
        stored = self.answers.pop(key, None)
        if stored is not None:
            del self._queues[stored.ttl][key]
