"""What is kept by JID, session and peer together, or by JID and node: xep_0047, 0065, 0095 and 0050."""

from __future__ import annotations

from typing import Any

import pytest

from tests.catalogue.clients import HAS_COMMAND_OPS, a_call, changed, client, run, said

ELSEWHERE: dict[str, tuple[str, str, str | None]] = {
    "another JID": ("j@x/r2", "s1", "c@y/z"),
    "another session": ("j@x/r1", "s2", "c@y/z"),
    "another peer": ("j@x/r1", "s1", None),
}
HERE = ("j@x/r1", "s1", "c@y/z")

only_with_command_ops = pytest.mark.skipif(not HAS_COMMAND_OPS, reason="xep_0050 has no ops before slixmpp 1.14")


@pytest.mark.parametrize(
    ("ctype", "add", "read", "take_away"),
    [
        ("xep_0047", "set_stream", "get_stream", "del_stream"),
        ("xep_0095", "add_pending", "get_pending", "del_pending"),
    ],
)
async def test_live_object_is_kept_by_jid_session_and_peer(ctype: str, add: str, read: str, take_away: str) -> None:
    xmpp = client()
    kept = {"response_id": "1"}
    reads = {"same": a_call(ctype, read, *HERE)} | {
        name: a_call(ctype, read, *where) for name, where in ELSEWHERE.items()
    }

    for write in (a_call(ctype, add, *HERE, kept), a_call(ctype, take_away, *HERE)):
        assert await changed(xmpp, write, reads) == {"same"} == said(write, reads)
        if write.op == add:
            assert await run(xmpp, reads["same"]) is kept


@pytest.mark.parametrize("ctype", ["xep_0047", "xep_0065"])
async def test_token_is_good_once_for_its_jid_session_and_peer(ctype: str) -> None:
    xmpp = client()
    grant, ask = a_call(ctype, "preauthorize_sid", *HERE), a_call(ctype, "authorized_sid", *HERE)
    others = {name: a_call(ctype, "authorized_sid", *where) for name, where in ELSEWHERE.items()}

    await run(xmpp, grant)

    assert not any([await run(xmpp, other) for other in others.values()])
    assert [await run(xmpp, ask), await run(xmpp, ask)] == [True, False]
    assert said(grant, {"same": ask, **others}) == {"same"} == said(ask, {"same": ask, **others})


async def test_repeated_grant_revives_a_used_token() -> None:
    xmpp = client()
    grant, ask = a_call("xep_0047", "preauthorize_sid", *HERE), a_call("xep_0047", "authorized_sid", *HERE)

    answers = []
    for _ in range(2):
        await run(xmpp, grant)
        answers.append(await run(xmpp, ask))

    assert answers == [True, True]


async def test_tokens_of_two_ctypes_are_apart() -> None:
    xmpp = client()
    grant, ask = a_call("xep_0047", "preauthorize_sid", *HERE), a_call("xep_0065", "authorized_sid", *HERE)

    assert await changed(xmpp, grant, {"the other's": ask}) == set() == said(grant, {"the other's": ask})


@pytest.mark.parametrize("ctype", ["xep_0047", "xep_0065"])
async def test_authorisation_depends_on_a_setting_of_which_no_op_tells(ctype: str) -> None:
    xmpp = client()
    ask = a_call(ctype, "authorized", *HERE)
    assert await run(xmpp, ask) is False

    xmpp.plugin[ctype].auto_accept = True

    assert await run(xmpp, ask) is True


@only_with_command_ops
async def test_command_is_kept_by_full_jid_and_node() -> None:
    xmpp = client("xep_0050")
    for jid, node in (("j@x/r2", "n"), ("j@x", "n"), ("j@x/r1", "m")):
        await run(xmpp, a_call("xep_0050", "set_command", jid, node, args=("other", print, None, 0)))
    reads = {
        "same": a_call("xep_0050", "get_command", "j@x/r1", "n"),
        "requester": a_call("xep_0050", "get_command", "j@x/r1", "n", "c@y/z"),
        "node": a_call("xep_0050", "get_command", "j@x/r1", "m"),
        "resource": a_call("xep_0050", "get_command", "j@x/r2", "n"),
        "bare": a_call("xep_0050", "get_command", "j@x", "n"),
    }
    command: Any = ("new", print, None, 0)
    write = a_call("xep_0050", "set_command", "j@x/r1", "n", "d@y/z", command)

    assert await changed(xmpp, write, reads) == {"same", "requester"} == said(write, reads)
    assert await run(xmpp, reads["same"]) is command


@only_with_command_ops
async def test_commands_are_a_public_dict_too() -> None:
    xmpp = client("xep_0050")
    xmpp.plugin["xep_0050"].commands["j@x/r1", "n"] = ("by hand", None, None, 0)

    assert (await run(xmpp, a_call("xep_0050", "get_command", "j@x/r1", "n")))[0] == "by hand"
