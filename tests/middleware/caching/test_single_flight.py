"""Single flight: one call for all that ask the same, and nobody harmed by what becomes of another."""

from __future__ import annotations

import asyncio
import gc
import weakref
from contextvars import ContextVar
from typing import Any

import pytest
from slixmpp import JID
from slixmpp.plugins.xep_0054.stanza import VCardTemp
from slixmpp.xmlstream import ET

from slixmpp_middleware import Caching, Statistics, Timeout
from slixmpp_middleware.caching.single_flight import Flight
from slixmpp_pipeline import Call, CallAborted, CallNext, PipelineRegistry, install
from slixmpp_pipeline.testing import FakeClient, Recorder
from tests.layers import passing, verdicts
from tests.middleware.cards import NURSE, ROMEO, Cards, begin, get, serve, turns


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

    async def test_ends_well_when_one_that_waits_is_cancelled_at_that_moment(
        self, api: PipelineRegistry, cards: Cards
    ) -> None:
        calls = await begin(api, cards, 3)
        cards.gate.set()
        calls[1].cancel()
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

    async def test_of_a_future_that_somebody_else_cancelled_fails_for_all(self, api: PipelineRegistry) -> None:
        theirs: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        asked: list[JID] = []

        async def wait(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
            asked.append(jid)
            return await theirs

        api.register(wait, "xep_0054", "get_vcard")
        calls = [api.run("xep_0054", "get_vcard", ROMEO) for _ in range(3)]
        await turns()
        theirs.cancel()
        errors = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(error) for error in errors] == [CallAborted] * 3
        assert len(asked) == 1

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
            api._registrations.tables["xep_0054", "get_vcard"].put(lambda jid, node, ifrom, args: "at once", None, None)
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

    async def test_joined_is_reported(self, caching: Caching, cards: Cards) -> None:
        recorder = Recorder()
        api = install(FakeClient(), recorder, caching)
        calls = await begin(api, cards, 2)
        cards.gate.set()
        await asyncio.gather(*calls)
        assert verdicts(recorder.calls) == ["miss", "joined"]
        assert caching.statistics(api) == Statistics(hits=0, misses=1, joined=1, passed=0, evictions=0, entries=1)

    async def test_passed_is_reported_of_who_could_not_share(self, caching: Caching, cards: Cards) -> None:
        recorder = Recorder()
        api = install(FakeClient(), recorder, caching)
        cards.kept[ROMEO] = ["no cache can copy a list"]
        calls = await begin(api, cards, 3)
        cards.gate.set()
        await asyncio.gather(*calls)
        assert verdicts(recorder.calls) == ["miss", "pass", "pass"]
        assert caching.statistics(api) == Statistics(hits=0, misses=1, joined=0, passed=2, evictions=0, entries=0)

    async def test_that_ends_before_others_could_join_is_a_hit_for_them(self, caching: Caching, cards: Cards) -> None:
        """Joining takes a turn of the loop where there is a task already."""
        api = install(FakeClient(), passing, caching)
        api.register(cards.get_slowly, "xep_0054", "get_vcard")
        leader = api.run("xep_0054", "get_vcard", ROMEO)
        await turns()
        cards.gate.set()
        follower = api.run("xep_0054", "get_vcard", ROMEO)
        assert (await leader, await follower, cards.asked) == ("Romeo", "Romeo", 1)


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
@pytest.mark.parametrize("others", [0, 2])
async def test_what_a_handler_makes_of_its_cancellation_is_for_nobody_else(
    api: PipelineRegistry, caching: Caching, makes: str, others: int
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
    calls = [api.run("xep_0054", "get_vcard", ROMEO) for _ in range(1 + others)]
    await turns()
    calls[0].cancel()
    await turns()
    assert caching.statistics(api).entries == 0
    gate.set()
    assert await asyncio.gather(*calls[1:]) == ["Romeo"] * others
    assert await get(api) == "Romeo"
    assert calls[0].exception() is None if makes == "an answer" else isinstance(calls[0].exception(), ConnectionError)


async def test_flight_is_one_also_if_the_handler_yields_first(api: PipelineRegistry) -> None:
    asked: list[str] = []

    async def polite(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
        asked.append(jid.bare)
        await asyncio.sleep(0)
        return "Romeo"

    api.register(polite, "xep_0054", "get_vcard")
    assert await asyncio.gather(*[api.run("xep_0054", "get_vcard", ROMEO) for _ in range(20)]) == ["Romeo"] * 20
    assert len(asked) == 1


class NoDatabase(Exception):
    """Unlike the standard library's own, one that weak references can point to."""


class TestWaiting:
    async def test_for_what_cannot_be_shared_is_over_for_all_at_once(self, api: PipelineRegistry, cards: Cards) -> None:
        cards.kept[ROMEO] = ["a list"]
        calls = await begin(api, cards, 10)
        cards.gate.set()
        assert await calls[0] == ["a list"]
        cards.gate.clear()
        await turns()
        assert cards.asked == 10
        cards.gate.set()
        assert await asyncio.gather(*calls) == [["a list"]] * 10

    async def test_ends_for_one_each_time_that_who_leads_is_cancelled(
        self, api: PipelineRegistry, cards: Cards
    ) -> None:
        calls = await begin(api, cards, 5)
        for asked in range(2, 6):
            calls[asked - 2].cancel()
            await turns()
            assert cards.asked == asked
        cards.gate.set()
        assert await calls[-1] == "Romeo"

    async def test_is_first_come_first_served(self) -> None:
        leaders: list[str] = []

        async def naming(call: Call, call_next: CallNext, /) -> Any:
            call.notes["name"] = call.args
            return await call_next(call)

        async def leading(call: Call, call_next: CallNext, /) -> Any:
            leaders.append(call.notes["name"])
            return await call_next(call)

        async def hang(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            await asyncio.Event().wait()

        api = install(FakeClient(), naming, Caching(60, key=lambda call: None), leading)
        api.register(hang, "xep_0054", "get_vcard")
        calls = [api.run("xep_0054", "get_vcard", ROMEO, args=name) for name in "abcd"]
        await turns()
        for call in calls:
            call.cancel()
            await turns()
        assert leaders == ["a", "b", "c", "d"]

    @pytest.mark.parametrize("between", range(5))
    async def test_that_is_cancelled_as_its_turn_comes_passes_the_turn_on(
        self, api: PipelineRegistry, cards: Cards, between: int
    ) -> None:
        first, second, third = await begin(api, cards, 3)
        first.cancel()
        await turns(between)
        second.cancel()
        await turns()
        cards.gate.set()
        assert await asyncio.wait_for(third, 5) == "Romeo"
        assert (first.cancelled(), second.cancelled()) == (True, True)
        await turns()
        assert api.pending == 0

    @pytest.mark.parametrize("between", range(5))
    async def test_is_over_if_a_write_comes_before_the_turn_does(
        self, api: PipelineRegistry, cards: Cards, between: int
    ) -> None:
        first, *others = await begin(api, cards, 4)
        first.cancel()
        await turns(between)
        await api.run("xep_0054", "set_vcard", ROMEO, args="new")
        late = api.run("xep_0054", "get_vcard", ROMEO)
        await turns()
        cards.gate.set()
        answers = await asyncio.wait_for(asyncio.gather(*others, late), 5)
        assert set(answers) <= {"Romeo", "new"}
        assert answers[-1] == await get(api) == "new"

    async def test_does_not_last_until_the_one_that_was_cancelled_has_cleaned_up(self, api: PipelineRegistry) -> None:
        cleaned_up, asked = asyncio.Event(), []

        async def clean_up_slowly(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
            asked.append(jid)
            try:
                if len(asked) == 1:
                    await asyncio.Event().wait()
                return "answer"
            finally:
                if len(asked) == 1:
                    await cleaned_up.wait()

        api.register(clean_up_slowly, "xep_0054", "get_vcard")
        first = api.run("xep_0054", "get_vcard", ROMEO)
        second = api.run("xep_0054", "get_vcard", ROMEO)
        await turns()
        first.cancel()
        assert await asyncio.wait_for(second, 5) == await asyncio.wait_for(get(api), 5) == "answer"
        assert (len(asked), first.done()) == (2, False)
        cleaned_up.set()
        await turns()
        assert first.cancelled()

    async def test_goes_on_when_the_one_that_was_cancelled_is_cancelled_again(
        self, api: PipelineRegistry, cards: Cards
    ) -> None:
        async def be_slow_to_stop(call: Call, call_next: CallNext, /) -> Any:
            try:
                return await call_next(call)
            except asyncio.CancelledError:
                await asyncio.Event().wait()

        api.use(be_slow_to_stop)
        first, *others = await begin(api, cards, 4)
        for _ in range(2):
            first.cancel()
            await turns()
        assert cards.asked == 2
        cards.gate.set()
        assert await asyncio.gather(*others) == ["Romeo"] * 3

    async def test_for_what_was_asked_before_a_write_is_not_for_what_is_asked_after(
        self, api: PipelineRegistry, cards: Cards
    ) -> None:
        gates = [asyncio.Event(), asyncio.Event()]

        async def wait_in_turn(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
            cards.asked += 1
            await gates[cards.asked - 1].wait()
            return cards.kept[jid.bare]

        api.register(wait_in_turn, "xep_0054", "get_vcard")
        before = api.run("xep_0054", "get_vcard", ROMEO)
        await api.run("xep_0054", "set_vcard", ROMEO, args="new")
        after = api.run("xep_0054", "get_vcard", ROMEO)
        gates[0].set()
        await before
        late = api.run("xep_0054", "get_vcard", ROMEO)
        await turns()
        gates[1].set()
        assert list(await asyncio.gather(after, late)) == ["new", "new"]
        assert cards.asked == 2

    async def test_of_those_that_gave_up_leaves_nothing_behind(self, api: PipelineRegistry, cards: Cards) -> None:
        (patient,) = await begin(api, cards, 1)
        gc.collect()
        before = sum(isinstance(one, asyncio.Future) for one in gc.get_objects())
        for _ in range(20):
            impatient = api.run("xep_0054", "get_vcard", ROMEO)
            await turns()
            impatient.cancel()
            await turns()
        del impatient
        gc.collect()
        assert sum(isinstance(one, asyncio.Future) for one in gc.get_objects()) == before
        patient.cancel()

    @pytest.mark.parametrize("others", [0, 1, 4])
    async def test_leaves_a_shared_error_in_no_reference_cycle(
        self, api: PipelineRegistry, cards: Cards, others: int
    ) -> None:
        cards.error = NoDatabase()
        error = weakref.ref(cards.error)
        calls = await begin(api, cards, 1 + others)
        cards.gate.set()
        await asyncio.wait(calls)
        assert {call.exception() for call in calls} == {error()}
        cards.error = None
        gc.disable()
        try:
            del calls
            await turns()
            assert error() is None
        finally:
            gc.enable()

    def test_ends_without_a_word_if_the_loop_does(self, caching: Caching, cards: Cards) -> None:
        """What the garbage collector would complain of is an error in these tests."""
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda loop, context: None)  # pending tasks are destroyed, on purpose
        api = install(FakeClient(loop=loop), caching)
        api.register(cards.get_slowly, "xep_0054", "get_vcard")

        async def ask() -> None:
            for _ in range(3):
                api.run("xep_0054", "get_vcard", ROMEO)
            await turns()

        loop.run_until_complete(ask())
        loop.close()
        gc.collect()


class TestNested:
    async def test_calls_of_many_flights_share_one(self, api: PipelineRegistry, cards: Cards) -> None:
        async def ask_for_the_card(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
            await asyncio.sleep(0)
            return await get(api)

        api.register(cards.get_slowly, "xep_0054", "get_vcard")
        api.register(ask_for_the_card, "xep_0153", "get_hash")
        calls = [api.run("xep_0153", "get_hash", f"user{index}@montague.example") for index in range(50)]
        await turns(10)
        cards.gate.set()
        assert await asyncio.gather(*calls) == ["Romeo"] * 50
        assert cards.asked == 1

    async def test_call_that_waits_for_many_flights_keeps_none_of_them(self, api: PipelineRegistry) -> None:
        async def slowly(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
            await turns()
            return "answer"

        async def wait_for_many(jid: JID, node: str, ifrom: JID | None, args: Any) -> int:
            for index in range(50):
                await get(api, f"user{index}@montague.example")
            return sum(isinstance(one, Flight) for one in gc.get_objects())

        async def lead() -> None:
            for index in range(50):
                await get(api, f"user{index}@montague.example")

        api.register(slowly, "xep_0054", "get_vcard")
        api.register(wait_for_many, "xep_0153", "get_hash")
        leading = asyncio.create_task(lead())
        await asyncio.sleep(0)
        assert await api.run("xep_0153", "get_hash") < 10
        await leading

    @pytest.mark.parametrize("count", [1, 2, 3, 5])
    async def test_calls_that_need_each_other_in_a_ring_do_not_wait_for_ever(
        self, api: PipelineRegistry, count: int
    ) -> None:
        asked: list[int] = []

        async def ask_the_next(jid: JID, node: str, ifrom: JID | None, args: int) -> Any:
            asked.append(args)
            await asyncio.sleep(0)
            return "answer" if len(asked) > count else await get(api, args=(args + 1) % count)

        api.register(ask_the_next, "xep_0054", "get_vcard")
        both = asyncio.gather(*(get(api, args=index) for index in range(count)))
        assert await asyncio.wait_for(both, 5) == ["answer"] * count

    async def test_call_of_a_task_from_within_an_ended_flight_may_wait_for_others(
        self, api: PipelineRegistry, cards: Cards
    ) -> None:
        tasks: list[asyncio.Task[Any]] = []
        go_on = asyncio.Event()

        async def ask_later() -> Any:
            await go_on.wait()
            return await get(api)

        async def spawn(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
            tasks.append(asyncio.create_task(ask_later()))
            await asyncio.sleep(0)
            return "sha1"

        api.register(spawn, "xep_0153", "get_hash")
        assert await api.run("xep_0153", "get_hash") == "sha1"
        (first,) = await begin(api, cards, 1)
        go_on.set()
        await turns()
        cards.gate.set()
        assert (await first, await tasks[0]) == ("Romeo", "Romeo")
        assert cards.asked == 1

    async def test_handlers_that_start_each_other_keep_no_flight_alive(self, api: PipelineRegistry) -> None:
        """Each flight begins inside the one before, which ends a moment later."""

        async def go_on(jid: JID, node: str, ifrom: JID | None, args: int) -> str:
            if args:
                asyncio.get_running_loop().call_soon(api.run, "xep_0054", "get_vcard", ROMEO, None, None, args - 1)
            else:
                done.set()
            await turns(3)
            return "answer"

        done = asyncio.Event()
        api.register(go_on, "xep_0054", "get_vcard")
        api.run("xep_0054", "get_vcard", ROMEO, args=200)
        await done.wait()
        assert sum(isinstance(one, Flight) for one in gc.get_objects()) < 20
        await turns(10)


async def test_answer_of_a_plain_function_is_kept_also_if_the_caller_once_swallowed_a_cancellation(
    api: PipelineRegistry, cards: Cards
) -> None:
    async def swallow() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await get(api)
            await get(api)

    task = asyncio.create_task(swallow())
    await turns()
    task.cancel()
    await asyncio.wait([task])
    assert cards.asked == 1


class TestOwnWrite:
    """A write reads what it wrote itself."""

    def test_of_a_plain_function(self, caching: Caching, cards: Cards) -> None:
        api = serve(caching, cards)
        seen: list[Any] = []

        def read_and_write(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            seen.append(api.run("xep_0054", "get_vcard", jid).result())
            cards.set(jid, node, ifrom, args)
            seen.append(api.run("xep_0054", "get_vcard", jid).result())

        api.register(read_and_write, "xep_0054", "set_vcard")
        api.run("xep_0054", "set_vcard", ROMEO, args="new")
        assert seen == ["Romeo", "new"]

    async def test_that_waits_while_others_read(self, api: PipelineRegistry, cards: Cards) -> None:
        gate = asyncio.Event()

        async def write_and_read(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
            await gate.wait()
            cards.set(jid, node, ifrom, args)
            return await get(api)

        api.register(write_and_read, "xep_0054", "set_vcard")
        writing = api.run("xep_0054", "set_vcard", ROMEO, args="new")
        assert await get(api) == "Romeo"
        gate.set()
        assert await writing == "new"

    async def test_that_holds_what_a_reader_waits_for_does_not_wait_for_that_reader(
        self, api: PipelineRegistry, cards: Cards
    ) -> None:
        connection = asyncio.Lock()
        is_mine: ContextVar[bool] = ContextVar("is_mine", default=False)

        async def read(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
            if is_mine.get():
                return cards.kept[jid.bare]
            async with connection:
                return cards.kept[jid.bare]

        async def write(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
            async with connection:
                is_mine.set(True)
                await turns()
                cards.set(jid, node, ifrom, args)
                return await get(api)

        api.register(read, "xep_0054", "get_vcard")
        api.register(write, "xep_0054", "set_vcard")
        writing = api.run("xep_0054", "set_vcard", ROMEO, args="new")
        reading = api.run("xep_0054", "get_vcard", ROMEO)
        assert list(await asyncio.wait_for(asyncio.gather(writing, reading), 5)) == ["new", "new"]


@pytest.mark.parametrize(
    ("answer", "at_once"), [("text", 64), (VCardTemp(xml=ET.fromstring(f"<vCard>{'<X/>' * 1000}</vCard>")), 1)]
)
async def test_waiters_wake_a_few_in_a_turn_of_the_loop(
    api: PipelineRegistry, cards: Cards, answer: Any, at_once: int
) -> None:
    cards.kept[ROMEO] = answer
    calls = await begin(api, cards, 150)
    cards.gate.set()
    most, before = 0, 0
    for _ in range(400):
        await asyncio.sleep(0)
        done = sum(call.done() for call in calls)
        most, before = max(most, done - before), done
    assert before == 150
    assert most == at_once
    assert cards.asked == 1


async def test_waiters_that_stop_while_others_wake_do_no_harm(api: PipelineRegistry, cards: Cards) -> None:
    calls = await begin(api, cards, 200)
    cards.gate.set()
    await turns(2)
    for call in calls[150:180]:
        call.cancel()
    await asyncio.wait(calls)
    assert [call.cancelled() for call in calls] == [150 <= number < 180 for number in range(200)]
