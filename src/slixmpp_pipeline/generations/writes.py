"""What a call writes is being written from before its first layer until it ends, and has moved by then."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from slixmpp_pipeline.catalogue.keys import every

if TYPE_CHECKING:
    from collections.abc import Hashable

    from slixmpp_pipeline.call import Call
    from slixmpp_pipeline.generations.counters import Counter, Place

Writes: TypeAlias = "list[tuple[Counter, Hashable]]"
"""What one call writes: keys, each with the counter of its resource."""


def begin_writes(places: list[Place], call: Call, writes: Writes, *, may_wait: bool = False) -> None:
    """Begin to write what `call` does, at once, or in a task that may wait; add it to `writes`.

    These have to be ended, also if this raises.
    """
    # At once, keys are in a list, since those are few: entries of a dict that come and go cost more.
    for counter, key in places:
        try:
            place = key(call)
        except Exception:  # noqa: BLE001  # in doubt a write touches everything
            place = every
        counter.wait(place) if may_wait else counter.now.append(place)
        writes.append((counter, place))


def end_writes(writes: Writes) -> None:
    """Move what a call wrote at once; before it says that nobody writes there any more."""
    for counter, place in writes:
        counter.move(place)
        counter.now.remove(place)


def wait_writes(writes: Writes) -> None:
    """Let a call that began to write at once go on as a task."""
    for counter, place in writes:
        counter.wait(place)
        counter.now.remove(place)


def end_waiting_writes(writes: Writes) -> None:
    """Move what a call wrote in a task."""
    for counter, place in writes:
        counter.move(place)
        left = counter.waiting[place] - 1
        if left:
            counter.waiting[place] = left
        else:
            del counter.waiting[place]
