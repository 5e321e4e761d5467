"""A cached answer is good as long as the generations of what it was read from have not moved, and nobody writes there.

A write moves the generations of what it touches when it ends, however it ends. While it is under way there are none:
it has to read what it wrote itself, and what others read by then may be old a moment later. So a read that notes the
generations before it asks, and looks again before it hands a kept answer out, never serves what is old.

Memory is bounded: what was moved is remembered for so many keys of a resource, and when there are more, all of it
moves once. That costs a cache its answers, and never a wrong one.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from slixmpp import JID

from slixmpp_pipeline.catalogue.keys import Key, bare_jid, every, full_jid, jid_and_node

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Hashable, Iterable

    from slixmpp_pipeline.call import Call
    from slixmpp_pipeline.catalogue.entry import Entry, Resource

_MAX_KEYS = 65_536
_next = count(1)  # of all registries together: what was kept under one, or before a restart, equals nothing of another
_OF_A_JID = frozenset({bare_jid, full_jid})


class Counter:
    """The generations of one resource: of each key that was moved, of the last that was, and of all together.

    `now` are the keys that calls write which have not suspended, and `waiting` tells how many others write a key.
    """

    __slots__ = ("all", "keys", "last", "now", "waiting")

    def __init__(self) -> None:
        self.now: list[Hashable] = []
        self.waiting: dict[Hashable, int] = {}
        self.keys: dict[Hashable, int] = {}
        self.last = self.all = next(_next)

    def is_written(self, key: Hashable) -> bool:
        """Whether a write of `key` is under way; of any key, for `every`."""
        written = (self.now, self.waiting)
        return any(key in one or every in one or (key is every and one) for one in written)

    def wait(self, key: Hashable) -> None:
        """Take note of a call that writes `key` and may wait."""
        self.waiting[key] = self.waiting.get(key, 0) + 1

    def move(self, key: Hashable) -> None:
        """Move `key`; all keys for `every`, and when there are too many to remember."""
        self.last = generation = next(_next)
        if key is not every:
            self.keys[key] = generation
            if len(self.keys) <= _MAX_KEYS:
                return
        self.keys.clear()
        self.all = generation


class Place(NamedTuple):
    """Where a call reads or writes: in the resource of a counter, under a key that nobody can change."""

    counter: Counter
    key: Key


class Generations:
    """The generations of one registry's resources. Nothing moves, and nothing costs, until `start()`."""

    __slots__ = ("_counters", "_unsettled", "is_used")

    def __init__(self) -> None:
        self._counters: dict[Resource, Counter] = {}
        self._unsettled: set[asyncio.Future[object]] = set()
        self.is_used = False

    def start(self, under_way: Iterable[asyncio.Future[object]]) -> None:
        """Count, with everything moved; nothing is good until the calls `under_way`, not counted, have ended."""
        self.is_used = True
        for future in under_way:
            self._unsettled.add(future)
            future.add_done_callback(self._unsettled.discard)
        for counter in self._counters.values():
            counter.move(every)

    def stop(self) -> None:
        """Count no longer: nobody looks."""
        self.is_used = False

    def places(self, touched: Iterable[tuple[Resource, Key]]) -> list[Place]:
        """Return where an op that reads or writes these does so."""
        return [Place(self._counter(resource), _lasting(key)) for resource, key in touched]

    def of(self, read: list[Place], call: Call) -> tuple[int, ...] | None:
        """Return the generations of what `call` reads; None if they cannot be told, or not yet."""
        if not self.is_used or (self._unsettled and self._is_unsettled()):
            return None
        found = []
        try:
            for counter, key in read:
                place = key(call)
                if (counter.now or counter.waiting) and counter.is_written(place):
                    return None
                found.append(counter.last if place is every else counter.keys.get(place, counter.all))
        except Exception:  # noqa: BLE001  # a key is computed from whatever an application passed as args
            return None
        return tuple(found)

    def last_move_of(self, read: list[Place]) -> Callable[[], int | None]:
        """Return what tells the generation of the last move of any key that is read.

        None if one is written, if nothing is read, and if it cannot be told, or not yet.
        """
        counters = [counter for counter, _ in read]

        def last_move() -> int | None:
            if not self.is_used or (self._unsettled and self._is_unsettled()):
                return None
            last = None
            for counter in counters:
                if counter.now or counter.waiting:
                    return None
                if last is None or counter.last > last:
                    last = counter.last
            return last

        return last_move

    def _is_unsettled(self) -> bool:
        """Whether calls that were not counted may still write: not those whose loop was closed under them."""
        if _is_over(next(iter(self._unsettled))):
            self._unsettled.difference_update([one for one in self._unsettled if _is_over(one)])
        return bool(self._unsettled)

    def _counter(self, resource: Resource) -> Counter:
        return self._counters.setdefault(resource, Counter())

    def move_op(self, entry: Entry, call: Call | None, *, any_node: bool) -> None:
        """Move what an op answers with and touches: of the JID of `call`, and of its node unless `any_node` is meant.

        All of a resource if `call` is None, or if the key is not made of these alone.
        """
        for resource, key in (*entry.reads, *entry.writes):
            known = key in _OF_A_JID or (key is jid_and_node and not any_node)
            self._counter(resource).move(key(call) if call is not None and known else every)


def _is_over(future: asyncio.Future[object]) -> bool:
    return future.done() or future.get_loop().is_closed()


def _lasting(key: Key) -> Key:
    """Return `key`, giving what can be hashed and nobody can change: a JID hashes by value, and may be changed."""
    if key is every:
        return _every
    if key in _OF_A_JID or key is jid_and_node:
        return key

    def lasting(call: Call) -> Hashable:
        found = key(call)
        if isinstance(found, JID):
            return found.full
        hash(found)
        return found

    return lasting


def _every(_call: Call) -> Hashable:
    return every
