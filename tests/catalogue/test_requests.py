"""What depends on the stanza in args: the users of xep_0077, and the replies of xep_0055."""

from __future__ import annotations

import pytest

from tests.catalogue.clients import a_call, changed, client, registration, run, said


@pytest.mark.parametrize("op", ["user_validate", "user_remove"])
async def test_user_is_read_by_the_sender_and_written_by_sender_or_requester(op: str) -> None:
    xmpp = client(component=True)
    for jid in ("j@x/r1", "k@x/r1"):
        await run(xmpp, a_call("xep_0077", "user_validate", ifrom=jid, args=registration(xmpp, jid)["register"]))
    reads = {
        "same": a_call("xep_0077", "user_get", args=registration(xmpp, "j@x/r1")),
        "resource": a_call("xep_0077", "user_get", "any@x", "n", "k@x/r1", registration(xmpp, "j@x/r2")),
        "another": a_call("xep_0077", "user_get", ifrom="j@x/r1", args=registration(xmpp, "k@x/r1")),
    }
    request = registration(xmpp, "j@x/r3", "new")
    write = a_call("xep_0077", op, ifrom="j@x/r3", args=request["register"] if op == "user_validate" else request)

    assert await changed(xmpp, write, reads) == {"same", "resource"} == said(write, reads)


async def test_removing_a_user_twice_is_an_error() -> None:
    xmpp = client(component=True)
    request = registration(xmpp, "j@x/r1")
    await run(xmpp, a_call("xep_0077", "user_validate", ifrom="j@x/r1", args=request["register"]))
    remove = a_call("xep_0077", "user_remove", args=request)

    answers = [await run(xmpp, remove) for _ in range(2)]

    assert [isinstance(answer, KeyError) for answer in answers] == [False, True]


async def test_user_is_handed_out_live() -> None:
    xmpp = client(component=True)
    request = registration(xmpp, "j@x/r1")
    await run(xmpp, a_call("xep_0077", "user_validate", ifrom="j@x/r1", args=request["register"]))
    ask = a_call("xep_0077", "user_get", args=request)

    (await run(xmpp, ask))["password"] = "changed without an op"

    assert (await run(xmpp, ask))["password"] == "changed without an op"


async def test_registration_form_is_a_reply_and_changes_the_request() -> None:
    xmpp = client(component=True)
    user = registration(xmpp, "j@x/r1", "word")
    await run(xmpp, a_call("xep_0077", "user_validate", ifrom="j@x/r1", args=user["register"]))
    request = xmpp.Iq()
    request["type"], request["from"], request["to"], request["id"] = "get", "j@x/r1", "c.x", "the-id"
    before = str(request)

    reply = await run(xmpp, a_call("xep_0077", "make_registration_form", ifrom="j@x/r1", args=request))

    assert reply["id"] == "the-id"
    assert "word" in str(reply)
    assert str(request) != before  # a second attempt would not get the call as it was


@pytest.mark.parametrize("op", ["search_get_form", "search_query"])
async def test_search_replies_to_the_request_and_leaves_it_alone(op: str) -> None:
    xmpp = client("xep_0055")
    request = xmpp.Iq()
    request["type"], request["from"], request["id"] = "get", "c@y/z", "the-id"
    request.enable("search")
    before = str(request)

    replies = [await run(xmpp, a_call("xep_0055", op, ifrom="c@y/z", args=request)) for _ in range(2)]

    assert [(reply["id"], str(reply["to"])) for reply in replies] == [("the-id", "c@y/z")] * 2
    assert str(request) == before
