"""How many calls were there in each second of the last minute?"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from slixmpp_inspector.rows import RowKey

SECONDS: Final = 60
_RECENT: Final = 10  # seconds, of which a rate is the mean
_SOON: Final = 0.5  # seconds


class Rates:
    """Calls a second of each row, of what `tick()` is told once a second; `calls` are those before the first.

    `now` is by a clock that only ever grows. A tick that comes late counts for all the seconds since the last one, and
    one that comes soon after another for none: its calls are of the next.
    """

    def __init__(self, calls: Mapping[RowKey, int], now: float) -> None:
        self._calls = dict(calls)
        self._now = now
        self._known = 0  # seconds, of every row
        self._seconds: dict[RowKey, deque[float]] = {}

    def tick(self, calls: Mapping[RowKey, int], now: float) -> None:
        """Count the calls since the last tick."""
        passed = now - self._now
        if passed < _SOON:
            return
        times = min(SECONDS, round(passed) or 1)
        for key, count in calls.items():
            seconds = self._seconds.get(key)
            if seconds is None:
                seconds = self._seconds[key] = deque([0.0] * self._known, maxlen=SECONDS)
            seconds.extend([(count - self._calls.get(key, 0)) / passed] * times)
        self._known = min(SECONDS, self._known + times)
        self._calls, self._now = dict(calls), now

    def per_second(self, key: RowKey) -> float:
        """Return how many calls a second there were in the last ten, or in all if there are fewer."""
        recent = self.each_second(key)[-_RECENT:]
        return sum(recent) / len(recent) if recent else 0.0

    def each_second(self, key: RowKey) -> list[float]:
        """Return the calls of each second of the last minute that was counted, the oldest first."""
        return list(self._seconds.get(key, ()))
