"""Each kind of layer becomes one callable with the rest of the chain."""

from __future__ import annotations

import functools
from collections.abc import Coroutine
from typing import Any

import pytest

from slixmpp_pipeline import Call, CallNext, PipelineRegistry
from tests.layers import Asked, passing


class TestKinds:
    """Whatever kind of callable a layer is, it gets the call and the rest of the chain."""

    async def test_each_is_asked(self, api: PipelineRegistry) -> None:
        trail: list[str] = []

        async def three(name: str, call: Call, call_next: CallNext) -> Any:
            trail.append(name)
            return await call_next(call)

        async def anything(*args: Any) -> Any:
            return await three("anything", *args)

        async def with_more(call: Call, call_next: CallNext, name: str = "with more") -> Any:
            return await three(name, call, call_next)

        async def with_keywords(call: Call, call_next: CallNext, *, name: str = "with keywords") -> Any:
            return await three(name, call, call_next)

        class Layers:
            name = "a method"

            async def method(self, call: Call, call_next: CallNext) -> Any:
                return await three(self.name, call, call_next)

            async def __call__(self, call: Call, call_next: CallNext) -> Any:
                return await three("an object", call, call_next)

            @staticmethod
            async def static(call: Call, call_next: CallNext) -> Any:
                return await three("a static method", call, call_next)

        api.use(functools.partial(three, "a partial"), anything, with_more, with_keywords)
        api.use(Layers().method, Layers(), Layers.static)
        api.register(lambda jid, node, ifrom, args: "answer", "c", "x")
        for _ in range(2):
            assert await api.run("c", "x") == "answer"
        kinds = ["a partial", "anything", "with more", "with keywords", "a method", "an object", "a static method"]
        assert trail == kinds * 2

    async def test_one_function_on_two_routes_goes_on_with_each(self, api: PipelineRegistry) -> None:
        api.use(passing)
        for op in ("x", "y"):
            api.register(lambda jid, node, ifrom, args, op=op: op, "c", op)
        assert [await api.run("c", op) for op in ("x", "y", "x")] == ["x", "y", "x"]

    def test_that_hands_on_may_be_plain(self, api: PipelineRegistry) -> None:
        handed: list[str] = []

        class HandsOn:
            taskless = True
            plain_call = True

            def __call__(self, call: Call, call_next: CallNext, /) -> Coroutine[Any, Any, Any]:
                handed.append(call.name)
                return call_next(call)

        api.use(HandsOn())
        api.use(Asked(instead=HandsOn()), ctype="c")
        api.register(lambda jid, node, ifrom, args: "answer", "c", "x")
        assert api.run("c", "x").result() == "answer"
        assert handed == ["c x"] * 2

    def test_that_is_plain_and_does_not_say_so_is_refused(self, api: PipelineRegistry) -> None:
        class Plain:
            plain_call = False

            def __call__(self, call: Call, call_next: CallNext, /) -> Coroutine[Any, Any, Any]:
                return call_next(call)

        with pytest.raises(TypeError, match="is not async"):
            api.use(Plain())
