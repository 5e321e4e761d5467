"""How are durations counted, so that percentiles are known and memory is bounded? In a DDSketch, to one per cent.

C. Masson, J. Rim, H. Lee: DDSketch, PVLDB 12(12), 2019 (https://arxiv.org/abs/1908.10693).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from importlib import import_module
from math import ceil, log
from typing import Any, Final

from slixmpp_inspector.recorded import EXTRA

_ACCURACY: Final = 0.01
_BUCKETS: Final = 896  # from a microsecond to a minute; where a call takes longer, the lowest ones are merged
_LEAST: Final = 1e-9  # seconds: no clock tells less, and 0 has no logarithm


class Sketch:
    """Counted durations, in seconds.

    It is of the parts of ddsketch, since many durations are added at once: `ddsketch.DDSketch` takes one at a time, and
    keeps sums and a store of negative numbers that nobody asks for. ImportError without the extra.
    """

    __slots__ = ("_mapping", "_of_logarithm", "_store")

    def __init__(self) -> None:
        self._mapping: Any = _part("mapping").LogarithmicMapping(_ACCURACY)
        self._of_logarithm = 1 / log(self._mapping.gamma)
        self._store: Any = _part("store").CollapsingLowestDenseStore(_BUCKETS)

    def add(self, durations: Iterable[float], weight: float = 1) -> None:
        """Count `durations`, each as `weight` of them; 0 counts as a nanosecond."""
        factor = self._of_logarithm
        # As the mapping's key(), which is two calls for each.
        for key, times in Counter([ceil(log(one or _LEAST) * factor) for one in durations]).items():
            self._store.add(key, times * weight)

    def merge(self, other: Sketch) -> None:
        """Count all that `other` has counted."""
        self._store.merge(other._store)

    def quantile(self, part: float) -> float:
        """Return the duration that `part` of them, from 0 to 1, do not exceed; at least one was counted."""
        return float(self._mapping.value(self._store.key_at_rank(part * (self._store.count - 1))))


def _part(name: str) -> Any:
    """Return a module of ddsketch; ImportError, with what to type, where the extra is not installed."""
    try:
        return import_module(f"ddsketch.{name}")
    except ImportError as error:
        raise ImportError(f"the profiler needs ddsketch: {EXTRA}") from error
