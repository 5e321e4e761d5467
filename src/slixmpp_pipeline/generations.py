"""A cached answer is good as long as the generations of what it was read from have not moved.

A write moves the generations of what it touches when it begins and when it ends, however it ends. So a read that
notes the generations before it asks, and looks again before it hands a kept answer out, never serves what is old: not
if the write began after it, nor if it began while the write was under way.

Memory is bounded: what was moved is remembered for so many keys of a resource, and when there are more, all of it
moves once. That costs a cache its answers, and never a wrong one.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from slixmpp import JID

from slixmpp_pipeline.catalogue import bare_jid, every, full_jid, jid_and_node

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Hashable, Iterable

    from slixmpp_pipeline.call import Call
    from slixmpp_pipeline.catalogue import Entry, Key, Resource

_MAX_KEYS = 65_536
_next = count(1)  # of all registries together: what was kept under one, or before a restart, equals nothing of another
_OF_A_JID = frozenset({bare_jid, full_jid})


class Counter:
    """The generations of one resource: of each key that was moved, of the last that was, and of all together."""

    __slots__ = ("all", "keys", "last")

    def __init__(self) -> None:
        self.keys: dict[Hashable, int] = {}
        self.last = self.all = next(_next)

    def move(self, key: Hashable) -> None:
        """Move `key`; all keys for `every`."""
        self.last = generation = next(_next)
        if key is every:
            self.keys.clear()
            self.all = generation
        else:
            self.keys[key] = generation


class Generations:
    """The generations of one registry's resources. Nothing moves, and nothing costs, until `start()`."""

    __slots__ = ("_counters", "_max_keys", "_unsettled", "is_used")

    def __init__(self, max_keys: int = _MAX_KEYS) -> None:
        self._max_keys = max_keys
        self._counters: dict[Resource, Counter] = {}
        self._unsettled: list[asyncio.Future[object]] = []
        self.is_used = False

    def start(self, under_way: Iterable[asyncio.Future[object]]) -> None:
        """Begin to count, with everything moved; calls `under_way` by now may write without being counted."""
        self.is_used = True
        self._unsettled = list(under_way)
        for counter in self._counters.values():
            counter.move(every)

    def stop(self) -> None:
        """Count no longer: nobody looks."""
        self.is_used = False

    def counter(self, resource: Resource) -> Counter:
        """Return the counter of a resource, which stays the same."""
        return self._counters.setdefault(resource, Counter())

    def of(self, read: Iterable[tuple[Counter, Key]], call: Call) -> tuple[int, ...] | None:
        """Return the generations of what `call` reads; None if they cannot be told, or not yet."""
        if self._unsettled:
            self._unsettled = [one for one in self._unsettled if not (one.done() or one.get_loop().is_closed())]
        if self._unsettled or not self.is_used:
            return None
        found: tuple[int, ...] = ()
        try:
            for counter, key in read:
                found += (counter.last if key is every else counter.keys.get(_still(key(call)), counter.all),)
        except Exception:  # noqa: BLE001  # a key is computed from whatever an application passed as args
            return None
        return found

    def touched(self, written: Iterable[tuple[Counter, Key]], call: Call) -> list[tuple[Counter, Hashable]]:
        """Return what `call` touches, for `move`: all of a resource if its key cannot be told."""
        return [(counter, _key_or_every(key, call)) for counter, key in written]

    def move(self, touched: Iterable[tuple[Counter, Hashable]]) -> None:
        """Move what is touched."""
        for counter, key in touched:
            counter.move(key)
            if len(counter.keys) > self._max_keys:
                counter.move(every)

    def move_op(self, entry: Entry, call: Call | None, *, any_node: bool) -> None:
        """Move what an op answers with and touches: of the JID of `call`, and of its node unless `any_node` is meant.

        All of a resource if `call` is None, or if the key is not made of these alone.
        """
        for resource, key in (*entry.reads, *entry.writes):
            known = key in _OF_A_JID or (key is jid_and_node and not any_node)
            self.move([(self.counter(resource), _still(key(call)) if call is not None and known else every)])


def _key_or_every(key: Key, call: Call) -> Hashable:
    if key is every:
        return every
    try:
        found = _still(key(call))
        hash(found)
    except Exception:  # noqa: BLE001  # in doubt a write touches everything
        return every
    return found


def _still(key: Hashable) -> Hashable:
    """Return a key that nobody can change: a JID hashes by value, and may be changed."""
    return key.full if isinstance(key, JID) else key
