"""What xep_0030 and xep_0128 keep by full JID and node: info and items."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from slixmpp_pipeline import Call
from tests.catalogue.clients import a_call, changed, client, form, info, run, said, show

WRITES_OF_INFO: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("xep_0030", "set_info"): lambda _: info("new"),
    ("xep_0030", "add_feature"): lambda _: {"feature": "new"},
    ("xep_0030", "del_feature"): lambda _: {"feature": "old"},
    ("xep_0030", "set_features"): lambda _: {"features": {"new"}},
    ("xep_0030", "del_features"): lambda _: {},
    ("xep_0030", "add_identity"): lambda _: {"category": "client", "itype": "new"},
    ("xep_0030", "del_identity"): lambda _: {"category": "client", "itype": "old"},
    ("xep_0030", "set_identities"): lambda _: {"identities": {("client", "new", None, None)}},
    ("xep_0030", "del_identities"): lambda _: {},
    ("xep_0128", "add_extended_info"): lambda xmpp: {"data": form(xmpp)},
    ("xep_0128", "set_extended_info"): lambda xmpp: {"data": [form(xmpp)]},
}
REPLACING = {("xep_0030", "set_info")}
ADDING_IN_PLACE = [key for key in WRITES_OF_INFO if key not in REPLACING and not key[1].startswith("del_")]
WRITES_OF_ITEMS: dict[str, Any] = {
    "add_item": {"ijid": "i@x", "inode": "q", "name": "new"},
    "set_items": {"items": {("i@x", "q", "new")}},
    "del_items": {},
    "del_item": {"ijid": "o@x", "inode": "q"},
}


def reads_of(op: str) -> dict[str, Call]:
    return {
        "same": a_call("xep_0030", op, "j@x/r1", "n"),
        "requester": a_call("xep_0030", op, "j@x/r1", "n", "c@y/z", {"any": "args"}),
        "node": a_call("xep_0030", op, "j@x/r1", ""),
        "resource": a_call("xep_0030", op, "j@x/r2", "n"),
        "bare": a_call("xep_0030", op, "j@x", "n"),
    }


@pytest.mark.parametrize("which", WRITES_OF_INFO, ids=" ".join)
async def test_info_is_kept_by_full_jid_and_node_whoever_asks(which: tuple[str, str]) -> None:
    xmpp = client("xep_0128")
    for jid, node in itertools.product(("j@x/r1", "j@x/r2", "j@x"), ("", "n")):
        await run(xmpp, a_call("xep_0030", "add_feature", jid, node, args={"feature": "old"}))
        await run(xmpp, a_call("xep_0030", "add_identity", jid, node, args={"category": "client", "itype": "old"}))
    cached = {"cached for nobody": a_call("xep_0030", "get_cached_info", "j@x/r1", "n")}
    write = a_call(*which, "j@x/r1", "n", "d@y/z", WRITES_OF_INFO[which](xmpp))

    assert await changed(xmpp, write, reads_of("get_info") | cached) == {"same", "requester", "cached for nobody"}


@pytest.mark.parametrize("op", WRITES_OF_ITEMS)
async def test_items_are_kept_by_full_jid_and_node_whoever_asks(op: str) -> None:
    xmpp = client("xep_0030")
    for jid, node in itertools.product(("j@x/r1", "j@x/r2", "j@x"), ("", "n")):
        args = {"ijid": "o@x", "inode": "q", "name": "old"}
        await run(xmpp, a_call("xep_0030", "add_item", jid, node, args=args))
    write, reads = a_call("xep_0030", op, "j@x/r1", "n", "d@y/z", WRITES_OF_ITEMS[op]), reads_of("get_items")

    assert await changed(xmpp, write, reads) == {"same", "requester"} == said(write, reads)


@pytest.mark.parametrize(
    ("op", "args", "read"),
    [
        ("add_item", {"ijid": "i@x"}, "get_info"),
        ("set_items", {"items": ()}, "get_info"),
        ("set_items", {"items": ()}, "get_cached_info"),
        ("add_feature", {"feature": "f"}, "get_items"),
        ("set_info", info("f"), "get_items"),
        ("cache_info", info("f"), "get_items"),
    ],
)
async def test_what_makes_info_or_items_of_a_node_makes_the_other_exist(op: str, args: Any, read: str) -> None:
    write, reads = a_call("xep_0030", op, "j@x/r1", "n", args=args), {"same": a_call("xep_0030", read, "j@x/r1", "n")}

    assert await changed(client("xep_0030"), write, reads) == {"same"} == said(write, reads)


@pytest.mark.parametrize(
    ("ifrom", "seen_by"), [("c@y/z", {"cached for c"}), (None, {"cached for nobody", "info"})], ids=["c", "nobody"]
)
async def test_info_cached_for_nobody_replaces_what_get_info_reads(ifrom: str | None, seen_by: set[str]) -> None:
    reads = {
        "cached for c": a_call("xep_0030", "get_cached_info", "j@x/r1", "n", "c@y/z"),
        "cached for d": a_call("xep_0030", "get_cached_info", "j@x/r1", "n", "d@y/z"),
        "cached for nobody": a_call("xep_0030", "get_cached_info", "j@x/r1", "n"),
        "info": a_call("xep_0030", "get_info", "j@x/r1", "n"),
    }
    write = a_call("xep_0030", "cache_info", "j@x/r1", "n", ifrom, info("new"))

    assert await changed(client("xep_0030"), write, reads) == seen_by


async def announced() -> tuple[Any, dict[str, Call]]:
    """Return a client that announced its caps, and where one info of it is found then."""
    xmpp = client()
    xmpp.plugin["xep_0030"].static.nodes.clear()
    await run(xmpp, a_call("xep_0030", "add_feature", args={"feature": "one"}))
    await xmpp.plugin["xep_0115"].update_caps(broadcast=False)
    ver = await run(xmpp, a_call("xep_0115", "get_verstring"))
    return xmpp, {
        "info": a_call("xep_0030", "get_info"),
        "info at the caps node": a_call("xep_0030", "get_info", node=f"{xmpp.plugin['xep_0115'].caps_node}#{ver}"),
        "caps": a_call("xep_0115", "get_caps", args={"verstring": ver}),
    }


@pytest.mark.parametrize("which", ADDING_IN_PLACE, ids=" ".join)
async def test_write_in_place_is_seen_wherever_announced_caps_are(which: tuple[str, str]) -> None:
    xmpp, reads = await announced()
    write = a_call(*which, args=WRITES_OF_INFO[which](xmpp))

    assert await changed(xmpp, write, reads) == set(reads) == said(write, reads)


async def test_info_set_after_announcing_caps_touches_its_node_alone() -> None:
    xmpp, reads = await announced()
    write = a_call("xep_0030", "set_info", args=info("new"))

    assert await changed(xmpp, write, reads) == {"info"} == said(write, reads)


async def test_one_info_set_for_two_jids_is_one_object() -> None:
    xmpp, shared = client("xep_0030"), info("old")
    for jid in ("j@x/r1", "k@x/r1"):
        await run(xmpp, a_call("xep_0030", "set_info", jid, args=shared))
    write = a_call("xep_0030", "add_feature", "j@x/r1", args={"feature": "new"})

    assert await changed(xmpp, write, {"of the other": a_call("xep_0030", "get_info", "k@x/r1")}) == {"of the other"}


async def test_info_is_handed_out_live_and_changed_without_an_op() -> None:
    # disco.get_info, and so supports, adds defaults to the stanza that is kept
    xmpp = client("xep_0030")
    await run(xmpp, a_call("xep_0030", "set_features", args={"features": ()}))
    before = show(await run(xmpp, a_call("xep_0030", "get_info")))

    await run(xmpp, a_call("xep_0030", "supports", args={"feature": "f", "local": True}))

    assert show(await run(xmpp, a_call("xep_0030", "get_info"))) != before
