"""Has anything been written since an answer was read?

Each key of a resource has a generation, a number that a write of that key replaces by a higher one. A cached answer is
good as long as the generations of what it was read from are the same.

A write advances the generations of its keys when it ends, however it ends. While a write runs, its keys have no
generation, so nothing read meanwhile is cached. A read that notes the generations before it asks, and compares them
before it hands out a stored answer, never serves an old one.

Memory is bounded: a resource remembers the generations of 65,536 keys. With one more, all keys of the resource advance
at once. That costs a cache its answers, and never gives a wrong one. What is kept of a key is its hash, since a key may
be a stranger's text of any length; two keys of one hash advance together, which costs as little. And nothing is kept
of resources that no cacheable op reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import TYPE_CHECKING, Final, NamedTuple

from slixmpp_pipeline.call import Call
from slixmpp_pipeline.catalogue.entry import unlisted
from slixmpp_pipeline.catalogue.keys import Key, bare_jid, every, full_jid, jid_and_node
from slixmpp_pipeline.catalogue.slixmpp_ops import UNREAD
from slixmpp_pipeline.catalogue.values import frozen
from slixmpp_pipeline.generations.attempts import Begun, key_or_every
from slixmpp_pipeline.jids import parse_jid

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Hashable, Iterable

    from slixmpp import JID

    from slixmpp_pipeline.catalogue.entry import Entry, Resource

    Loop = asyncio.AbstractEventLoop

_MAX_KEYS = 65_536
_next = count(1)  # for all registries: an answer stored under one, or before a restart, never equals one of another
# The keys that `invalidate()` knows, as hashes: one function each, since resources that share a key compute it once.
_OF_A_JID: Final[Mapping[Key, Key]] = {
    bare_jid: lambda call: hash(call.jid.bare),
    full_jid: lambda call: hash(call.jid.full),
    jid_and_node: lambda call: hash((call.jid.full, call.node)),
}


class Counter:
    """The generations of one resource: of each key that was written, the latest of all, and of all other keys.

    `now` are the keys that are written by calls which have not suspended. `waiting` has, for each loop and key, how
    many calls write it that have. `begun` counts the writes that begin, None while nobody asks for that. `is_read` is
    false if no answer that is read from the resource may be stored.
    """

    __slots__ = ("all", "begun", "is_read", "keys", "latest", "now", "waiting")

    def __init__(self, is_read: bool = True, begun: Begun | None = None) -> None:
        self.is_read = is_read
        self.now: list[Hashable] = []
        self.waiting: dict[Loop, dict[Hashable, int]] = {}
        self.keys: dict[Hashable, int] = {}
        self.latest = self.all = next(_next)
        self.begun = begun

    def is_written(self, key: Hashable) -> bool:
        """Whether a write of `key` is under way; for `every`, a write of any key."""
        if self.now and (key is every or key in self.now or every in self.now):
            return True
        for loop, keys in self.waiting.copy().items():
            if loop.is_closed():  # its writes never end, and are over then
                self.waiting.pop(loop, None)
                for one in keys.copy():
                    self.advance(one)
            elif key is every or key in keys or every in keys:
                return True
        return False

    def wait(self, key: Hashable, loop: Loop) -> None:
        """Count a write of `key` by a call that may wait on `loop`."""
        keys = self.waiting.get(loop)
        if keys is None:
            keys = self.waiting[loop] = {}
        keys[key] = keys.get(key, 0) + 1

    def end_wait(self, key: Hashable, loop: Loop) -> None:
        """Count such a write no longer."""
        keys = self.waiting.get(loop)
        if keys is None:  # it was closed, and somebody noticed
            return
        writes = keys.pop(key) - 1
        if writes:
            keys[key] = writes
        elif not keys:
            del self.waiting[loop]

    def advance(self, key: Hashable) -> None:
        """Give `key` a new generation; all keys for `every`, and when there are too many to remember."""
        if not self.is_read:
            return
        # In this order: a reader in another thread that sees the new `latest` sees the new generation of each key.
        generation = next(_next)
        if key is not every:
            self.keys[key] = generation
        if key is every or len(self.keys) > _MAX_KEYS:
            self.all = generation
            self.keys.clear()
        self.latest = generation


class CountedKey(NamedTuple):
    """Which key of which counter a call reads; `key` returns the hash of one, or `every`."""

    counter: Counter
    key: Key


class CountedWrite(NamedTuple):
    """Which key of which counters a call writes: the text of a JID costs as much as the rest, and is made once."""

    key: Key
    counters: tuple[Counter, ...]


class Counters:
    """The counters of one registry. Nothing is counted, and nothing costs, until `start()`."""

    __slots__ = ("_counters", "_unread", "_unsettled", "counts_beginnings", "is_used")

    def __init__(self) -> None:
        self._counters: dict[Resource, Counter] = {}
        self._unread: frozenset[Resource] = UNREAD
        self.counts_beginnings = False
        self._unsettled: set[asyncio.Future[object]] = set()
        self.is_used = False

    def start(self, under_way: Iterable[asyncio.Future[object]]) -> None:
        """Count from now on. No answer is stored before the calls `under_way`, which were not counted, have ended."""
        self.is_used = True
        for future in under_way:
            self._unsettled.add(future)
            future.add_done_callback(self._unsettled.discard)
        for counter in self._counters.copy().values():
            counter.advance(every)

    def stop(self) -> None:
        """Count no longer, since no cache and no retry is there to ask."""
        self.is_used = False

    def read(self, entries: Iterable[Entry | None]) -> None:
        """Count what cacheable ones of `entries` read, which were declared, besides what slixmpp's entries read."""
        cacheable = [entry for entry in entries if entry is not None and entry.cacheable]
        self._unread = UNREAD.difference(resource for entry in cacheable for resource, _ in entry.reads)
        for resource, counter in self._counters.copy().items():
            counter.is_read = resource not in self._unread

    def count_beginnings(self, is_wanted: bool) -> None:
        """Count how many writes begin from now on, or no longer."""
        self.counts_beginnings = is_wanted
        for counter in self._counters.copy().values():
            if is_wanted is (counter.begun is None):
                counter.begun = Begun() if is_wanted else None

    def begun(self, written: list[CountedWrite], call: Call) -> list[tuple[Begun, Hashable]]:
        """Return what counts the writes that `call` makes, with their keys."""
        keys = [(counters, key_or_every(key_of, call)) for key_of, counters in written]
        return [(one.begun, key) for counters, key in keys for one in counters if one.begun is not None]

    def counted_keys(self, read: Iterable[tuple[Resource, Key]]) -> list[CountedKey]:
        """Return the counter and key for each of the resources that an op reads."""
        return [CountedKey(self._counter(resource), _hashed(key)) for resource, key in read]

    def counted_writes(self, written: Iterable[tuple[Resource, Key]]) -> list[CountedWrite]:
        """Return the key and counters of the resources that an op writes and anybody asks about."""
        by_key: dict[Key, list[Counter]] = {}
        for resource, key in written if self.is_used else ():
            if self.counts_beginnings or resource not in self._unread:
                by_key.setdefault(key, []).append(self._counter(resource))
        return [CountedWrite(_hashed(key), tuple(counters)) for key, counters in by_key.items()]

    def generations(self, read: list[CountedKey], call: Call) -> tuple[int, ...] | None:
        """Return the generations of what `call` reads; None if they are not known, or not yet."""
        if not self.is_used or (self._unsettled and self._is_unsettled()):
            return None
        found = []
        try:
            for counter, key_of in read:
                key = key_of(call)
                if (counter.now or counter.waiting) and counter.is_written(key):
                    return None
                found.append(counter.latest if key is every else counter.keys.get(key, counter.all))
        except Exception:  # noqa: BLE001  # a key is computed from whatever an application passed as args
            return None
        return tuple(found)

    def latest_of(self, read: list[CountedKey]) -> Callable[[], int | None]:
        """Return a function that gives the latest generation of any key of the resources in `read`.

        It gives None while a key of them is written, if nothing is read, and if it is not known, or not yet.
        """
        counters = [counter for counter, _ in read]

        def latest() -> int | None:
            if not self.is_used or (self._unsettled and self._is_unsettled()):
                return None
            latest = None
            for counter in counters:
                if counter.now or counter.waiting:
                    return None
                if latest is None or counter.latest > latest:
                    latest = counter.latest
            return latest

        return latest

    def _is_unsettled(self) -> bool:
        """Whether calls that were not counted may still write; a call whose loop was closed will not."""
        unsettled = self._unsettled.copy()  # in one step: another thread may read while calls end
        if unsettled and _is_over(next(iter(unsettled))):
            self._unsettled.difference_update([one for one in unsettled if _is_over(one)])
        return bool(self._unsettled)

    def _counter(self, resource: Resource) -> Counter:
        counter = self._counters.get(resource)
        if counter is None:
            begun = Begun() if self.counts_beginnings else None
            counter = self._counters.setdefault(resource, Counter(resource not in self._unread, begun))
        return counter

    def advance_op(self, ctype: str, op: str, entry: Entry | None, jid: JID | str | None, node: str | None) -> None:
        """Advance what an op reads and writes, if anything is counted. None means any JID, any node.

        All keys of a resource advance if its key is made of more than the JID and the node. `entry` None means that the
        op is not in the catalogue.
        """
        if not self.is_used:
            return
        known = unlisted(ctype, op) if entry is None else entry
        call = None if jid is None else Call(ctype, op, parse_jid(jid), node or "", None, None)
        for resource, key in (*known.reads, *known.writes):
            is_told = call is not None and key in _OF_A_JID and (key is not jid_and_node or node is not None)
            self._counter(resource).advance(_OF_A_JID[key](call) if call is not None and is_told else every)


def _is_over(future: asyncio.Future[object]) -> bool:
    return future.done() or future.get_loop().is_closed()


def _hashed(key: Key) -> Key:
    """Return `key`, giving the hash of a value that never changes, or `every`; TypeError where there is none."""
    if key is every or key in _OF_A_JID:
        return _OF_A_JID.get(key, every)

    def hashed(call: Call) -> Hashable:
        found = key(call)
        return found if found is every else hash(frozen(found))

    return hashed
