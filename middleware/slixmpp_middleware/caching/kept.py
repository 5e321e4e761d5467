"""What a cache keeps for one registry: answers, of which the least recently used go first, and calls on their way."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from cachetools import LRUCache
from slixmpp import JID

from slixmpp_middleware.caching.copies import is_unchanging
from slixmpp_middleware.caching.flights import Flight


@dataclass(slots=True, eq=False)
class Kept:
    """An answer, the generations it was read at, when its time is over, and the last move of anything at that time.

    While nothing has moved at all, nobody has to look whether this has.
    """

    answer: Any
    generations: tuple[int, ...]
    deadline: float
    last_move: int | None


@dataclass(slots=True)
class Counts:
    """What a layer has done for one registry."""

    hits: int = 0
    misses: int = 0
    joined: int = 0
    passed: int = 0
    evictions: int = 0


class Answers(LRUCache[Hashable, "Kept | None"]):
    """The answers by key, None for what is not there; counts those that had to go."""

    def __init__(self, max_entries: int, counts: Counts) -> None:
        super().__init__(max_entries)
        self.counts = counts

    def __missing__(self, key: Hashable) -> None:
        """Make `answers[key]` None where nothing is kept: cachetools' `get()` looks twice."""

    def popitem(self) -> tuple[Hashable, Kept | None]:
        """Drop the least recently used."""
        self.counts.evictions += 1
        return super().popitem()


@dataclass(slots=True, weakref_slot=True, eq=False)
class Store:
    """What a layer keeps for one registry, as long as one of the registry's routes needs it.

    `lock` is for the answers: a registry may be asked in several threads, and looking one up moves it to the end.
    """

    answers: Answers
    counts: Counts
    flights: dict[Hashable, Flight] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)


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
