"""Where does a test keep what is stored? In memory: it is gone with the process."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from heapq import nsmallest
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slixmpp_storage.store import Change, Place, Row


class Memory:
    """A store for tests. It keeps its rows when it is closed and opened again.

    >>> from slixmpp_storage.store import Change, Row
    >>> store = Memory()
    >>> store.write("bot@a.example", [Change(("xep_0153/hash", "b@c.example"), Row('"5f1a"', None))])
    >>> store.read("bot@a.example", [("xep_0153/hash", "b@c.example"), ("xep_0153/hash", "d@e.example")])
    {('xep_0153/hash', 'b@c.example'): Row(text='"5f1a"', expires=None)}
    """

    def __init__(self) -> None:
        self._rows: defaultdict[str, dict[Place, Row]] = defaultdict(dict)
        self._lock = threading.Lock()  # one thread reads while another writes

    def open(self) -> None:
        """Do nothing."""

    def read(self, owner: str, places: Sequence[Place]) -> Mapping[Place, Row]:
        """Return what is at `places`; what is not there is left out."""
        with self._lock:
            rows = self._rows[owner]
            return {place: rows[place] for place in places if place in rows}

    def write(self, owner: str, changes: Sequence[Change]) -> None:
        """Make all `changes`."""
        with self._lock:
            rows = self._rows[owner]
            for place, row in changes:
                if row is None:
                    rows.pop(place, None)
                else:
                    rows[place] = row

    def scan(self, owner: str, resource: str, after: str, limit: int) -> list[tuple[str, Row]]:
        """Return at most `limit` rows whose keys are above `after`, in the order of keys."""
        with self._lock:
            rows = self._rows[owner].items()
            found = [(key, row) for (name, key), row in rows if name == resource and key > after]
        return nsmallest(limit, found, key=lambda one: one[0])

    def expire(self, owner: str, now: float, keep: int) -> int:
        """Delete what has expired at `now`, and of each resource that ends in `~` what is more than `keep` rows."""
        with self._lock:
            rows = self._rows[owner]
            gone = [place for place, row in rows.items() if row.expires is not None and row.expires <= now]
            for place in gone:
                del rows[place]
            by_resource: defaultdict[str, list[Place]] = defaultdict(list)
            for place in rows:
                if place[0].endswith("~"):
                    by_resource[place[0]].append(place)
            more = 0
            for places in by_resource.values():
                places.sort(key=lambda place: _last(rows[place]), reverse=True)
                for place in places[keep:]:
                    del rows[place]
                    more += 1
        return len(gone) + more

    def may_pass(self, error: Exception) -> bool:
        """Return False: nothing fails here that would not fail again."""
        return False

    def close(self) -> None:
        """Do nothing."""


def _last(row: Row) -> float:
    return inf if row.expires is None else row.expires
