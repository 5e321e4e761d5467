"""Which calls took longest, not counting the time in which others held the loop?"""

from __future__ import annotations

import heapq
from dataclasses import replace
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from slixmpp_inspector.holds import Holds
    from slixmpp_inspector.recorded import RecordedCall

_SLOWEST: Final = 50


class Entry(NamedTuple):
    """A call that is among the slowest.

    `own` are its seconds without those in which others held the loop, `number` tells equal ones apart, and `began` is
    by the clock of calls.
    """

    own: float
    number: int
    began: float
    call: RecordedCall
    mark: object


class Slowest:
    """The slowest calls; a call that takes no longer than `least` is none of them.

    One code that holds the loop makes all calls slow that are under way: they would be all that is kept.
    """

    __slots__ = ("_heap", "_lock", "_numbers", "least")

    def __init__(self) -> None:
        self._heap: list[Entry] = []
        self._lock = Lock()  # calls are offered in one thread, and read in any
        self._numbers = count()
        self.least = -1.0

    def renew_lock(self) -> None:
        """Make the lock anew: who held it is not there any more."""
        self._lock = Lock()

    def offer(self, began: float, call: RecordedCall, mark: object) -> None:
        """Keep a call, if it is among the slowest."""
        entry = Entry(call.seconds - call.held, next(self._numbers), began, call, mark)
        with self._lock:
            (heapq.heappush if len(self._heap) < _SLOWEST else heapq.heappushpop)(self._heap, entry)
            self._settle()

    def forget(self, before: float) -> None:
        """Forget calls that began before then."""
        with self._lock:
            if any(entry.began < before for entry in self._heap):
                self._heap = [entry for entry in self._heap if entry.began >= before]
                heapq.heapify(self._heap)
                self._settle()

    def calls(self, holds: Holds | None = None) -> list[RecordedCall]:
        """Return them, those first that were slow by themselves; with `holds`, of which more may be known by now."""
        with self._lock:
            entries = sorted(self._heap, reverse=True)
        if holds is None:
            return [entry.call for entry in entries]
        found = []
        for _, _, began, call, mark in entries:
            found.append(replace(call, held=holds.by_others(began, began + call.seconds, mark)))
        return sorted(found, key=lambda call: call.held - call.seconds)

    def _settle(self) -> None:
        self.least = self._heap[0].own if len(self._heap) >= _SLOWEST else -1.0
