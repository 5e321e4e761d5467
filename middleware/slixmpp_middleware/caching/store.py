"""What a cache keeps for one registry: answers, of which the least recently used go first, and calls on their way."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from slixmpp_middleware.caching.copies import is_unchanging
from slixmpp_middleware.caching.single_flight import Flight


@dataclass(slots=True, eq=False)
class Kept:
    """An answer, the generations it was read at, when its time is over, and the last move of anything at that time.

    While nothing has moved at all, nobody has to look whether this has; and what cannot change is not copied.
    """

    answer: Any
    generations: tuple[int, ...]
    deadline: float
    last_move: int | None
    can_change: bool = field(init=False)

    def __post_init__(self) -> None:
        self.can_change = not is_unchanging(self.answer)


@dataclass(slots=True)
class Counts:
    """What a layer has done for one registry."""

    hits: int = 0
    misses: int = 0
    joined: int = 0
    passed: int = 0
    evictions: int = 0


@dataclass(slots=True, weakref_slot=True, eq=False)
class Store:
    """What a layer keeps for one registry, as long as one of the registry's routes needs it.

    `answers` has the least recently used first; a registry may be asked in several threads. cachetools' LRUCache does
    the same in Python, and needs a lock for each hit: four times as much (benchmarks/parts_benchmark.py).
    """

    max_entries: int
    counts: Counts
    answers: OrderedDict[Hashable, Kept] = field(default_factory=OrderedDict)
    flights: dict[Hashable, Flight] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def keep(self, key: Hashable, kept: Kept) -> None:
        """Keep an answer, and drop the least recently used if there are too many."""
        with self._lock:
            self.answers[key] = kept
            self.answers.move_to_end(key)
            if len(self.answers) > self.max_entries:
                self.answers.popitem(last=False)
                self.counts.evictions += 1
