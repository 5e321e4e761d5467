"""What a cache keeps for one registry: answers, of which the least recently used go first, and calls on their way."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from slixmpp import JID

from slixmpp_middleware.caching.copies import is_unchanging
from slixmpp_middleware.caching.flights import Flight


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


def still(value: Any) -> Hashable:
    """Return what `value` is by now, for a key: a JID may be changed, and True is no 1.

    TypeError for what is not known to stay as it is.

    >>> still(True) == still(1), still((1, "a")) == still((1, "a")), still(None)
    (False, True, None)
    """
    if value is None or type(value) is str:
        return value
    if isinstance(value, JID):
        return JID, value.full
    if type(value) is tuple:
        return tuple(map(still, value))
    if type(value) is frozenset:
        return frozenset(map(still, value))
    if is_unchanging(value):
        return type(value), value
    raise TypeError(f"{type(value).__name__} may change, and tells no answers apart")
