"""What the registry does besides calls and layers: defaults that are None."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from slixmpp import JID

from slixmpp_pipeline import PipelineRegistry, install
from slixmpp_pipeline.testing import FakeClient


@pytest.mark.parametrize(("jid", "error"), [("romeo@@montague.example", ValueError), (5, TypeError)])
def test_what_is_no_jid_is_refused_by_name_where_there_are_no_settings(jid: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^jid: .*JID"):
        install(FakeClient()).run("x", "get", jid)


def test_key_that_slixmpp_finds_counts_if_two_mean_one_jid() -> None:
    xmpp = FakeClient()
    xmpp.api.register(lambda jid, node, ifrom, args: "found", "x", "get", jid=JID("a@b"))
    xmpp.api.register(lambda jid, node, ifrom, args: "never found", "x", "get", jid="A@B")

    assert install(xmpp).run("x", "get", "a@b").result() == "found"


async def test_drain_on_another_loop_is_refused(idle_loop: asyncio.AbstractEventLoop) -> None:
    api = install(FakeClient(loop=idle_loop))

    with pytest.raises(RuntimeError, match="not the client's loop"):
        await api.drain()


async def test_drain_for_a_text_is_refused() -> None:
    wrong: Any = "5"

    with pytest.raises(TypeError, match="timeout: '5' is str"):
        await install(FakeClient()).drain(wrong)


def test_calls_of_a_closed_loop_are_pending_no_more(idle_loop: asyncio.AbstractEventLoop) -> None:
    async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        await asyncio.get_running_loop().create_future()

    async def main() -> PipelineRegistry:
        api = install(FakeClient())
        api.register(handler, "x", "get")
        held.append(api.run("x", "get"))
        await asyncio.sleep(0)
        assert api.pending == 1
        return api

    held: list[asyncio.Future[Any]] = []
    api = idle_loop.run_until_complete(main())
    assert api.pending == 1
    held[0].cancel()
    idle_loop.run_until_complete(asyncio.wait(held))
    assert api.pending == 0
