"""A cached answer is good as long as the generations of what it was read from have not moved.

A write moves the generations of what it touches when it begins and when it ends, however it ends. So a read that
notes the generations before it asks, and looks again before it hands a kept answer out, never serves what is old: not
if the write began after it, nor if it began while the write was under way.

Memory is bounded: what was moved is remembered for so many keys, and when there are more, everything moves once. That
costs a cache its answers, and never a wrong one.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from slixmpp_pipeline.catalogue import bare_jid, every, full_jid, jid_and_node

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Hashable, Iterable

    from slixmpp_pipeline.call import Call
    from slixmpp_pipeline.catalogue import Entry, Key, Resource

_MAX_KEYS = 65_536
_next = count(1)  # of all registries together: what was kept under one, or before a restart, equals nothing of another
_OF_A_JID = frozenset({bare_jid, full_jid})


class Generations:
    """The generations of one registry's resources. Nothing moves, and nothing costs, until `start()`."""

    __slots__ = ("_floor", "_floors", "_latest", "_max_keys", "_moved", "_unsettled", "is_used")

    def __init__(self, max_keys: int = _MAX_KEYS) -> None:
        self._max_keys = max_keys
        self._floor = 0
        self._floors: dict[Resource, int] = {}
        self._latest: dict[Resource, int] = {}
        self._moved: dict[tuple[Resource, Hashable], int] = {}
        self._unsettled: list[asyncio.Future[object]] = []
        self.is_used = False

    def start(self, under_way: Iterable[asyncio.Future[object]]) -> None:
        """Begin to count, with everything moved; calls `under_way` by now may write without being counted."""
        self.is_used = True
        self._unsettled = list(under_way)
        self._move_all()

    def stop(self) -> None:
        """Count no longer: nobody looks."""
        self.is_used = False

    def of(self, entry: Entry, call: Call) -> tuple[int, ...] | None:
        """Return the generations of what `call` reads; None if they cannot be told, or not yet."""
        self._unsettled = [task for task in self._unsettled if not task.done()]
        if not self.is_used or self._unsettled:
            return None
        try:
            return tuple(self._generation(resource, key, call) for resource, key in entry.reads)
        except Exception:  # noqa: BLE001  # a key is computed from whatever an application passed as args
            return None

    def move(self, touched: Iterable[tuple[Resource, Key]], call: Call) -> None:
        """Move what `call` touches; all of a resource if its key cannot be told."""
        for resource, key in touched:
            try:
                self._move(resource, None if key is every else (resource, key(call)))
            except Exception:  # noqa: BLE001  # in doubt a write touches everything
                self._move(resource, None)

    def move_op(self, entry: Entry, call: Call | None, *, any_node: bool) -> None:
        """Move what an op answers with and touches: of the JID of `call`, and of its node unless `any_node` is meant.

        All of a resource if `call` is None, or if the key is not made of these alone.
        """
        for resource, key in (*entry.reads, *entry.writes):
            known = call is not None and (key in _OF_A_JID or (key is jid_and_node and not any_node))
            self._move(resource, (resource, key(call)) if call is not None and known else None)

    def _generation(self, resource: Resource, key: Key, call: Call) -> int:
        moved = self._latest.get(resource, 0) if key is every else self._moved.get((resource, key(call)), 0)
        return max(self._floor, self._floors.get(resource, 0), moved)

    def _move(self, resource: Resource, key: tuple[Resource, Hashable] | None) -> None:
        self._latest[resource] = generation = next(_next)
        if key is None:
            self._floors[resource] = generation
            return
        self._moved[key] = generation
        if len(self._moved) > self._max_keys:
            self._move_all()

    def _move_all(self) -> None:
        self._moved.clear()
        self._floors.clear()
        self._floor = next(_next)
