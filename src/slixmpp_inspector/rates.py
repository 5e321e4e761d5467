"""How many calls were there in each second of the last minute?"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from slixmpp_inspector.rows import RowKey

SECONDS: Final = 60
_RECENT: Final = 10  # seconds, of which a rate is the mean


class Rates:
    """Calls a second of each row, of what `tick()` is told once a second; `calls` are those before the first.

    `now` is by a clock that only ever grows. A tick that comes late counts for all the seconds since the last one.
    """

    def __init__(self, calls: Mapping[RowKey, int], now: float) -> None:
        self._calls = dict(calls)
        self._now = now
        self._seconds: dict[RowKey, deque[float]] = {}

    def tick(self, calls: Mapping[RowKey, int], now: float) -> None:
        """Count the calls since the last tick."""
        passed = now - self._now
        if passed <= 0:
            return
        times = min(SECONDS, max(1, round(passed)))
        for key, count in calls.items():
            seconds = self._seconds.setdefault(key, deque(maxlen=SECONDS))
            seconds.extend([(count - self._calls.get(key, 0)) / passed] * times)
        self._calls, self._now = dict(calls), now

    def per_second(self, key: RowKey) -> float:
        """Return how many calls a second there were in the last ten."""
        recent = self.each_second(key)[-_RECENT:]
        return sum(recent) / len(recent) if recent else 0.0

    def each_second(self, key: RowKey) -> list[float]:
        """Return the calls of each second of the last minute that was looked at, the oldest first."""
        return list(self._seconds.get(key, ()))
