"""What tells one answer from another?"""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import pytest
from slixmpp import JID

from slixmpp_middleware import Caching
from slixmpp_pipeline import PipelineRegistry, Tier, install
from slixmpp_pipeline.testing import FakeClient
from tests.middleware.cards import NURSE, ROMEO, Cards, get, serve, turns
from tests.middleware.clock import Clock


class Who(NamedTuple):
    jid: JID


class Named:
    """A requester that prints as another may."""

    def __str__(self) -> str:
        return "Bob"


class TestKey:
    @pytest.mark.parametrize("args", [Who(JID(ROMEO)), object(), (object(),), frozenset([Who(JID(ROMEO))])])
    async def test_is_none_for_what_may_change(self, api: PipelineRegistry, cards: Cards, args: Any) -> None:
        for _ in range(2):
            assert await get(api, args=args) == "Romeo"
        assert cards.asked == 2

    @pytest.mark.parametrize("args", [b"text", 5, (1, ("a", None)), frozenset(["a"]), JID(NURSE), Tier.JID])
    async def test_is_made_of_what_may_not(self, api: PipelineRegistry, cards: Cards, args: Any) -> None:
        for _ in range(2):
            assert await get(api, args=args) == "Romeo"
        assert cards.asked == 1

    async def test_is_none_for_requesters_that_are_no_jid(self, api: PipelineRegistry, cards: Cards) -> None:
        for ifrom in (Named(), "Bob", "Bob", Named()):
            await get(api, ifrom=ifrom)
        assert cards.asked == 3

    @pytest.mark.parametrize("changed", ["ifrom", "args"])
    async def test_that_changes_while_the_call_waits_is_no_key(self, api: PipelineRegistry, changed: str) -> None:
        gate, who = asyncio.Event(), JID("juliet@capulet.example")

        def ask(who: JID) -> asyncio.Future[Any]:
            ifrom, args = (who, None) if changed == "ifrom" else (None, who)
            return api.run("xep_0054", "get_vcard", ROMEO, None, ifrom, args)

        async def tell(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
            await gate.wait()
            return f"for {ifrom or args}"

        api.register(tell, "xep_0054", "get_vcard")
        call = ask(who)
        await turns()
        who.local = "tybalt"
        gate.set()
        assert await call == "for tybalt@capulet.example"
        assert await ask(JID("juliet@capulet.example")) == "for juliet@capulet.example"

    async def test_declares_what_the_catalogue_does_not_know(self, clock: Clock) -> None:
        asked: list[Any] = []
        api = install(FakeClient(), Caching(60, key=lambda call: call.args["city"], clock=clock))
        api.register(lambda jid, node, ifrom, args: asked.append(args), "weather", "get")
        for day in (1, 2):
            assert api.run("weather", "get", args={"city": "Verona", "day": day}).done()
        assert len(asked) == 1
        api.register(lambda jid, node, ifrom, args: "sun", "weather", "get")
        assert api.run("weather", "get", args={"city": "Verona"}).result() == "sun"

    async def test_says_what_args_mean_to_a_known_op(self, cards: Cards) -> None:
        api = serve(Caching(60, key=lambda call: None), cards)
        await get(api, args=["one"])
        await get(api, args=["other"])
        assert cards.asked == 1

    async def test_of_the_catalogue_reads_a_part_of_args(self, caching: Caching) -> None:
        asked: list[Any] = []
        api = install(FakeClient(), caching)
        api.register(lambda jid, node, ifrom, args: asked.append(args), "xep_0115", "get_caps")
        for _ in range(2):
            assert api.run("xep_0115", "get_caps", args={"verstring": "v", "more": []}).done()
        assert len(asked) == 1


async def test_arguments_that_change_or_only_look_alike_are_told_apart() -> None:
    asked: list[Any] = []
    api = install(FakeClient(), Caching(60, key=lambda call: call.args))
    api.register(lambda jid, node, ifrom, args: asked.append(repr(args)), "weather", "get")
    jid = JID("a@b/r")
    for args in (1, True, 1.0, "a@b/r", jid, (jid, 1)):
        assert api.run("weather", "get", args=args).done()
    assert len(asked) == 6
    jid.resource = "x"
    assert api.run("weather", "get", args=JID("a@b/r")).done()
    assert len(asked) == 6
    assert api.run("weather", "get", args=JID("a@b/x")).done()
    assert len(asked) == 7


async def test_nodes_that_python_takes_for_equal_share_no_answer() -> None:
    api = install(FakeClient(), Caching(60))
    api.register(lambda jid, node, ifrom, args: repr(node), "xep_0054", "get_vcard")
    nodes: list[Any] = [1, True, 1.0, "1", 1, True]
    answers = [await api.run("xep_0054", "get_vcard", ROMEO, node) for node in nodes]
    assert answers == ["1", "True", "1.0", "'1'", "1", "True"]
