"""Which keys does a call write, and when are those writes over?

A write begins before the first layer of its call and ends with the call. By then its keys have advanced.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeAlias

from slixmpp_pipeline.generations.attempts import key_or_every, note_beginning

if TYPE_CHECKING:
    from collections.abc import Hashable

    from slixmpp_pipeline.call import Call
    from slixmpp_pipeline.generations.counters import CountedWrite, Counter

Loop = asyncio.AbstractEventLoop


Write: TypeAlias = "tuple[tuple[Counter, ...], Hashable, Loop | None]"
"""A key that a call writes, with the counters of its resources; the loop of the call if it runs in a task."""


def begin_writes(written: list[CountedWrite], call: Call, writes: list[Write], loop: Loop | None = None) -> None:
    """Begin to write the keys of `call`, and add them to `writes`; `loop` is that of a call that runs in a task.

    The caller ends the `writes`, also if this raises.
    """
    # Calls that end at once use a list, since it is short: a dict whose entries come and go costs more.
    for key_of, counters in written:
        key = key_or_every(key_of, call)
        if counters[0].begun is not None:
            note_beginning(counters, key)
        for counter in counters:
            counter.now.append(key) if loop is None else counter.wait(key, loop)
        writes.append((counters, key, loop))


def begin_redirected_writes(written: list[CountedWrite], call: Call) -> None:
    """Begin to write the keys of a call that a layer replaced; they end with the writes of the call that it was."""
    begin_writes(written, call, call.__dict__.setdefault("redirected", []), asyncio._get_running_loop())


def wait_writes(writes: list[Write], call: Call, loop: Loop) -> None:
    """Let the writes of a call wait with it: it goes on as a task of `loop`."""
    for of_call in (writes, call.__dict__.get("redirected", [])):
        for index, (counters, key, known) in enumerate(of_call):
            if known is None:
                for counter in counters:
                    counter.wait(key, loop)
                    counter.now.remove(key)
                of_call[index] = counters, key, loop


def end_writes(writes: list[Write], call: Call) -> None:
    """End the writes of `call`. Keys advance before they count as no longer written."""
    if redirected := call.__dict__.pop("redirected", None):
        writes = writes + redirected  # the other list is the caller's
    for counters, key, loop in writes:
        for counter in counters:
            counter.advance(key)
            counter.now.remove(key) if loop is None else counter.end_wait(key, loop)
