"""Which handlers' names may be labels? The first 200; of a label without a bound, memory has none either."""

from __future__ import annotations

from threading import Lock
from typing import Final

_MAX_NAMES: Final = 200
_OTHER: Final = "_OTHER"  # OpenTelemetry's word for an unknown value


class Names:
    """The names that have been labels. Clients on several threads may share one."""

    __slots__ = ("_known", "_lock")

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._lock = Lock()

    def label(self, name: str) -> str:
        """Return `name`, or `_OTHER` if it is new and there are 200 already.

        >>> names = Names()
        >>> labels = [names.label(f"bot.get_{number}") for number in range(202)]
        >>> labels[-3:], names.label("bot.get_0")
        (['bot.get_199', '_OTHER', '_OTHER'], 'bot.get_0')
        """
        if name in self._known:
            return name
        with self._lock:  # two threads with a new name each must not both take the last place
            if len(self._known) < _MAX_NAMES:
                self._known.add(name)
        return name if name in self._known else _OTHER
