"""Caching: never a stale answer, never another requester's, and one call for all that ask the same."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from slixmpp import JID, Iq
from slixmpp.plugins.xep_0054 import VCardTemp

from slixmpp_middleware import Caching, Retry, Statistics, Timeout
from slixmpp_pipeline import Call, CallNext, Entry, PipelineRegistry, install
from slixmpp_pipeline.catalogue import Resource, bare_jid
from slixmpp_pipeline.testing import FakeClient, Recorder, check_layer
from tests.layers import verdicts
from tests.middleware.cards import NURSE, ROMEO, Cards, get, serve, turns
from tests.middleware.clock import Clock


class TestHit:
    async def test_asks_no_more(self, api: PipelineRegistry, cards: Cards, caching: Caching) -> None:
        assert [await get(api) for _ in range(3)] == ["Romeo"] * 3
        assert cards.asked == 1
        assert caching.statistics(api) == Statistics(hits=2, misses=1, joined=0, passed=0, evictions=0, entries=1)

    async def test_is_reported(self, caching: Caching, cards: Cards) -> None:
        recorder = Recorder()
        api = install(FakeClient(), recorder, caching)
        api.register(cards.get, "xep_0054", "get_vcard")
        await get(api)
        await get(api)
        assert verdicts(recorder.calls) == ["miss", "hit"]

    async def test_passed_is_reported_where_no_key_can_be_made(self, caching: Caching, cards: Cards) -> None:
        recorder = Recorder()
        api = install(FakeClient(), recorder, caching)
        api.register(cards.get, "xep_0153", "get_hash")
        assert [await api.run("xep_0153", "get_hash", ROMEO, args=["may change"]) for _ in range(2)] == ["Romeo"] * 2
        assert verdicts(recorder.calls) == ["pass", "pass"]
        assert caching.statistics(api) == Statistics(hits=0, misses=0, joined=0, passed=2, evictions=0, entries=0)

    async def test_is_over_when_its_time_is(self, api: PipelineRegistry, cards: Cards, clock: Clock) -> None:
        await get(api)
        clock.now += 59.9
        await get(api)
        assert cards.asked == 1
        clock.now += 0.1
        await get(api)
        assert cards.asked == 2
        clock.now += 60.1
        await get(api)
        assert cards.asked == 3

    async def test_that_is_dropped_while_its_time_is_looked_at_is_one_all_the_same(self, cards: Cards) -> None:
        """As in another thread, which may drop it at any time."""
        dropping: list[str] = []

        def clock() -> float:
            if dropping:
                assert api.run("xep_0054", "get_vcard", dropping.pop()).done()
            return 0.0

        caching = Caching(60, max_entries=1, clock=clock)
        api = serve(caching, cards)
        await get(api)
        dropping.append(NURSE)
        assert await get(api) == "Romeo"
        assert caching.statistics(api) == Statistics(hits=1, misses=2, joined=0, passed=0, evictions=1, entries=1)

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


def tagged() -> VCardTemp:
    card = VCardTemp()
    vars(card)["tags_of_the_application"] = ["not in the XML"]
    return card


class TestPassed:
    async def test_are_arguments_that_cannot_be_hashed(self, api: PipelineRegistry, cards: Cards) -> None:
        await get(api, args=["a list"])
        await get(api, args=["a list"])
        assert cards.asked == 2

    @pytest.mark.parametrize("answer", [Iq(), {"a": "dict"}, ["a list"], object(), tagged()])
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

    @pytest.mark.parametrize("meanwhile", ["kept before", "kept during another write"])
    async def test_that_is_under_way_takes_back_what_was_kept(
        self, api: PipelineRegistry, cards: Cards, meanwhile: str
    ) -> None:
        gates = {name: asyncio.Event() for name in (ROMEO, NURSE)}

        async def set_slowly(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            cards.set(jid, node, ifrom, args)
            await gates[jid.bare].wait()

        api.register(set_slowly, "xep_0054", "set_vcard")
        if meanwhile == "kept before":
            await get(api)
        other = api.run("xep_0054", "set_vcard", NURSE, args="new")
        assert [await get(api) for _ in range(2)] == ["Romeo"] * 2
        assert cards.asked == 1
        writing = api.run("xep_0054", "set_vcard", ROMEO, args="new")
        assert await get(api) == "new"
        gates[ROMEO].set()
        await writing
        assert [await get(api) for _ in range(2)] == ["new"] * 2
        gates[NURSE].set()
        await other

    async def test_in_the_moment_when_an_answer_is_kept_leaves_nothing_old(self, cards: Cards) -> None:
        """As in another thread, which may write at any time; here it is the clock that does, asked a second time."""
        asked: list[None] = []

        def clock() -> float:
            asked.append(None)
            if len(asked) == 2:
                api.run("xep_0054", "set_vcard", ROMEO, args="new")
            return 0.0

        api = serve(Caching(60, clock=clock), cards)
        assert [await get(api) for _ in range(3)] == ["Romeo", "new", "new"]
        assert cards.asked == 2

    @pytest.mark.parametrize("is_over", [True, False])
    async def test_during_a_read_leaves_nothing_of_it(
        self, api: PipelineRegistry, cards: Cards, caching: Caching, is_over: bool
    ) -> None:
        api.register(cards.get_slowly, "xep_0054", "get_vcard")
        reading = api.run("xep_0054", "get_vcard", ROMEO)
        gate = asyncio.Event()

        async def set_slowly(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            await gate.wait()

        api.register(set_slowly, "xep_0054", "set_vcard")
        writing = api.run("xep_0054", "set_vcard", ROMEO)
        if is_over:
            gate.set()
            await writing
        cards.gate.set()
        assert await reading == "Romeo"
        assert caching.statistics(api).entries == 0
        gate.set()
        await writing

    @pytest.mark.parametrize(
        ("read", "about", "write", "args", "is_evicted"),
        [
            (("xep_0054", "get_vcard"), None, ("xep_0054", "del_vcard"), None, True),
            (("xep_0231", "get_bob"), "1@bob", ("xep_0231", "set_bob"), {"cid": "1@bob"}, True),
            (("xep_0231", "get_bob"), "1@bob", ("xep_0231", "set_bob"), {"cid": "2@bob"}, True),
            (("xep_0153", "get_hash"), None, ("xep_0054", "set_vcard"), None, True),
            (("xep_0054", "get_vcard"), None, ("xep_0153", "set_hash"), None, False),
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


async def test_answer_that_a_layer_put_together_is_not_kept(cards: Cards) -> None:
    async def merge(call: Call, call_next: CallNext, /) -> Any:
        return await call_next(call.replace(jid=NURSE)) + " and " + await call_next(call)

    api = serve(Caching(60), cards)
    api.use(merge, ctype="xep_0054", op="get_vcard")
    assert await get(api) == "the nurse and Romeo"
    await api.run("xep_0054", "set_vcard", NURSE, args="Peter")
    assert await get(api) == "Peter and Romeo"


async def test_answers_of_calls_that_a_layer_outside_made_are_each_kept(cards: Cards) -> None:
    async def both(call: Call, call_next: CallNext, /) -> Any:
        return await call_next(call.replace(jid=NURSE)) + " and " + await call_next(call)

    caching = Caching(60)
    api = install(FakeClient(), both, caching)
    api.register(cards.get, "xep_0054", "get_vcard")
    assert [await get(api), await get(api)] == ["the nurse and Romeo"] * 2
    assert cards.asked == 2


async def test_answer_of_a_second_attempt_is_kept_and_shared_though_its_args_are_a_copy() -> None:
    errors: list[Exception] = [ConnectionError()]
    asked: list[Any] = []

    async def get_caps(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        asked.append(args["verstring"])
        await asyncio.sleep(0)
        if errors:
            raise errors.pop()
        return "caps"

    api = install(FakeClient(), Caching(60), Retry(3, sleep=no_sleep))
    api.register(get_caps, "xep_0115", "get_caps")
    calls = [api.run("xep_0115", "get_caps", args={"verstring": "v"}) for _ in range(20)]
    assert await asyncio.gather(*calls) == ["caps"] * 20
    assert await api.run("xep_0115", "get_caps", args={"verstring": "v"}) == "caps"
    assert asked == ["v", "v"]


async def no_sleep(seconds: float) -> None:
    assert seconds >= 0


async def test_unrelated_change_of_layers_while_a_call_hangs_leaves_the_cache_on(
    api: PipelineRegistry, cards: Cards
) -> None:
    api.register(cards.get_slowly, "xep_0054", "get_vcard", NURSE)
    hanging = api.run("xep_0054", "get_vcard", NURSE)
    await turns()
    api.use(Timeout(9), ctype="xep_0199")
    await get(api)
    await get(api)
    assert cards.asked == 2
    hanging.cancel()


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


async def test_replacement_outside_the_cache_is_the_question_and_is_kept(cards: Cards) -> None:
    async def bare(call: Call, call_next: CallNext) -> Any:
        return await call_next(call.replace(jid=call.jid.bare))

    api = install(FakeClient(), bare, Caching(60))
    api.register(cards.get, "xep_0054", "get_vcard")
    for resource in ("a", "b"):
        assert await get(api, f"{ROMEO}/{resource}") == "Romeo"
    assert cards.asked == 1
