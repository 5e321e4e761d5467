"""Which keys does a call write, and when are those writes over?

A write begins before the first layer of its call and ends with the call. By then its keys have advanced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from slixmpp_pipeline.catalogue.keys import every

if TYPE_CHECKING:
    from collections.abc import Hashable

    from slixmpp_pipeline.call import Call
    from slixmpp_pipeline.generations.counters import CountedKey, Counter

Writes: TypeAlias = "list[tuple[Counter, Hashable]]"
"""The keys that one call writes, each with the counter of its resource."""


def begin_writes(written: list[CountedKey], call: Call, writes: Writes, *, may_wait: bool = False) -> None:
    """Begin to write the keys of `call`, and add them to `writes`; `may_wait` is true for a call that runs in a task.

    The caller ends the `writes`, also if this raises.
    """
    # Calls that end at once use a list, since it is short: a dict whose entries come and go costs more.
    for counter, key_of in written:
        try:
            key = key_of(call)
        except Exception:  # noqa: BLE001  # in doubt a write touches everything
            key = every
        counter.wait(key) if may_wait else counter.now.append(key)
        writes.append((counter, key))


def end_writes(writes: Writes) -> None:
    """End the writes of a call that did not wait. Keys advance before they count as no longer written."""
    for counter, key in writes:
        counter.advance(key)
        counter.now.remove(key)


def wait_writes(writes: Writes) -> None:
    """Let the writes of a call that goes on as a task wait with it."""
    for counter, key in writes:
        counter.wait(key)
        counter.now.remove(key)


def end_waiting_writes(writes: Writes) -> None:
    """End the writes of a call that ran in a task."""
    for counter, key in writes:
        counter.advance(key)
        left = counter.waiting[key] - 1
        if left:
            counter.waiting[key] = left
        else:
            del counter.waiting[key]
