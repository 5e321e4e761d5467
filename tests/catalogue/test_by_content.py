"""What is kept by its content's name, whatever the JID: the caps of xep_0115 and the bits of binary of xep_0231."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.catalogue.clients import a_call, bob, changed, client, info, run, said


async def test_caps_are_kept_by_verstring_alone() -> None:
    xmpp = client("xep_0115")
    for ver in ("v1", "v2"):
        await run(xmpp, a_call("xep_0115", "cache_caps", args={"verstring": ver, "info": info("old")}))
    reads = {
        "same": a_call("xep_0115", "get_caps", args={"verstring": "v1"}),
        "of another JID": a_call("xep_0115", "get_caps", "k@x/r1", "n", "c@y/z", {"verstring": "v1"}),
        "another verstring": a_call("xep_0115", "get_caps", args={"verstring": "v2"}),
    }
    write = a_call("xep_0115", "cache_caps", "k@x/r9", "m", "d@y/z", {"verstring": "v1", "info": info("new")})

    assert await changed(xmpp, write, reads) == {"same", "of another JID"} == said(write, reads)


@pytest.mark.parametrize("incomplete", [{"verstring": "v"}, {"info": info("new")}])
async def test_incomplete_caps_are_not_kept(incomplete: dict[str, Any]) -> None:
    xmpp = client("xep_0115")
    await run(xmpp, a_call("xep_0115", "cache_caps", args={"verstring": "v", "info": info("old")}))
    reads = {"caps": a_call("xep_0115", "get_caps", args={"verstring": "v"})}

    assert await changed(xmpp, a_call("xep_0115", "cache_caps", args=incomplete), reads) == set()


@pytest.mark.parametrize(("op", "args"), [("set_bob", lambda: bob("c1", b"new")), ("del_bob", lambda: "c1")])
async def test_bits_are_kept_by_cid_alone_and_every_write_may_touch_all(op: str, args: Callable[[], Any]) -> None:
    xmpp = client("xep_0231")
    for cid in ("c1", "c2"):
        await run(xmpp, a_call("xep_0231", "set_bob", ifrom="c@y/z", args=bob(cid)))
    reads = {
        "same": a_call("xep_0231", "get_bob", args="c1"),
        "of another JID": a_call("xep_0231", "get_bob", "k@x/r1", "n", "c@y/z", "c1"),
        "another cid": a_call("xep_0231", "get_bob", args="c2"),
    }
    write = a_call("xep_0231", op, "k@x", "m", "d@y/z", args())

    assert await changed(xmpp, write, reads) == {"same", "of another JID"}
    assert said(write, reads) == reads.keys()  # a handler may store them under each of their hashes


async def test_bits_are_handed_out_live_and_part_of_somebodys_stanza() -> None:
    xmpp = client("xep_0231")
    message = xmpp.Message()
    message["bob"]["cid"], message["bob"]["data"] = "c3", b"data"
    await run(xmpp, a_call("xep_0231", "set_bob", "k@x/r1", args=message["bob"]))

    kept = await run(xmpp, a_call("xep_0231", "get_bob", args="c3"))

    assert kept is message["bob"]
    assert copy.copy(kept)["data"] == b"data"


async def test_bits_expire_through_the_op(monkeypatch: pytest.MonkeyPatch) -> None:
    xmpp = client("xep_0231")
    later: list[tuple[float, Callable[..., Any], Any]] = []
    monkeypatch.setattr(xmpp.loop, "call_later", lambda delay, function, cid: later.append((delay, function, cid)))
    deleted: list[str] = []
    xmpp.api.register(lambda jid, node, ifrom, cid: deleted.append(cid), "xep_0231", "del_bob")

    cid = await xmpp.plugin["xep_0231"].set_bob(b"data", "text/plain", max_age=9)
    [(delay, function, argument)] = later
    await function(argument)

    assert (delay, deleted) == (9, [cid])
