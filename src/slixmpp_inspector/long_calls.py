"""Which calls took long, who waited for a loop that others held, and whose handler ran when nobody could look?"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from slixmpp_inspector.holds import Holds
    from slixmpp_inspector.rows import RowKey
    from slixmpp_inspector.timers import Spans

_KEPT: Final = 1000
_MOST: Final = 0.9  # of a hold: it may begin a little before the handler


class LongCall(NamedTuple):
    """A call that took long: its row, when it began and ended by the clock of calls, and the level of the handler."""

    key: RowKey
    began: float
    ended: float
    level: int
    spans: Spans


class LongCalls:
    """The last 1,000 of them. One thread adds them, others ask."""

    __slots__ = ("_calls", "_holds")

    def __init__(self, holds: Holds) -> None:
        self._holds = holds
        self._calls: deque[LongCall] = deque(maxlen=_KEPT)

    def add(self, call: LongCall) -> None:
        """Keep one more."""
        self._calls.append(call)

    def held(self, since: float | None) -> dict[RowKey, float]:
        """Return for how many seconds others held the loop in the calls of each row, those that ended since then.

        None means all.
        """
        found: dict[RowKey, float] = {}
        for key, began, ended, _, spans in self._calls.copy():
            if since is None or ended >= since:
                found[key] = found.get(key, 0.0) + self._holds.by_others(began, ended, spans)
        return found

    def covering(self, began: float, ended: float) -> tuple[RowKey, Spans] | None:
        """Return whose handler ran all that time, by the clock of calls: of several the one that ran for least."""
        found: list[tuple[float, RowKey, Spans]] = []
        for one in self._calls.copy():
            for level, start, end in one.spans:
                if level == one.level and min(end, ended) - max(start, began) > (ended - began) * _MOST:
                    found.append((end - start, one.key, one.spans))
        return min(found, key=lambda one: one[0])[1:] if found else None
