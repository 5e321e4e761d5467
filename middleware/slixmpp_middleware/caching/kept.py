"""What a cache keeps for one registry: answers, of which the least recently used go first, and calls on their way."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cachetools import LRUCache
from slixmpp import JID

from slixmpp_middleware.caching.flights import Flight


class Kept(NamedTuple):
    """An answer, the generations it was read at, and when its time is over."""

    answer: Any
    generations: tuple[int, ...]
    deadline: float


class Answers(LRUCache[Hashable, "Kept | None"]):
    """The answers by key, None for what is not there; counts those that had to go."""

    evictions = 0

    def __missing__(self, key: Hashable) -> None:
        """Make `answers[key]` None where nothing is kept: half of what `get()` costs."""

    def popitem(self) -> tuple[Hashable, Kept | None]:
        """Drop the least recently used."""
        self.evictions += 1
        return super().popitem()


@dataclass(slots=True)
class Store:
    """What a layer keeps for one registry."""

    answers: Answers
    flights: dict[Hashable, Flight] = field(default_factory=dict)
    hits: int = 0
    misses: int = 0


def still(value: Any) -> Hashable:
    """Return what `value` is by now, for a key: a JID may be changed, and True is no 1.

    >>> still(True) == still(1), still((1, "a")) == still((1, "a")), still(None)
    (False, True, None)
    """
    if value is None or type(value) is str:
        return value
    if isinstance(value, JID):
        return JID, value.full
    if type(value) is tuple:
        return tuple(map(still, value))
    return type(value), value
