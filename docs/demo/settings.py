"""How much traffic is there, and how long is waited for it?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How much traffic, and how long to wait.

    `rate` stanzas a second are sent, at most, and `at_once` are under way at a time. `attempt_timeout` is the seconds
    an attempt at a call may take, `patience` the seconds to wait for an answer; it is longer, so that a timeout is
    answered with an error. `log` None means a file that is removed at the end.
    """

    stanzas: int = 3000
    jids: int = 300
    seed: int = 1
    rate: int = 1000
    at_once: int = 32
    attempt_timeout: float = 0.4
    patience: float = 8
    log: Path | None = None
