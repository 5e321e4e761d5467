"""How are durations counted, so that percentiles are known and memory is bounded? In a DDSketch, to one per cent.

C. Masson, J. Rim, H. Lee: DDSketch, PVLDB 12(12), 2019 (https://arxiv.org/abs/1908.10693).
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

_ACCURACY: Final = 0.01
_BUCKETS: Final = 1024  # from a microsecond to an hour there are 1,100; the lowest ones are merged
_EXTRA: Final = "pip install 'slixmpp-pipeline[inspector]'"


class Sketch:
    """Counted durations, in seconds. `add` counts one, which is a number, and not below zero: nothing checks that."""

    __slots__ = ("_sketch", "add")

    def __init__(self) -> None:
        self._sketch: Any = _kind()(_ACCURACY, _BUCKETS)
        self.add: Callable[[float], None] = self._sketch.add  # without a call of ours around it

    def merge(self, other: Sketch) -> None:
        """Count all that `other` has counted."""
        self._sketch.merge(other._sketch)

    def quantile(self, part: float) -> float:
        """Return the duration that `part` of them, from 0 to 1, do not exceed; 0 if none was counted."""
        return float(self._sketch.get_quantile_value(part) or 0.0)


def _kind() -> Any:
    """Return the class of ddsketch; ImportError, with what to type, where the extra is not installed."""
    try:
        return import_module("ddsketch").LogCollapsingLowestDenseDDSketch
    except ImportError as error:
        raise ImportError(f"the profiler needs ddsketch: {_EXTRA}") from error
