"""Caching: never a stale answer, never another requester's, and one call for all that ask the same."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from slixmpp import JID, Iq
from slixmpp.plugins.xep_0054 import VCardTemp

from slixmpp_middleware import Caching, Timeout
from slixmpp_middleware.caching.copies import Uncopyable, kept_copy, own_copy
from slixmpp_pipeline import Call, CallAborted, CallNext, Entry, PipelineRegistry, install, uninstall
from slixmpp_pipeline.catalogue import Resource, bare_jid
from slixmpp_pipeline.testing import FakeClient, Recorder, check_layer
from tests.layers import passing
from tests.middleware.clock import Clock

ROMEO, NURSE = "romeo@montague.example", "nurse@capulet.example"


@dataclass
class Cards:
    """A database of vCards by bare JID, which counts what it is asked."""

    kept: dict[str, Any] = field(default_factory=dict)
    asked: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None

    def get(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.kept.get(jid.bare)

    async def get_slowly(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
        self.asked += 1
        answer = self.kept.get(jid.bare)
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return answer

    def set(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        self.kept[jid.bare] = args


@pytest.fixture
def caching(clock: Clock) -> Caching:
    return Caching(ttl=60, clock=clock)


@pytest.fixture
def cards() -> Cards:
    return Cards({ROMEO: "Romeo", NURSE: "the nurse"})


@pytest.fixture
async def api(caching: Caching, cards: Cards) -> PipelineRegistry:
    return serve(caching, cards)


def serve(caching: Caching, cards: Cards, *layers: Any) -> PipelineRegistry:
    api = install(FakeClient(), caching, *layers)
    api.register(cards.get, "xep_0054", "get_vcard")
    api.register(cards.set, "xep_0054", "set_vcard")
    return api


async def get(api: PipelineRegistry, jid: str = ROMEO, ifrom: Any = None, args: Any = None) -> Any:
    return await api.run("xep_0054", "get_vcard", jid, None, ifrom, args)


async def begin(api: PipelineRegistry, cards: Cards, count: int) -> list[asyncio.Future[Any]]:
    """Make `count` calls of one question, which wait for the cards' gate; return them when they do."""
    api.register(cards.get_slowly, "xep_0054", "get_vcard")
    calls = [api.run("xep_0054", "get_vcard", ROMEO) for _ in range(count)]
    await turns()
    return calls


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


class TestHit:
    async def test_asks_no_more(self, api: PipelineRegistry, cards: Cards, caching: Caching) -> None:
        assert [await get(api) for _ in range(3)] == ["Romeo"] * 3
        assert cards.asked == 1
        assert caching.statistics(api) == (2, 1, 0, 1)

    async def test_is_noted(self, caching: Caching, cards: Cards) -> None:
        recorder = Recorder()
        api = install(FakeClient(), recorder, caching)
        api.register(cards.get, "xep_0054", "get_vcard")
        await get(api)
        await get(api)
        assert [call.notes["cache"] for call in recorder.calls] == ["miss", "hit"]

    async def test_is_over_when_its_time_is(self, api: PipelineRegistry, cards: Cards, clock: Clock) -> None:
        await get(api)
        clock.now += 59.9
        await get(api)
        assert cards.asked == 1
        clock.now += 0.1
        await get(api)
        assert cards.asked == 2

    async def test_of_none_has_a_lifetime_of_its_own(self, cards: Cards, clock: Clock) -> None:
        api = serve(Caching(60, negative_ttl=5, clock=clock), cards)
        assert [await get(api, "nobody@x.example") for _ in range(2)] == [None, None]
        assert cards.asked == 1
        clock.now += 5
        await get(api, "nobody@x.example")
        assert cards.asked == 2

    async def test_of_none_lives_as_long_as_others_unless_told(
        self, api: PipelineRegistry, cards: Cards, clock: Clock
    ) -> None:
        await get(api, "nobody@x.example")
        clock.now += 59
        await get(api, "nobody@x.example")
        assert cards.asked == 1

    @pytest.mark.parametrize("other", [{"ifrom": JID(NURSE)}, {"jid": NURSE}, {"jid": f"{ROMEO}/orchard"}, {"args": 1}])
    async def test_is_not_for_another_question(self, api: PipelineRegistry, cards: Cards, other: Any) -> None:
        await get(api)
        await get(api, **other)
        assert cards.asked == 2

    async def test_is_for_every_requester_only_if_shared(self, cards: Cards) -> None:
        api = serve(Caching(60, shared=True), cards)
        await get(api, ifrom=JID(NURSE))
        await get(api, ifrom=JID(ROMEO))
        assert cards.asked == 1

    def test_works_while_the_loop_is_off(self, caching: Caching, cards: Cards) -> None:
        api = install(FakeClient(), caching)
        api.register(cards.get, "xep_0054", "get_vcard")
        assert [api.run("xep_0054", "get_vcard", ROMEO).result() for _ in range(2)] == ["Romeo"] * 2
        assert cards.asked == 1


class TestPassed:
    async def test_are_arguments_that_cannot_be_hashed(self, api: PipelineRegistry, cards: Cards) -> None:
        await get(api, args=["a list"])
        await get(api, args=["a list"])
        assert cards.asked == 2

    @pytest.mark.parametrize("answer", [Iq(), {"a": "dict"}, ["a list"], object()])
    async def test_are_answers_that_cannot_be_kept(self, api: PipelineRegistry, cards: Cards, answer: Any) -> None:
        cards.kept[ROMEO] = answer
        assert [await get(api), await get(api)] == [answer, answer]
        assert cards.asked == 2

    @pytest.mark.parametrize("op", ["xep_0012 get_last_activity", "unknown op", "xep_0054 set_vcard"])
    async def test_are_ops_that_may_not_be_cached(self, api: PipelineRegistry, op: str) -> None:
        ctype, _, name = op.partition(" ")
        (step,) = api.explain(ctype, name).steps
        assert step.layer is None
        assert step.reason in ("not in the catalogue", "may not be cached")

    async def test_is_a_call_of_the_layer_itself(self, caching: Caching) -> None:
        async def answer(call: Call) -> str:
            return "answer"

        assert await caching(Call("xep_0054", "get_vcard", JID(ROMEO), "", None, None), answer) == "answer"

    async def test_are_errors(self, api: PipelineRegistry, cards: Cards) -> None:
        cards.error = LookupError()
        for _ in range(2):
            with pytest.raises(LookupError):
                await get(api)
        cards.error = None
        assert await get(api) == "Romeo"
        assert cards.asked == 3


class TestKey:
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


class TestWrite:
    async def test_evicts_for_every_requester_and_no_other_jid(self, api: PipelineRegistry, cards: Cards) -> None:
        for ifrom in (None, JID(NURSE)):
            await get(api, ifrom=ifrom)
        await get(api, NURSE)
        await api.run("xep_0054", "set_vcard", f"{ROMEO}/orchard", args="Romeo, in love")
        assert [await get(api), await get(api, ifrom=JID(NURSE))] == ["Romeo, in love"] * 2
        asked = cards.asked
        await get(api, NURSE)
        assert cards.asked == asked

    async def test_evicts_also_where_the_cache_stands_on_the_read_only(self, caching: Caching, cards: Cards) -> None:
        api = serve(caching, cards)
        api.remove(caching)
        api.use(caching, ctype="xep_0054", op="get_vcard")
        await get(api)
        await api.run("xep_0054", "set_vcard", ROMEO, args="new")
        assert await get(api) == "new"

    async def test_evicts_also_if_it_bypasses_the_cache(self, api: PipelineRegistry) -> None:
        await get(api)
        with api.bypass(Caching):
            await api.run("xep_0054", "set_vcard", ROMEO, args="new")
        assert await get(api) == "new"

    async def test_that_ends_while_a_read_is_under_way_leaves_nothing_old(
        self, api: PipelineRegistry, cards: Cards
    ) -> None:
        api.register(cards.get_slowly, "xep_0054", "get_vcard")
        reading = api.run("xep_0054", "get_vcard", ROMEO)
        await api.run("xep_0054", "set_vcard", ROMEO, args="new")
        late = api.run("xep_0054", "get_vcard", ROMEO)
        cards.gate.set()
        assert (await reading, await late) == ("Romeo", "new")
        assert await get(api) == "new"

    async def test_that_is_under_way_when_a_read_begins_leaves_nothing_old(
        self, api: PipelineRegistry, cards: Cards
    ) -> None:
        gate = asyncio.Event()

        async def set_slowly(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            await gate.wait()
            cards.set(jid, node, ifrom, args)

        api.register(set_slowly, "xep_0054", "set_vcard")
        writing = api.run("xep_0054", "set_vcard", ROMEO, args="new")
        assert await get(api) == "Romeo"
        gate.set()
        await writing
        assert await get(api) == "new"

    @pytest.mark.parametrize(
        ("read", "about", "write", "args", "is_evicted"),
        [
            (("xep_0054", "get_vcard"), None, ("xep_0054", "del_vcard"), None, True),
            (("xep_0231", "get_bob"), "1@bob", ("xep_0231", "set_bob"), {"cid": "1@bob"}, True),
            (("xep_0231", "get_bob"), "1@bob", ("xep_0231", "set_bob"), {"cid": "2@bob"}, False),
            (("xep_0231", "get_bob"), "1@bob", ("xep_0231", "del_bob"), "1@bob", True),
            (("xep_0030", "get_info"), None, ("xep_0128", "add_extended_info"), {"data": "a form"}, True),
            (("xep_0030", "get_info"), None, ("xep_0128", "set_extended_info"), {"data": "a form"}, True),
        ],
    )
    async def test_of_the_catalogue_evicts_what_it_names(
        self, caching: Caching, read: tuple[str, str], about: Any, write: tuple[str, str], args: Any, is_evicted: bool
    ) -> None:
        asked: list[Any] = []
        api = install(FakeClient(), caching)
        api.register(lambda jid, node, ifrom, args: asked.append(args), *read)
        for _ in range(2):
            await api.run(*read, ROMEO, args=about)
        assert asked == [about]
        await api.run(*write, f"{ROMEO}/orchard", args=args)
        await api.run(*read, ROMEO, args=about)
        assert asked == ([about, about] if is_evicted else [about])

    async def test_from_outside_is_made_known_by_hand(self, api: PipelineRegistry, cards: Cards) -> None:
        await get(api)
        cards.kept[ROMEO] = "new"
        assert await get(api) == "Romeo"
        api.invalidate("xep_0054", "get_vcard", ROMEO)
        assert await get(api) == "new"

    async def test_of_another_handler_drops_its_answers(self, api: PipelineRegistry) -> None:
        await get(api)
        api.register(lambda jid, node, ifrom, args: "somebody else's", "xep_0054", "get_vcard")
        assert await get(api) == "somebody else's"


class TestFlight:
    async def test_of_a_hundred_is_one_call(self, api: PipelineRegistry, cards: Cards) -> None:
        calls = await begin(api, cards, 100)
        cards.gate.set()
        assert await asyncio.gather(*calls) == ["Romeo"] * 100
        assert cards.asked == 1
        await turns()
        assert api.pending == 0

    async def test_hands_over_when_the_first_is_cancelled(self, api: PipelineRegistry, cards: Cards) -> None:
        calls = await begin(api, cards, 5)
        calls[0].cancel()
        await turns()
        cards.gate.set()
        assert await asyncio.gather(*calls[1:]) == ["Romeo"] * 4
        assert (calls[0].cancelled(), cards.asked) == (True, 2)

    async def test_goes_on_when_one_that_waits_is_cancelled(self, api: PipelineRegistry, cards: Cards) -> None:
        calls = await begin(api, cards, 3)
        calls[1].cancel()
        await turns()
        cards.gate.set()
        assert (await calls[0], await calls[2], cards.asked) == ("Romeo", "Romeo", 1)
        assert calls[1].cancelled()

    async def test_shares_its_error_and_keeps_nothing(self, api: PipelineRegistry, cards: Cards) -> None:
        cards.error = LookupError("no database")
        calls = await begin(api, cards, 3)
        cards.gate.set()
        assert set(await asyncio.gather(*calls, return_exceptions=True)) == {cards.error}
        assert cards.asked == 1
        cards.error = None
        assert await get(api) == "Romeo"

    async def test_of_a_stray_cancellation_is_everybodys_own(self, api: PipelineRegistry) -> None:
        gate = asyncio.Event()

        async def abort(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            await gate.wait()
            raise asyncio.CancelledError

        api.register(abort, "xep_0054", "get_vcard")
        calls = [api.run("xep_0054", "get_vcard", ROMEO) for _ in range(2)]
        await turns()
        gate.set()
        assert [type(error) for error in await asyncio.gather(*calls, return_exceptions=True)] == [CallAborted] * 2

    async def test_with_an_answer_that_cannot_be_copied_is_no_help_to_others(
        self, api: PipelineRegistry, cards: Cards
    ) -> None:
        cards.kept[ROMEO] = {"a": "dict"}
        calls = await begin(api, cards, 3)
        cards.gate.set()
        assert await asyncio.gather(*calls) == [{"a": "dict"}] * 3
        assert cards.asked == 3

    async def test_of_a_handler_that_makes_the_same_call_does_not_wait_for_itself(self, api: PipelineRegistry) -> None:
        depth: list[str] = []

        async def again(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
            depth.append("in")
            await asyncio.sleep(0)
            return "answer" if len(depth) > 1 else await get(api)

        api.register(again, "xep_0054", "get_vcard")
        assert await asyncio.wait_for(get(api), 5) == "answer"

    async def test_two_that_need_each_other_do_not_wait_for_each_other(self, api: PipelineRegistry) -> None:
        async def other(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
            asked.append(jid.bare)
            await asyncio.sleep(0)
            return "answer" if len(asked) > 2 else await get(api, NURSE if jid.bare == ROMEO else ROMEO)

        asked: list[str] = []
        api.register(other, "xep_0054", "get_vcard")
        both = asyncio.gather(get(api, ROMEO), get(api, NURSE))
        assert list(await asyncio.wait_for(both, 5)) == ["answer", "answer"]

    async def test_is_none_while_the_loop_is_off(
        self, caching: Caching, cards: Cards, idle_loop: asyncio.AbstractEventLoop
    ) -> None:
        api = install(FakeClient(loop=idle_loop), caching)

        async def slowly(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
            cards.asked += 1
            await asyncio.sleep(0)
            return "Romeo"

        api.register(slowly, "xep_0054", "get_vcard")

        def go() -> None:
            calls = [api.run("xep_0054", "get_vcard", ROMEO) for _ in range(3)]
            assert cards.asked == 0
            assert idle_loop.run_until_complete(asyncio.gather(*calls)) == ["Romeo"] * 3

        await asyncio.to_thread(go)

    async def test_is_none_for_plain_functions_that_wait_while_the_loop_is_off(
        self, caching: Caching, idle_loop: asyncio.AbstractEventLoop
    ) -> None:
        api = install(FakeClient(loop=idle_loop), caching)
        asked: list[str] = []

        async def slowly(jid: JID) -> str:
            asked.append(jid.bare)
            await asyncio.sleep(0)
            return "Romeo"

        api.register(lambda jid, node, ifrom, args: slowly(jid), "xep_0054", "get_vcard")

        def go() -> None:
            calls = [api.run("xep_0054", "get_vcard", ROMEO) for _ in range(2)]
            assert idle_loop.run_until_complete(asyncio.gather(*calls)) == ["Romeo"] * 2

        await asyncio.to_thread(go)
        assert len(asked) == 2

    async def test_that_took_off_while_the_loop_ran_is_not_waited_for_while_it_is_off(
        self, caching: Caching, cards: Cards, idle_loop: asyncio.AbstractEventLoop
    ) -> None:
        api = install(FakeClient(loop=idle_loop), caching)
        gate = asyncio.Event()

        async def slowly() -> str:
            await gate.wait()
            return "slow"

        async def first() -> Any:
            api.register(lambda jid, node, ifrom, args: slowly(), "xep_0054", "get_vcard")
            return api.run("xep_0054", "get_vcard", ROMEO)

        def go() -> None:
            leader = idle_loop.run_until_complete(first())
            api._tables["xep_0054", "get_vcard"].put(lambda jid, node, ifrom, args: "at once", None, None)
            assert api.run("xep_0054", "get_vcard", ROMEO).result() == "at once"
            gate.set()
            assert idle_loop.run_until_complete(leader) == "slow"

        await asyncio.to_thread(go)

    async def test_inside_a_timeout_and_out_of_it(self, cards: Cards) -> None:
        api = serve(Caching(60), cards, Timeout(5))
        calls = await begin(api, cards, 3)
        cards.gate.set()
        assert await asyncio.gather(*calls) == ["Romeo"] * 3

    async def test_in_front_of_a_users_layer(self, cards: Cards) -> None:
        api = serve(Caching(60), cards, passing)
        calls = await begin(api, cards, 3)
        cards.gate.set()
        assert await asyncio.gather(*calls) == ["Romeo"] * 3
        assert cards.asked == 1

    async def test_joined_is_noted(self, caching: Caching, cards: Cards) -> None:
        recorder = Recorder()
        api = install(FakeClient(), recorder, caching)
        calls = await begin(api, cards, 2)
        cards.gate.set()
        await asyncio.gather(*calls)
        assert [call.notes["cache"] for call in recorder.calls] == ["miss", "joined"]

    async def test_that_ends_before_others_could_join_is_a_hit_for_them(self, caching: Caching, cards: Cards) -> None:
        """Joining takes a turn of the loop where there is a task already."""
        api = install(FakeClient(), passing, caching)
        api.register(cards.get_slowly, "xep_0054", "get_vcard")
        leader = api.run("xep_0054", "get_vcard", ROMEO)
        await turns()
        cards.gate.set()
        follower = api.run("xep_0054", "get_vcard", ROMEO)
        assert (await leader, await follower, cards.asked) == ("Romeo", "Romeo", 1)


class TestStanza:
    async def test_is_handed_out_as_a_copy(self, api: PipelineRegistry, cards: Cards) -> None:
        card = VCardTemp()
        card["FN"] = "Romeo"
        cards.kept[ROMEO] = card
        first = await get(api)
        assert first is card
        card["FN"] = "changed in the store, behind everybody's back"
        second, third = await get(api), await get(api)
        second["FN"] = "changed by a reader"
        assert third["FN"] == (await get(api))["FN"] == "Romeo"
        assert cards.asked == 1


class TestCopies:
    def test_of_a_jid_and_of_collections_are_deep(self) -> None:
        jid = JID(f"{ROMEO}/orchard")
        kept = kept_copy((jid, frozenset({1}), "text"))
        jid.resource = "garden"
        own = own_copy(kept)
        own[0].resource = "balcony"
        assert kept == (JID(f"{ROMEO}/orchard"), frozenset({1}), "text")

    @pytest.mark.parametrize("value", [Iq(), [], {}, object(), ([],), type("Pair", (tuple,), {})()])
    def test_of_what_is_not_known_are_refused(self, value: Any) -> None:
        with pytest.raises(Uncopyable):
            kept_copy(value)


class TestRoom:
    async def test_is_never_exceeded_and_the_least_recently_used_go(self, cards: Cards) -> None:
        caching = Caching(60, max_entries=2)
        api = serve(caching, cards)
        for jid in ("a@x", "b@x", "a@x", "c@x", "a@x"):
            await get(api, jid)
        assert caching.statistics(api) == (2, 3, 1, 2)

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


class TestSettings:
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"ttl": 0}, "Caching: ttl: 0 is not allowed"),
            ({"ttl": 1, "max_entries": 0}, "Caching: max_entries: 0 is not allowed"),
            ({"ttl": 1, "negative_ttl": -1}, "Caching: negative_ttl: -1 is not allowed"),
            ({"ttl": 1, "key": "cid"}, "Caching: key: 'cid'"),
            ({"ttl": 1, "clock": 5}, "Caching: clock: 5"),
        ],
    )
    def test_that_are_wrong_are_refused(self, settings: Any, message: str) -> None:
        with pytest.raises((TypeError, ValueError), match=message):
            Caching(**settings)


def test_keeps_the_laws() -> None:
    check_layer(lambda: Caching(60), ctype="xep_0054", op="set_vcard")


async def test_declared_op_is_cached_and_its_writes_evict() -> None:
    forecast = Resource("weather", "forecast")
    kept = {"juliet@capulet.example": "rain"}
    api = install(FakeClient("juliet@capulet.example"), Caching(60))
    api.declare("weather", "get", Entry(reads=((forecast, bare_jid),), cacheable=True))
    api.declare("weather", "set", Entry(writes=((forecast, bare_jid),)))
    api.register(lambda jid, node, ifrom, args: kept[jid.bare], "weather", "get")
    api.register(lambda jid, node, ifrom, args: kept.update({jid.bare: args}), "weather", "set")

    assert api.run("weather", "get").result() == "rain"
    assert api.run("weather", "set", args="sun").done()
    assert api.run("weather", "get").result() == "sun"


async def test_answer_to_a_call_that_a_layer_sent_elsewhere_is_not_kept(cards: Cards) -> None:
    async def to_the_nurse(call: Call, call_next: CallNext) -> Any:
        return await call_next(call.replace(jid=NURSE))

    api = serve(Caching(60), cards, to_the_nurse)
    assert await get(api) == "the nurse"
    cards.kept[NURSE] = "changed"
    assert await get(api) == "changed"


async def test_answer_without_an_inner_layer_is_not_for_calls_that_have_it(cards: Cards) -> None:
    async def redact(call: Call, call_next: CallNext) -> Any:
        await call_next(call)
        return "redacted"

    api = serve(Caching(60), cards, redact)
    with api.bypass(redact):
        assert await get(api) == "Romeo"
    assert await get(api) == "redacted"

    api.remove(redact)
    assert await get(api) == "Romeo"


async def test_write_that_a_layer_finishes_after_the_handler_leaves_nothing_old(cards: Cards) -> None:
    gate = asyncio.Event()

    async def transaction(call: Call, call_next: CallNext) -> Any:
        await call_next(call)
        await gate.wait()
        cards.kept[ROMEO] = "committed"

    api = serve(Caching(60), cards)
    api.register(lambda jid, node, ifrom, args: None, "xep_0054", "set_vcard")
    api.use(transaction, ctype="xep_0054", op="set_vcard")
    writing = api.run("xep_0054", "set_vcard", ROMEO)
    assert await get(api) == "Romeo"
    gate.set()
    await writing
    assert await get(api) == "committed"


async def test_what_is_asked_on_another_loop_waits_for_no_flight_of_this_one(cards: Cards) -> None:
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
    api = serve(Caching(60), cards)

    async def begin() -> Any:
        api.register(cards.get_slowly, "xep_0054", "get_vcard")
        return api.run("xep_0054", "get_vcard", ROMEO)

    async def again() -> Any:
        api.register(cards.get, "xep_0054", "get_vcard", NURSE)
        cards.gate.set()
        return await asyncio.wait_for(get(api), 5)

    def go() -> Any:
        api.xmpp.loop = first
        left = first.run_until_complete(begin())
        api.xmpp.loop = second
        answer = second.run_until_complete(again())
        left.cancel()
        first.run_until_complete(asyncio.wait([left]))
        first.close()
        second.close()
        return answer

    assert await asyncio.to_thread(go) == "Romeo"


@pytest.mark.parametrize("makes", ["an answer", "an error"])
async def test_what_a_handler_makes_of_its_cancellation_is_for_nobody_else(
    api: PipelineRegistry, cards: Cards, makes: str
) -> None:
    gate = asyncio.Event()

    async def stubborn(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
        try:
            await gate.wait()
        except asyncio.CancelledError:
            if makes == "an answer":
                return None
            raise ConnectionError from None
        return "Romeo"

    api.register(stubborn, "xep_0054", "get_vcard")
    calls = [api.run("xep_0054", "get_vcard", ROMEO) for _ in range(3)]
    await turns()
    calls[0].cancel()
    await turns()
    gate.set()
    assert await asyncio.gather(*calls[1:]) == ["Romeo"] * 2
    assert calls[0].exception() is None if makes == "an answer" else isinstance(calls[0].exception(), ConnectionError)


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


async def test_flight_is_one_also_if_the_handler_yields_first(api: PipelineRegistry) -> None:
    asked: list[str] = []

    async def polite(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
        asked.append(jid.bare)
        await asyncio.sleep(0)
        return "Romeo"

    api.register(polite, "xep_0054", "get_vcard")
    assert await asyncio.gather(*[api.run("xep_0054", "get_vcard", ROMEO) for _ in range(20)]) == ["Romeo"] * 20
    assert len(asked) == 1


async def test_stanza_that_cannot_be_copied_is_an_answer_all_the_same(api: PipelineRegistry, cards: Cards) -> None:
    class Odd(VCardTemp):
        def __copy__(self) -> Any:
            raise TypeError("not this one")

    cards.kept[ROMEO] = odd = Odd()
    assert await get(api) is odd


async def test_replacement_outside_the_cache_is_the_question_and_is_kept(cards: Cards) -> None:
    async def bare(call: Call, call_next: CallNext) -> Any:
        return await call_next(call.replace(jid=call.jid.bare))

    api = install(FakeClient(), bare, Caching(60))
    api.register(cards.get, "xep_0054", "get_vcard")
    for resource in ("a", "b"):
        assert await get(api, f"{ROMEO}/{resource}") == "Romeo"
    assert cards.asked == 1
