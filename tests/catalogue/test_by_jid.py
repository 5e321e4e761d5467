"""What is kept by JID, full or bare, whatever the node and whoever asks: xep_0012, 0027, 0054, 0115, 0153, 0319."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
import slixmpp
from slixmpp.exceptions import XMPPError

from slixmpp_pipeline import Call
from tests.catalogue.clients import a_call, changed, client, run, said, vcard

OLD, NEW = datetime(2023, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
OF_THE_FULL_JID = {"same", "node and requester"}
OF_THE_BARE_JID = {"same", "node and requester", "resource", "bare"}


class Pair(NamedTuple):
    """A write and a read of one ctype, and what fills the store before."""

    ctype: str
    write: str
    read: str
    fill: str
    old: Callable[[], Any]
    new: Callable[[], Any]
    seen_by: set[str]

    def __str__(self) -> str:
        return f"{self.ctype} {self.write} {self.read}"


PAIRS = [
    Pair(
        "xep_0012",
        "set_last_activity",
        "get_last_activity",
        "set_last_activity",
        lambda: {"seconds": 0, "status": "old"},
        lambda: {"seconds": 500, "status": "new"},
        OF_THE_FULL_JID,
    ),
    Pair(
        "xep_0012",
        "del_last_activity",
        "get_last_activity",
        "set_last_activity",
        lambda: {"seconds": 0},
        lambda: None,
        OF_THE_FULL_JID,
    ),
    Pair("xep_0027", "set_keyid", "get_keyid", "set_keyid", lambda: "old", lambda: "new", OF_THE_FULL_JID),
    Pair("xep_0027", "del_keyid", "get_keyid", "set_keyid", lambda: "old", lambda: None, OF_THE_FULL_JID),
    Pair(
        "xep_0054",
        "set_vcard",
        "get_vcard",
        "set_vcard",
        lambda: vcard("old"),
        lambda: vcard("new"),
        OF_THE_BARE_JID,
    ),
    Pair("xep_0054", "del_vcard", "get_vcard", "set_vcard", lambda: vcard("old"), lambda: None, OF_THE_BARE_JID),
    Pair(
        "xep_0115",
        "assign_verstring",
        "get_verstring",
        "assign_verstring",
        lambda: {"verstring": "old"},
        lambda: {"verstring": "new"},
        OF_THE_FULL_JID,
    ),
    Pair("xep_0153", "set_hash", "get_hash", "set_hash", lambda: "old", lambda: "new", OF_THE_BARE_JID),
    Pair("xep_0319", "set_idle", "get_idle", "set_idle", lambda: OLD, lambda: NEW, OF_THE_FULL_JID),
]


OF_NO_KEY = {"xep_0027", "xep_0319"}  # whose XEP does not say whether a handler keeps it for the resource


def reads_of(pair: Pair) -> dict[str, Call]:
    return {
        "same": a_call(pair.ctype, pair.read),
        "node and requester": a_call(pair.ctype, pair.read, "j@x/r1", "n", "c@y/z"),
        "resource": a_call(pair.ctype, pair.read, "j@x/r2"),
        "bare": a_call(pair.ctype, pair.read, "j@x"),
        "other account": a_call(pair.ctype, pair.read, "k@x/r1"),
    }


@pytest.mark.parametrize("pair", PAIRS, ids=str)
async def test_write_is_seen_by_reads_of_its_jid_and_by_no_other(pair: Pair) -> None:
    xmpp = client()
    for jid in ("j@x/r1", "j@x/r2", "j@x", "k@x/r1"):
        await run(xmpp, a_call(pair.ctype, pair.fill, jid, args=pair.old()))
    write = a_call(pair.ctype, pair.write, "j@x/r1", "m", "d@y/z", pair.new())
    reads = reads_of(pair)

    assert await changed(xmpp, write, reads) == pair.seen_by
    assert said(write, reads) == (reads.keys() if pair.ctype in OF_NO_KEY else pair.seen_by)


async def test_last_activity_is_the_reply_to_the_very_iq_that_asks() -> None:
    xmpp = client("xep_0012")
    await run(xmpp, a_call("xep_0012", "set_last_activity", args={"seconds": 0}))
    request = xmpp.Iq()
    request["from"], request["id"], request["type"] = "c@y/z", "the-id", "get"

    reply = await run(xmpp, a_call("xep_0012", "get_last_activity", ifrom="c@y/z", args=request))

    assert (reply["id"], reply["to"], reply["type"]) == ("the-id", "c@y/z", "result")


async def test_last_activity_depends_on_the_roster_of_which_no_op_tells() -> None:
    xmpp = client("xep_0012")
    await run(xmpp, a_call("xep_0012", "set_last_activity", "k@x/r1", args={"seconds": 0}))
    ask = a_call("xep_0012", "get_last_activity", "k@x/r1")
    assert isinstance(await run(xmpp, ask), slixmpp.Iq)

    xmpp.roster["k@x/r1"]["k@x"]["subscription"] = "none"

    refused = await run(xmpp, ask)
    assert isinstance(refused, XMPPError)
    assert refused.condition == "forbidden"


async def test_last_activity_is_set_relative_to_now() -> None:
    xmpp = client("xep_0012")
    before = datetime.now()

    await run(xmpp, a_call("xep_0012", "set_last_activity", args={"seconds": 0}))

    assert xmpp.plugin["xep_0012"]._last_activities["j@x/r1"]["seconds"] >= before


async def test_keyids_are_the_store_itself() -> None:
    xmpp = client("xep_0027")
    keyids = await run(xmpp, a_call("xep_0027", "get_keyids"))
    await run(xmpp, a_call("xep_0027", "set_keyid", args="id"))
    assert keyids == {"j@x/r1": "id"}

    keyids.clear()  # a write that no op announces

    assert await run(xmpp, a_call("xep_0027", "get_keyid")) is None


async def test_vcard_is_handed_out_live() -> None:
    xmpp = client("xep_0054")
    await run(xmpp, a_call("xep_0054", "set_vcard", args=vcard("old")))

    (await run(xmpp, a_call("xep_0054", "get_vcard", "j@x")))["FN"] = "changed without an op"

    assert (await run(xmpp, a_call("xep_0054", "get_vcard", "j@x/r9")))["FN"] == "changed without an op"


async def test_copy_of_a_vcard_is_faithful_and_leaves_the_iq_alone() -> None:
    iq = client("xep_0054").Iq()
    iq["vcard_temp"]["FN"] = "in an iq"
    for original in (vcard("alone"), iq["vcard_temp"]):
        copied = copy.copy(original)
        assert str(copied) == str(original)
        assert copied.xml is not original.xml
    assert len(iq.xml) == 1


async def test_hash_is_none_while_it_is_reset_and_each_reset_sends_presence() -> None:
    xmpp = client()
    seen: list[tuple[str, Any]] = []
    sent: list[str] = []

    async def get_vcard(jid: Any, ifrom: Any = None) -> Any:
        seen.append((str(jid), await run(xmpp, a_call("xep_0153", "get_hash", "j@x"))))
        iq = xmpp.Iq()
        iq["vcard_temp"]["PHOTO"]["BINVAL"] = b"photo"
        return iq

    xmpp.plugin["xep_0054"].get_vcard = get_vcard
    xmpp.roster["j@x"].send_last_presence = lambda: sent.append("presence")
    await run(xmpp, a_call("xep_0153", "set_hash", "j@x/r7", args="old"))
    for _ in range(2):
        assert await run(xmpp, a_call("xep_0153", "reset_hash", "j@x/r2")) is None
        assert len(await run(xmpp, a_call("xep_0153", "get_hash", "j@x/r9"))) == 40

    assert seen == [("j@x", None)] * 2
    assert sent == ["presence"] * 2
