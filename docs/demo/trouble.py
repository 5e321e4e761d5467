"""When is the storage slow, and when does it fail? The seed and the JID decide: the same seed, the same trouble."""

from __future__ import annotations

import random
from collections.abc import Collection

SLOW_SECONDS = 1.0
SLOW_SHARE = 0.06
LOCKED_SHARE = 0.12


class Trouble:
    """What goes wrong in a storage, and how often it has.

    The first read of a JID is slow, by `SLOW_SECONDS`, for `SLOW_SHARE` of them, and every read of those that are
    `stuck`; its first write finds the database locked for `LOCKED_SHARE`. Nothing depends on the order of the calls.
    """

    def __init__(self, seed: int = 0, stuck: Collection[str] = ()) -> None:
        self.slow_reads = 0
        self.failed_writes = 0
        self._seed = seed
        self._stuck = frozenset(stuck)
        self._seen: set[tuple[str, str]] = set()

    def slows_read(self, jid: str) -> bool:
        """Whether this read of `jid` is to be slow."""
        slow = self._strikes("read", jid, SLOW_SHARE) or jid in self._stuck
        self.slow_reads += slow
        return slow

    def fails_write(self, jid: str) -> bool:
        """Whether this write of `jid` is to fail."""
        fails = self._strikes("write", jid, LOCKED_SHARE)
        self.failed_writes += fails
        return fails

    def _strikes(self, what: str, jid: str, share: float) -> bool:
        if (what, jid) in self._seen:
            return False
        self._seen.add((what, jid))
        return random.Random(f"{self._seed} {what} {jid}").random() < share
