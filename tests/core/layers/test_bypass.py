"""Layers can be left out for the calls made in a block, and for what these start."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from slixmpp import JID

from slixmpp_pipeline import Call, CallNext, Layer, PipelineRegistry, Route, install
from slixmpp_pipeline.testing import FakeClient, Recorder
from tests.core.trail import Green, Red, order


class TestWhatIsLeftOut:
    def test_every_layer_of_a_type(self, api: PipelineRegistry) -> None:
        api.use(Red("1"), Green("2"))
        api.use(Red("3"), ctype="c", op="x")
        with api.bypass(Red):
            assert order(api) == "2"
        assert order(api) == "1 2 3"

    def test_the_very_object_and_not_its_equal(self, api: PipelineRegistry) -> None:
        first = Red("1")
        api.use(first, Red("1"), Red("2"))
        with api.bypass(first):
            assert order(api) == "1 2"

    def test_several_at_once(self, api: PipelineRegistry) -> None:
        first = Red("1")
        api.use(first, Green("2"), Red("3"))
        with api.bypass(first, Green):
            assert order(api) == "3"

    def test_a_subclass_of_the_type(self, api: PipelineRegistry) -> None:
        class Pink(Red):
            pass

        api.use(Pink("1"), Green("2"))
        with api.bypass(Red):
            assert order(api) == "2"

    def test_a_function(self, api: PipelineRegistry) -> None:
        @api.layer()
        async def layer(call: Call, call_next: CallNext, /) -> Any:
            call.args.append("function")
            return await call_next(call)

        api.use(Red("1"))
        with api.bypass(layer):
            assert order(api) == "1"

    def test_an_override(self, api: PipelineRegistry) -> None:
        override = Red("one")
        api.use(Red("1"), Green("2"))
        api.override(override, "c", "x")
        with api.bypass(override):
            assert order(api, "c", "x") == "2"
            assert order(api, "c", "y") == "1 2"

    def test_a_type_of_which_none_is_there_changes_nothing(self, api: PipelineRegistry) -> None:
        api.use(Red("1"))
        with api.bypass(Green):
            assert order(api) == "1"

    def test_all_that_there_is(self, api: PipelineRegistry) -> None:
        api.use(Red("1"))
        api.register(lambda jid, node, ifrom, args: "answer", "c", "x")
        with api.bypass(Red):
            assert api.run("c", "x").result() == "answer"

    def test_layers_registered_inside_the_block(self, api: PipelineRegistry) -> None:
        api.use(Red("1"))
        with api.bypass(Red):
            api.use(Red("2"), Green("3"))
            assert order(api) == "3"
        assert order(api) == "1 2 3"


class TestWhere:
    def test_inside_the_block_only(self, api: PipelineRegistry) -> None:
        api.use(Red("1"))
        assert order(api) == "1"
        with api.bypass(Red):
            assert order(api) == ""
        assert order(api) == "1"

    def test_until_an_error_leaves_the_block(self, api: PipelineRegistry) -> None:
        api.use(Red("1"))
        error = LookupError()
        with pytest.raises(LookupError) as raised, api.bypass(Red):
            raise error
        assert raised.value is error
        assert order(api) == "1"

    def test_blocks_add_up_and_end_one_by_one(self, api: PipelineRegistry) -> None:
        api.use(Red("1"), Green("2"))
        with api.bypass(Red):
            with api.bypass(Green):
                assert order(api) == ""
            assert order(api) == "2"
        assert order(api) == "1 2"

    def test_the_same_twice_ends_with_the_outer_block(self, api: PipelineRegistry) -> None:
        api.use(Red("1"))
        with api.bypass(Red):
            with api.bypass(Red):
                assert order(api) == ""
            assert order(api) == ""
        assert order(api) == "1"

    def test_another_registry_with_the_same_layer_is_untouched(self, api: PipelineRegistry) -> None:
        layer = Red("1")
        api.use(layer)
        other = install(FakeClient(), layer)
        with api.bypass(layer):
            assert (order(api), order(other)) == ("", "1")
            with other.bypass(Red):
                assert (order(api), order(other)) == ("", "")
            assert (order(api), order(other)) == ("", "1")

    def test_calls_through_a_wrapper_too(self, api: PipelineRegistry) -> None:
        api.use(Red("1"))
        passed: list[str] = []
        with api.bypass(Red):
            assert api.wrap("c")["x"](None, None, None, passed).done()
        assert passed == []

    def test_calls_that_handlers_make_inside(self, api: PipelineRegistry) -> None:
        api.use(Red("1"), Green("2"))
        api.register(lambda jid, node, ifrom, args: order(api, "c", "inner"), "c", "outer")
        with api.bypass(Red):
            assert api.run("c", "outer", args=[]).result() == "2"
        assert api.run("c", "outer", args=[]).result() == "1 2"

    def test_calls_that_layers_make_inside(self, api: PipelineRegistry) -> None:
        inner: list[str] = []

        @api.layer(ctype="c", op="outer")
        async def asking(call: Call, call_next: CallNext, /) -> Any:
            await api.run("c", "inner", args=inner)
            return await call_next(call)

        api.use(Red("1"), Green("2"))
        with api.bypass(Green):
            assert order(api, "c", "outer") == "1"
        assert inner == ["1"]


async def test_call_begun_inside_leaves_them_out_and_what_it_calls_after_the_block_does_not() -> None:
    xmpp = FakeClient()
    api = install(xmpp, Red("1"), Green("2"))
    gate = xmpp.loop.create_future()

    async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        await gate
        return order(api, "c", "inner")

    api.register(handler, "c", "outer")
    with api.bypass(Red):
        inside = api.run("c", "outer", args=[])
    outside = api.run("c", "outer", args=[])
    gate.set_result(None)

    assert await inside == "1 2"
    assert await outside == "1 2"


async def test_task_started_inside_leaves_them_out_and_others_do_not() -> None:
    api = install(FakeClient(), Red("1"), Green("2"))
    both = asyncio.Event()

    async def work() -> str:
        await both.wait()
        return order(api)

    outside = asyncio.create_task(work())
    with api.bypass(Red):
        inside = asyncio.create_task(work())
        await asyncio.sleep(0)
        both.set()
        assert await outside == "1 2"
    assert await inside == "2"


async def test_block_inside_a_layer_ends_with_the_block() -> None:
    api = install(FakeClient())

    @api.layer()
    async def narrowing(call: Call, call_next: CallNext, /) -> Any:
        with api.bypass(Red):
            return await call_next(call)

    api.use(Red("1"))
    api.register(lambda jid, node, ifrom, args: args.append(order_without(api, narrowing)), "c", "outer")
    passed: list[str] = []
    await api.run("c", "outer", args=passed)
    assert passed == ["1", ""]
    assert order_without(api, narrowing) == "1"


def order_without(api: PipelineRegistry, layer: Layer) -> str:
    with api.bypass(layer):
        return order(api)


@dataclass(frozen=True, slots=True)
class Count:
    """What is there once for each route: a state that counts calls."""

    calls: list[str] = field(default_factory=list)

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        self.calls.append(call.op)
        return len(self.calls), await call_next(call)


@dataclass(frozen=True, slots=True)
class Counting:
    """A layer that makes a `Count` for each route."""

    made: list[Count] = field(default_factory=list)

    def for_route(self, route: Route) -> Count:
        self.made.append(Count())
        return self.made[-1]

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        raise AssertionError("the specialised layer runs")


@dataclass(frozen=True, slots=True)
class Around:
    """A layer that shows that it ran."""

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        return "around", await call_next(call)


def test_specialised_layer_is_matched_by_what_was_registered() -> None:
    layer = Counting()
    api = install(FakeClient(), layer)
    with api.bypass(Counting):
        assert api.run("c", "x").result() is None
    with api.bypass(layer):
        assert api.run("c", "x").result() is None
    with api.bypass(Count):
        assert api.run("c", "x").result() == (1, None)


def test_state_of_the_layers_that_stay_is_not_rebuilt() -> None:
    layer = Counting()
    api = install(FakeClient(), Around(), layer)
    assert api.run("c", "x").result() == ("around", (1, None))
    with api.bypass(Around):
        assert api.run("c", "x").result() == (2, None)
        with api.bypass(Green):
            assert api.run("c", "x").result() == (3, None)
    assert api.run("c", "x").result() == ("around", (4, None))
    assert len(layer.made) == 1


def test_layer_that_opted_out_can_be_bypassed() -> None:
    @dataclass(frozen=True, slots=True)
    class Never:
        def for_route(self, route: Route) -> None:
            return None

        async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
            raise AssertionError("never on a route")

    never = Never()
    api = install(FakeClient(), never, Red("1"))
    with api.bypass(never):
        assert order(api) == "1"


async def test_ends_with_its_block_for_tasks_that_were_started_inside() -> None:
    recorder, gate = Recorder(), asyncio.Event()
    api = install(FakeClient(), recorder)

    async def ask() -> None:
        await api.run("c", "inside")
        await gate.wait()
        await api.run("c", "after")

    with api.bypass(recorder):
        task = asyncio.create_task(ask())
        await asyncio.sleep(0)
    gate.set()
    await task
    assert [call.op for call in recorder.calls] == ["after"]


async def test_of_an_outer_block_stays_when_an_inner_one_has_ended() -> None:
    one, other = Recorder(), Recorder()
    api = install(FakeClient(), one, other)
    gate = asyncio.Event()

    async def ask() -> None:
        await gate.wait()
        await api.run("c", "x")

    with api.bypass(one):
        with api.bypass(other):
            task = asyncio.create_task(ask())
        gate.set()
        await task
    assert (len(one.calls), len(other.calls)) == (0, 1)
