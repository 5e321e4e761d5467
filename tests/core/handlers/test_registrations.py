"""Which handlers are registered, and which is an op's default?"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from slixmpp_pipeline import Call, CallNext, install
from slixmpp_pipeline.testing import FakeClient


def test_default_of_none_takes_the_default_away() -> None:
    api = install(FakeClient())
    api.register(lambda jid, node, ifrom, args: "default", "x", "get", default=True)

    api.register_default(None, "x", "get")

    with pytest.raises(KeyError, match="x get has no default handler"):
        api.restore_default("x", "get")
    assert api.run("x", "get").result() == "default"


def test_default_of_none_moves_over() -> None:
    xmpp = FakeClient()
    xmpp.api.register_default(None, "x", "get")

    api = install(xmpp)

    with pytest.raises(KeyError, match="x get has no default handler"):
        api.restore_default("x", "get")


def test_purge_goes_by_what_a_ctype_is_called() -> None:
    api = install(FakeClient())
    for ctype in ("weather", "xeather", "yeather"):
        api.register(lambda jid, node, ifrom, args: "there", ctype, "get")
    api.purge("XEATHER".lower())  # another object than the one that was registered
    assert [api.run(ctype, "get").result() for ctype in ("weather", "xeather", "yeather")] == ["there", None, "there"]


async def test_purged_handlers_answer_no_call_under_way_either() -> None:
    async def waiting(call: Call, call_next: CallNext) -> Any:
        await asyncio.sleep(0)
        return await call_next(call)

    api = install(FakeClient(), waiting)
    api.register(lambda jid, node, ifrom, args: "old", "x", "get", default=True)
    future = api.run("x", "get")

    api.purge("x")

    assert await future is None


def test_questions_and_unregistering_leave_nothing_behind() -> None:
    api = install(FakeClient())

    api.explain("x", "get")
    api.lint()
    api.unregister("x", "set")

    assert "0 ops" in repr(api)
