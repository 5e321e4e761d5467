"""What time is it for a layer, and how often did it look? A test says how time passes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Clock:
    """Seconds that pass when a test says so, from a beginning that is not 0; `asked` is how often somebody looked."""

    now: float = 100.0
    asked: int = 0

    def __call__(self) -> float:
        self.asked += 1
        return self.now
