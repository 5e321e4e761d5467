"""How entries are compared: by resource and key, and a key that cannot be computed means every entry."""

from __future__ import annotations

import pytest

from slixmpp_pipeline import Entry
from slixmpp_pipeline.catalogue import Key, Resource, arg, args, bare_jid, every, full_jid
from tests.catalogue.clients import a_call
from tests.catalogue.covers import covers

DATA, OTHER = Resource("c", "kept"), Resource("c", "other")
AT_HOME = a_call("c", "set", "j@x/home", args={"unhashable": True})
AT_WORK = a_call("c", "get", "j@x/work")


@pytest.mark.parametrize(("key", "expected"), [(full_jid, False), (bare_jid, True)])
def test_equal_keys_of_one_resource_meet(key: Key, expected: bool) -> None:
    write, read = Entry(writes=((DATA, key),)), Entry(reads=((DATA, key),))
    assert covers(write, AT_HOME, read, AT_WORK) is expected


def test_equal_keys_of_different_resources_do_not_meet() -> None:
    assert not covers(Entry(writes=((DATA, bare_jid),)), AT_HOME, Entry(reads=((OTHER, bare_jid),)), AT_WORK)


@pytest.mark.parametrize("key", [every, args, arg("absent")])
def test_key_that_cannot_be_computed_means_every_entry(key: Key) -> None:
    assert covers(Entry(writes=((DATA, key),)), AT_HOME, Entry(reads=((DATA, full_jid),)), AT_WORK)
    assert covers(Entry(writes=((DATA, full_jid),)), AT_WORK, Entry(reads=((DATA, key),)), AT_HOME)


def test_one_meeting_pair_among_several_is_enough() -> None:
    write, read = Entry(writes=((OTHER, full_jid), (DATA, every))), Entry(reads=((OTHER, full_jid), (DATA, full_jid)))
    assert covers(write, AT_HOME, read, AT_WORK)


def test_what_reads_is_not_touched_by_what_reads() -> None:
    read = Entry(reads=((DATA, full_jid),))
    assert not covers(read, AT_WORK, read, AT_WORK)
