"""A chain is compiled once, and each layer says what it does there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from slixmpp_pipeline import Call, CallNext, Layer, OptedOut, PipelineRegistry, Route, install
from slixmpp_pipeline.testing import FakeClient
from tests.layers import Asked, passing


@dataclass(frozen=True, slots=True)
class OnlyReads:
    """A layer that has nothing to do for what is no read."""

    reason: str = "not a read"

    def for_route(self, route: Route) -> Layer | OptedOut:
        return self if route.op.startswith("get_") else route.opt_out(self.reason)

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        return ("read", await call_next(call))


class TestCompiling:
    def test_happens_at_the_first_call_and_not_before(self, api: PipelineRegistry) -> None:
        layer = Asked()
        api.use(layer)
        api.register(lambda jid, node, ifrom, args: None, "c", "x")
        assert layer.ops == []
        assert api.run("c", "x").done()
        assert layer.ops == ["c x"]

    def test_happens_once_for_each_op(self, api: PipelineRegistry) -> None:
        layer = Asked()
        api.use(layer)
        for _ in range(3):
            assert api.run("c", "x").done()
            assert api.run("c", "y", jid="romeo@montague.example", node="n").done()
            assert api.explain("c", "x").steps
        assert layer.ops == ["c x", "c y"]

    def test_is_not_repeated_when_handlers_change(self, api: PipelineRegistry) -> None:
        layer = Asked()
        api.use(layer)
        assert api.run("c", "x").done()
        api.register(lambda jid, node, ifrom, args: 1, "c", "x")
        api.register(lambda jid, node, ifrom, args: 2, "c", "x", jid="romeo@montague.example")
        api.unregister("c", "x")
        assert api.run("c", "x", jid="romeo@montague.example").result() == ("asked", 2)
        assert api.run("c", "x").result() == ("asked", None)
        assert layer.ops == ["c x"]

    @pytest.mark.parametrize("change", ["use", "override", "exclude", "remove"])
    def test_is_repeated_after_a_change_of_the_layers(self, api: PipelineRegistry, change: str) -> None:
        layer, other = Asked(), OnlyReads()
        api.use(layer, other)
        changes = {
            "use": lambda: api.use(passing),
            "override": lambda: api.override(OnlyReads("other"), "c"),
            "exclude": lambda: api.exclude(other, ctype="c"),
            "remove": lambda: api.remove(other),
        }
        assert api.run("c", "x").done()
        changes[change]()
        assert api.run("c", "x").done()
        assert api.run("c", "x").done()
        assert layer.ops == ["c x", "c x"]

    def test_is_not_repeated_after_a_change_that_failed(self, api: PipelineRegistry) -> None:
        layer = Asked()
        api.use(layer)
        assert api.run("c", "x").done()
        with pytest.raises(ValueError, match="already registered"):
            api.use(layer)
        assert api.run("c", "x").done()
        assert layer.ops == ["c x"]

    def test_happens_for_each_registry_by_itself(self, api: PipelineRegistry) -> None:
        layer = Asked()
        other = install(FakeClient(), layer)
        api.use(layer)
        assert api.run("c", "x").done()
        assert other.run("c", "x").done()
        assert layer.ops == ["c x", "c x"]

    def test_gives_the_layer_a_route_that_names_its_op(self, api: PipelineRegistry) -> None:
        seen: list[str] = []

        class Curious:
            def for_route(self, route: Route) -> Layer:
                seen.append(f"{route.ctype}/{route.op}")
                return passing

            async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
                raise AssertionError("the specialised layer runs")

        api.use(Curious())
        assert api.run("c", "x").result() is None
        assert seen == ["c/x"]


class TestForRoute:
    def test_itself_runs(self, api: PipelineRegistry) -> None:
        api.use(Asked())
        assert api.run("c", "x").result() == ("asked", None)

    def test_a_specialised_layer_runs_instead(self, api: PipelineRegistry) -> None:
        async def special(call: Call, call_next: CallNext, /) -> Any:
            return ("special", await call_next(call))

        layer = Asked(instead=special)
        api.use(layer)
        assert api.run("c", "x").result() == ("special", None)
        (step,) = api.explain("c", "x").steps
        assert (step.placed.layer, step.layer) == (layer, special)

    def test_none_leaves_the_layer_out(self, api: PipelineRegistry) -> None:
        api.use(Asked(instead=None))
        assert api.run("c", "x").result() is None
        (step,) = api.explain("c", "x").steps
        assert step.layer is None
        assert step.reason == "Asked has nothing to do here"

    def test_opting_out_keeps_the_reason(self, api: PipelineRegistry) -> None:
        api.use(OnlyReads())
        assert api.run("c", "set_x").result() is None
        assert api.run("c", "get_x").result() == ("read", None)
        (step,) = api.explain("c", "set_x").steps
        assert (step.layer, step.reason) == (None, "not a read")

    def test_one_layer_does_not_get_the_reason_of_another(self, api: PipelineRegistry) -> None:
        api.use(OnlyReads(), Asked(), Asked(instead=None))
        reasons = [step.reason for step in api.explain("c", "set_x").steps]
        assert reasons == ["not a read", "", "Asked has nothing to do here"]

    @pytest.mark.parametrize("wrong", [5, "layer", print, Asked, False])
    def test_what_is_no_layer_is_refused(self, api: PipelineRegistry, wrong: object) -> None:
        api.use(Asked(instead=wrong))
        for _ in range(2):
            with pytest.raises(TypeError, match=r"Asked\.for_route\(\): "):
                _ = api.run("c", "x")

    def test_its_error_leaves_the_call_and_the_next_one_asks_again(self, api: PipelineRegistry) -> None:
        error = LookupError("not ready")

        class Fragile:
            ready = False

            def for_route(self, route: Route) -> Layer:
                if not self.ready:
                    raise error
                return passing

            async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
                return await call_next(call)

        layer = Fragile()
        api.use(layer)
        with pytest.raises(LookupError) as raised:
            _ = api.run("c", "x")
        layer.ready = True
        assert raised.value is error
        assert api.run("c", "x").result() is None


def test_change_that_a_layer_makes_while_a_route_is_compiled_counts_from_the_next_call() -> None:
    added: list[str] = []

    async def late(call: Call, call_next: CallNext, /) -> Any:
        added.append(call.op)
        return await call_next(call)

    class Adding:
        def for_route(self, route: Route) -> Layer:
            if not added:
                added.append("registered")
                registry.use(late)
            return self

        async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
            return await call_next(call)

    registry = install(FakeClient(), Adding())
    assert registry.run("c", "x").done()
    assert registry.run("c", "x").done()
    assert added == ["registered", "x"]
