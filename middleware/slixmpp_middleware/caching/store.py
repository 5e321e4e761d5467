"""What does a cache keep for one registry? Answers, the least recently used first, flights, and statistics."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from slixmpp_middleware.caching.copies import is_unchanging
from slixmpp_middleware.caching.single_flight import Flight


@dataclass(slots=True, eq=False)
class StoredAnswer:
    """An answer, the generations at which it was read, the time when it expires, and the latest generation then.

    While the latest generation is the same, nothing was written, and `generations` need not be compared. An answer that
    can change is copied at each hit.
    """

    answer: Any
    generations: tuple[int, ...]
    deadline: float
    latest: int | None
    can_change: bool = field(init=False)

    def __post_init__(self) -> None:
        self.can_change = not is_unchanging(self.answer)


@dataclass(slots=True)
class Statistics:
    """What a cache has done for one registry, on the ops that it does not opt out of.

    Each call is counted once: `hits` were answered from memory, `misses` were asked, `joined` waited for a call under
    way, and `passed` were asked and not stored. `evictions` are answers that were dropped for room, and `entries` are
    those that are stored now, of which some may have expired.
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

    `answers` has the least recently used first; a registry may be asked in
    several threads. cachetools' LRUCache does the same in Python, and needs a lock for each hit: four times as much
    (benchmarks/cases/parts.py).
    """

    max_entries: int
    statistics: Statistics
    answers: OrderedDict[Hashable, StoredAnswer] = field(default_factory=OrderedDict)
    flights: dict[Hashable, Flight] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def keep(self, key: Hashable, stored: StoredAnswer) -> None:
        """Store an answer, and drop the least recently used if there are too many."""
        with self._lock:
            self.answers[key] = stored
            self.answers.move_to_end(key)
            if len(self.answers) > self.max_entries:
                self.answers.popitem(last=False)
                self.statistics.evictions += 1
