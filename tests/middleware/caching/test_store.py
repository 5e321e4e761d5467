"""What does a cache keep for a registry?"""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from typing import Any

import pytest

from slixmpp_middleware import Caching, Statistics
from slixmpp_pipeline import PipelineRegistry, install, uninstall
from slixmpp_pipeline.testing import FakeClient
from tests.middleware.cards import ROMEO, Cards, get, serve
from tests.middleware.clock import Clock


class TestRoom:
    async def test_is_never_exceeded_and_the_least_recently_used_go(self, cards: Cards) -> None:
        caching = Caching(60, max_entries=2)
        api = serve(caching, cards)
        for jid in ("a@x", "b@x", "a@x", "c@x", "a@x"):
            await get(api, jid)
        assert caching.statistics(api) == Statistics(hits=2, misses=3, joined=0, passed=0, evictions=1, entries=2)

    async def test_is_not_shared_between_clients(self, caching: Caching) -> None:
        clients = [serve(caching, Cards({ROMEO: name})) for name in ("one", "other")]
        assert [await get(api) for api in clients * 2] == ["one", "other"] * 2
        assert [caching.statistics(api).entries for api in clients] == [1, 1]

    async def test_has_nothing_from_before_an_uninstall(self, caching: Caching, cards: Cards) -> None:
        api = serve(caching, cards)
        await get(api)
        xmpp = api.xmpp
        uninstall(xmpp)
        cards.kept[ROMEO] = "new"
        install(xmpp, caching)
        assert await get(api) == "new"


async def test_answers_are_gone_with_the_layer_and_what_was_counted_is_not(
    api: PipelineRegistry, cards: Cards, caching: Caching
) -> None:
    for _ in range(2):
        await get(api)
    assert caching.statistics(api) == Statistics(hits=1, misses=1, joined=0, passed=0, evictions=0, entries=1)
    api.remove(caching)
    gc.collect()
    assert caching.statistics(api) == Statistics(hits=1, misses=1, joined=0, passed=0, evictions=0, entries=0)


def test_threads_share_it(caching: Caching, cards: Cards) -> None:
    api = serve(Caching(60, max_entries=3), cards)
    errors: list[Exception] = []

    def ask(number: int) -> None:
        try:
            for index in range(2000):
                api.run("xep_0054", "get_vcard", f"user{(index + number) % 5}@montague.example").result()
        except Exception as error:  # whatever it is, the test fails with it
            errors.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert errors == []


class TestProtected:
    """An answer that was asked for again is protected, up to four fifths of the room."""

    async def test_stay_when_others_come(self, cards: Cards) -> None:
        api = serve(Caching(60, max_entries=5), cards)
        for jid in ("a@x", "b@x", "a@x", "c@x", "d@x", "e@x", "f@x", "g@x"):
            await get(api, jid)
        cards.asked = 0
        await get(api, "a@x")
        assert cards.asked == 0
        await get(api, "b@x")
        assert cards.asked == 1

    async def test_leave_room_for_new_ones_by_number(self, cards: Cards) -> None:
        api = serve(Caching(60, max_entries=5), cards)
        for jid in ("a@x", "b@x", "c@x", "d@x", "e@x") * 2:
            await get(api, jid)
        cards.asked = 0
        await get(api, "f@x")  # a@x was protected first, and is on probation again
        for jid in ("b@x", "c@x", "d@x", "e@x", "f@x"):
            await get(api, jid)
        assert cards.asked == 1
        await get(api, "a@x")
        assert cards.asked == 2

    async def test_leave_room_for_new_ones_by_bytes(self, cards: Cards) -> None:
        cards.kept = {f"{name}@x": name * 8000 for name in "abcdef"}
        caching = Caching(60, max_bytes=1_000_000)
        api = serve(caching, cards)
        per_entry = 0
        while caching.statistics(api).evictions == 0:
            name = f"user{per_entry}@x"
            cards.kept[name] = "x" * 8000
            for _ in range(2):
                await get(api, name)
            per_entry += 1
        assert caching.statistics(api).bytes <= 1_000_000 < caching.statistics(api).bytes + 10_000
        cards.asked = 0
        await get(api, "new@x")
        await get(api, "new@x")
        assert cards.asked == 1

    async def test_of_one_are_none(self, cards: Cards) -> None:
        caching = Caching(60, max_entries=1)
        api = serve(caching, cards)
        for jid in ("a@x", "a@x", "a@x", "b@x", "b@x"):
            await get(api, jid)
        assert caching.statistics(api) == Statistics(hits=3, misses=2, evictions=1, entries=1)

    async def test_go_with_their_time(self, cards: Cards, clock: Clock) -> None:
        caching = Caching(60, clock=clock)
        api = serve(caching, cards)
        for jid in ("a@x", "a@x", "b@x"):
            await get(api, jid)
        clock.now += 60
        await get(api, "c@x")
        statistics = caching.statistics(api)
        assert statistics.entries == 1
        assert statistics.bytes < 1000


@pytest.mark.parametrize("later", [5, 61], ids=["both are good", "the first is over when it comes"])
def test_answer_that_was_asked_for_first_and_comes_last_is_not_stored(
    caching: Caching, clock: Clock, later: float
) -> None:
    gates = {"first": asyncio.Event(), "second": asyncio.Event()}
    asked: list[str] = []

    def get_later(jid: Any, node: str, ifrom: Any, args: Any) -> Any:
        async def wait(name: str) -> str:
            await gates[name].wait()
            return name

        asked.append("first" if not asked else "second")
        return wait(asked[-1])

    async def ask_again(api: PipelineRegistry, first: asyncio.Future[str]) -> None:
        second = api.run("xep_0054", "get_vcard", ROMEO)
        gates["second"].set()
        assert await second == "second"
        gates["first"].set()
        assert await first == "first"
        assert await get(api) == "second"

    with asyncio.Runner() as runner:
        api = install(FakeClient(loop=runner.get_loop()), caching)
        api.register(get_later, "xep_0054", "get_vcard")
        first = api.run("xep_0054", "get_vcard", ROMEO)  # the loop is off: nobody can wait for this one
        clock.now += later
        runner.run(ask_again(api, first))
    assert asked == ["first", "second"]
