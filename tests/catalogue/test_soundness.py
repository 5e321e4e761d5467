"""Whatever a write changes for any read is what the catalogue says, and a wrong catalogue is found wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import pytest

from slixmpp_pipeline import Call, Entry
from slixmpp_pipeline.catalogue import Key, Resource, every, full_jid, jid_and_node
from slixmpp_pipeline.catalogue.slixmpp_ops import BOB, CAPS, INFO, ITEMS, SLIXMPP_OPS, VCARD
from tests.catalogue.clients import HAS_COMMAND_OPS, run
from tests.catalogue.covers import covers
from tests.catalogue.universe import STATES, look, make_client, make_state, reads, writes, written_ops

EXPECTED_TO_CHANGE_NOTHING = {("xep_0128", "del_extended_info")}  # it looks for the forms under a wrong name


class Change(NamedTuple):
    """A write after which a read answers otherwise."""

    state: str
    write: Call
    read: Call

    def __str__(self) -> str:
        return f"{self.state}: {self.write} changed {self.read}"


async def observe(component: bool) -> list[Change]:
    """Run every write of the universe in every state, and return what it changed."""
    xmpp = make_client(component)
    seen: list[Change] = []
    for state in STATES:
        await make_state(xmpp, state)
        asked = reads(xmpp)
        before = await look(xmpp, asked)
        for ctype, op in written_ops(xmpp):
            for number in range(len(writes(xmpp, ctype, op))):
                await make_state(xmpp, state)
                write = writes(xmpp, ctype, op)[number]
                await run(xmpp, write)
                after = await look(xmpp, asked)
                seen += [
                    Change(state, write, read)
                    for read, was, now in zip(asked, before, after, strict=True)
                    if was != now
                ]
    return seen


def unforeseen(catalogue: Mapping[tuple[str, str], Entry], changes: list[Change]) -> list[Change]:
    """Return the changes of which `catalogue` knows nothing."""
    return [
        change
        for change in changes
        if not covers(
            catalogue[change.write.ctype, change.write.op],
            change.write,
            catalogue[change.read.ctype, change.read.op],
            change.read,
        )
    ]


@pytest.fixture(scope="module")
def changes() -> list[Change]:
    """All that happens in the universe."""
    return [*asyncio.run(observe(component=False)), *asyncio.run(observe(component=True))]


def test_whatever_a_write_changes_is_in_the_catalogue(changes: list[Change]) -> None:
    assert [str(change) for change in unforeseen(SLIXMPP_OPS, changes)] == []


def test_every_write_of_the_catalogue_is_seen_to_change_what_it_names(changes: list[Change]) -> None:
    seen = {(change.write.ctype, change.write.op) for change in changes}
    declared = {key for key, entry in SLIXMPP_OPS.items() if entry.writes and key[0] != "xep_0100"}
    declared -= set() if HAS_COMMAND_OPS else {("xep_0050", "set_command")}
    assert declared - seen == EXPECTED_TO_CHANGE_NOTHING


def test_every_read_of_what_is_written_is_seen_to_change(changes: list[Change]) -> None:
    seen = {(change.read.ctype, change.read.op) for change in changes}
    cacheable = {key for key, entry in SLIXMPP_OPS.items() if entry.cacheable}
    assert cacheable <= seen


def misread(ctype: str, op: str, *touched: tuple[Resource, Key]) -> dict[tuple[str, str], Entry]:
    """Return a catalogue in which a write touches `touched` instead of what it does touch."""
    return {**SLIXMPP_OPS, (ctype, op): replace(SLIXMPP_OPS[ctype, op], writes=touched)}


def vcards_by_full_jid() -> dict[tuple[str, str], Entry]:
    read = replace(SLIXMPP_OPS["xep_0054", "get_vcard"], reads=((VCARD, full_jid),))
    return {**misread("xep_0054", "set_vcard", (VCARD, full_jid)), ("xep_0054", "get_vcard"): read}


WRONG: dict[str, Callable[[], Mapping[tuple[str, str], Entry]]] = {
    "a vCard is written under another key": lambda: misread("xep_0054", "set_vcard", (VCARD, full_jid)),
    "a vCard is kept by full JID": vcards_by_full_jid,
    "extended info touches one node": lambda: misread(
        "xep_0128", "add_extended_info", (INFO, jid_and_node), (CAPS, every), (ITEMS, jid_and_node)
    ),
    "extended info leaves caps alone": lambda: misread(
        "xep_0128", "add_extended_info", (INFO, every), (ITEMS, jid_and_node)
    ),
    "extended info leaves items alone": lambda: misread("xep_0128", "add_extended_info", (INFO, every), (CAPS, every)),
    "bits of binary are kept by JID": lambda: misread("xep_0231", "set_bob", (BOB, full_jid)),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_catalogue_is_found_wrong(wrong: str, changes: list[Change]) -> None:
    assert unforeseen(WRONG[wrong](), changes)


def test_write_of_which_the_catalogue_says_nothing_is_found(changes: list[Change]) -> None:
    for key, entry in SLIXMPP_OPS.items():
        if key in {(change.write.ctype, change.write.op) for change in changes}:
            found = unforeseen({**SLIXMPP_OPS, key: replace(entry, writes=())}, changes)
            assert {(change.write.ctype, change.write.op) for change in found} == {key}
