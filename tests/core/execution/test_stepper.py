"""One generator takes the first steps of all chains: none of them may leave anything in it, or with it."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import inspect
import sys
import weakref
from collections.abc import Coroutine
from typing import Any

import pytest
from slixmpp import JID

from slixmpp_middleware import Caching
from slixmpp_pipeline import Call, CallAborted, CallNext, Entry, PipelineRegistry, Suspended, install
from slixmpp_pipeline.catalogue import Resource, bare_jid
from slixmpp_pipeline.testing import FakeClient
from tests.middleware.cards import NURSE, ROMEO, Cards, get, serve


class Answer:
    """What a handler answers with, and somebody may want to be rid of."""


def test_keeps_no_answer() -> None:
    api = install(FakeClient(), Passing())
    kept: list[weakref.ref[Answer]] = []

    def handler(jid: JID, node: str, ifrom: JID | None, args: int) -> Answer:
        answer = Answer()
        kept.append(weakref.ref(answer))
        if args:
            api.run("c", "x", args=args - 1)
        return answer

    api.register(handler, "c", "x")
    assert api.run("c", "x", args=3).done()
    gc.collect()
    assert [one() for one in kept] == [None] * 4


class Passing:
    taskless = True

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        return await call_next(call)


async def test_runaway_recursion_leaves_no_write_under_way() -> None:
    cards = Cards({ROMEO: "Romeo", NURSE: "the nurse"})
    api = serve(Caching(60), cards)

    def set_again(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        api.run("xep_0054", "set_vcard", jid)

    def deep(depth: int) -> None:
        if depth:
            deep(depth - 1)
        else:
            api.run("xep_0054", "set_vcard", ROMEO)

    api.register(set_again, "xep_0054", "set_vcard")
    for depth in range(8):  # it ends at another place each time
        with pytest.raises(RecursionError):
            deep(depth)
    assert [await get(api, jid) for jid in (ROMEO, NURSE) * 2] == ["Romeo", "the nurse"] * 2
    assert cards.asked == 2


async def test_key_that_raises_what_is_no_exception_leaves_no_write_under_way() -> None:
    def key(call: Call) -> str:
        if call.args == "cancelled":
            raise asyncio.CancelledError
        return "key"

    one, other = Resource("weather", "one"), Resource("weather", "other")
    asked: list[Any] = []
    api = install(FakeClient(), Caching(60))
    api.declare("weather", "set", Entry(writes=((one, bare_jid), (other, key))))
    api.declare("weather", "get", Entry(reads=((one, bare_jid),), cacheable=True))
    api.register(lambda jid, node, ifrom, args: asked.append(args), "weather", "get")
    with pytest.raises(CallAborted):
        api.run("weather", "set", ROMEO, args="cancelled")
    for _ in range(2):
        await api.run("weather", "get", ROMEO)
    assert len(asked) == 1


async def test_what_goes_on_as_a_task_is_called_as_the_layer_is() -> None:
    async def waiting() -> str:
        await asyncio.sleep(0)
        return "answer"

    api = install(FakeClient(), Passing())
    api.register(lambda jid, node, ifrom, args: waiting(), "c", "x")
    future: Any = api.run("c", "x")
    assert future.get_coro().__name__ == "Passing.__call__"
    assert await future == "answer"


class TestHandingOn:
    """Layers that are plain functions and return a coroutine."""

    def test_is_done_in_the_calls_own_context(self) -> None:
        variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="outside")

        class Setting:
            taskless = plain_call = True

            def __call__(self, call: Call, call_next: CallNext, /) -> Coroutine[Any, Any, Any]:
                variable.set("inside")
                return call_next(call)

        api = install(FakeClient(), Setting())
        api.register(lambda jid, node, ifrom, args: variable.get(), "c", "x")
        assert (api.run("c", "x").result(), variable.get()) == ("inside", "outside")

    @pytest.mark.parametrize("wrong", ["text", [], {}, (None,), 7, None])
    @pytest.mark.parametrize("position", [0, 1])
    def test_to_what_cannot_be_awaited_is_an_error(self, wrong: Any, position: int) -> None:
        class Wrong:
            taskless = plain_call = True

            def __call__(self, call: Call, call_next: CallNext, /) -> Any:
                return wrong

        layers: list[Any] = [Passing()]
        layers.insert(position, Wrong())
        with pytest.raises(TypeError, match="await"):
            install(FakeClient(), *layers).run("c", "x")

    def test_to_another_kind_of_coroutine_is_as_good(self) -> None:
        class Wrapping:
            taskless = plain_call = True

            def __call__(self, call: Call, call_next: CallNext, /) -> Coroutine[Any, Any, Any]:
                inside = call_next(call)
                return Suspended(inside, inside.send(None))

        async def waiting() -> str:
            await asyncio.sleep(0)
            return "answer"

        async def main() -> Any:
            api = install(FakeClient(), Wrapping())
            api.register(lambda jid, node, ifrom, args: waiting(), "c", "x")
            return await api.run("c", "x")

        assert asyncio.run(main()) == "answer"

    def test_can_be_left_out_by_its_type(self, api: PipelineRegistry) -> None:
        class HandsOn(Passing):
            plain_call = True

            def __call__(self, call: Call, call_next: CallNext, /) -> Coroutine[Any, Any, Any]:
                entered.append(call.name)
                return call_next(call)

        entered: list[str] = []
        api.use(HandsOn())
        api.exclude(HandsOn, ctype="c", op="excluded")
        with api.bypass(HandsOn):
            assert api.run("c", "bypassing").done()
        for op in ("excluded", "used"):
            assert api.run("c", op).done()
        assert entered == ["c used"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="inspect.markcoroutinefunction came with Python 3.12")
def test_marked_function_may_return_any_awaitable() -> None:
    class Awaited:
        def __init__(self, inside: Any) -> None:
            self.inside = inside

        def __await__(self) -> Any:
            return self.inside.__await__()

    def layer(call: Call, call_next: CallNext, /) -> Any:
        return Awaited(call_next(call))

    mark: Any = getattr(inspect, "markcoroutinefunction")  # noqa: B009  # mypy looks at Python 3.11
    for marked in (mark(layer), functools.partial(mark(layer))):
        api = install(FakeClient(loop=asyncio.new_event_loop()), marked)
        api.register(lambda jid, node, ifrom, args: "answer", "c", "x")
        assert api.run("c", "x").result() == "answer"
        api.xmpp.loop.close()
