"""Whether entries say that a write touches what a read depends on."""

from __future__ import annotations

from collections.abc import Hashable

from slixmpp_pipeline import Call, Entry
from slixmpp_pipeline.catalogue import Key, every


def covers(write_entry: Entry, written_call: Call, read_entry: Entry, asked_call: Call) -> bool:
    """Whether `written_call` touches what `asked_call` depends on, as their entries say.

    The key `every` means every entry, and so does one that raises or gives what is not hashable.
    """
    for resource, written in write_entry.writes:
        for wanted, asked in read_entry.reads:
            if resource == wanted:
                keys = _key(written, written_call), _key(asked, asked_call)
                if every in keys or keys[0] == keys[1]:
                    return True
    return False


def _key(key: Key, call: Call) -> Hashable:
    try:
        value = key(call)
        hash(value)
    except Exception:
        return every
    return value
