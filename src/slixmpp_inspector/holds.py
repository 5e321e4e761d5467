"""What is a hold? Some time in which one piece of code kept the loop from everything else."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import chain
from math import inf
from typing import Final, NamedTuple

KEPT: Final = 500
LONG: Final = 0.1  # seconds; a shorter call is not asked how long it was held


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """The loop was held, or is being held: nothing else ran on it.

    - `began`: seconds since 1970. `seconds`: how long it took, or has taken until now. `is_over`: whether it has ended.
    - `ctype`, `op`, `handler`, `tier`: of the call whose handler held it. None where other code did, or C code kept the
      interpreter and it is not known whose.
    - `stack`: `file:line function`, the outermost first, the handler's own code if it was a handler. Empty where C code
      kept the interpreter, and nobody could look.
    - `left_out`: how many holds of the same handler were not told since the last one that was.
    """

    began: float
    seconds: float
    is_over: bool
    ctype: str | None
    op: str | None
    handler: str | None
    tier: str | None
    stack: tuple[str, ...]
    left_out: int = 0


class Held(NamedTuple):
    """Some time in which the loop was held, by the clock of calls; `mark` is the call that did it, None if none."""

    began: float
    ended: float
    mark: object

    def within(self, began: float, ended: float) -> float:
        """Return how many seconds of that time it was."""
        return max(0.0, min(ended, self.ended) - max(began, self.began))


class Holds:
    """The last 500 of them, and the one that has not ended. One thread tells of them, others ask."""

    __slots__ = ("_held", "_open")

    def __init__(self) -> None:
        self._held: deque[Held] = deque(maxlen=KEPT)
        self._open: Held | None = None

    def begin(self, began: float, mark: object) -> None:
        """Keep that the loop is held since then."""
        self._open = Held(began, inf, mark)

    def end(self, ended: float) -> None:
        """Keep that it is held no longer."""
        held, self._open = self._open, None
        if held is not None:
            self._held.append(held._replace(ended=ended))

    def add(self, began: float, ended: float, mark: object) -> None:
        """Keep that it was held in that time, which became known later."""
        self._held.append(Held(began, ended, mark))

    def by_others(self, began: float, ended: float, mark: object) -> float:
        """Return the seconds of that time in which something else than the call `mark` held the loop."""
        found, is_held = 0.0, self._open
        for held in chain([is_held] if is_held else [], reversed(self._held.copy())):
            if held.ended <= began:
                break
            if held.mark is not mark:
                found += held.within(began, ended)
        return min(found, ended - began)
