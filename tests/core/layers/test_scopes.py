"""Which layers apply to an op, and in which order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slixmpp_pipeline import Call, CallNext, Layer, PipelineRegistry, install
from slixmpp_pipeline.testing import FakeClient
from tests.core.trail import Blue, Green, Red, order

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from slixmpp import JID


def function(name: str) -> Layer:
    async def layer(call: Call, call_next: CallNext, /) -> Any:
        call.args.append(name)
        return await call_next(call)

    return layer


class TestOrder:
    def test_first_of_several_is_outermost(self, api: PipelineRegistry) -> None:
        api.use(Red("1"), Red("2"), Red("3"))
        assert order(api) == "1 2 3"

    def test_first_registered_is_outermost(self, api: PipelineRegistry) -> None:
        api.use(Red("1"))
        api.use(Red("2"), Red("3"))
        api.use(Red("4"))
        assert order(api) == "1 2 3 4"

    def test_everywhere_is_outside_ctype_and_ctype_outside_op_whichever_came_first(self, api: PipelineRegistry) -> None:
        api.use(Red("op1"), ctype="c", op="x")
        api.use(Red("ctype1"), ctype="c")
        api.use(Red("all1"))
        api.use(Red("op2"), ctype="c", op="x")
        api.use(Red("ctype2"), ctype="c")
        api.use(Red("all2"))
        assert order(api) == "all1 all2 ctype1 ctype2 op1 op2"

    def test_narrow_layers_leave_other_ops_and_ctypes_alone(self, api: PipelineRegistry) -> None:
        api.use(Red("all"))
        api.use(Red("c"), ctype="c")
        api.use(Red("c x"), ctype="c", op="x")
        assert order(api, "c", "y") == "all c"
        assert order(api, "d", "x") == "all"

    def test_decorated_functions_keep_the_order_and_stay_themselves(self, api: PipelineRegistry) -> None:
        async def plain(call: Call, call_next: CallNext, /) -> Any:
            call.args.append("op")
            return await call_next(call)

        decorated = api.layer(ctype="c", op="x")(plain)

        @api.layer(ctype="c")
        async def for_ctype(call: Call, call_next: CallNext, /) -> Any:
            call.args.append("ctype")
            return await call_next(call)

        @api.layer
        async def first(call: Call, call_next: CallNext, /) -> Any:
            call.args.append("first")
            return await call_next(call)

        @api.layer()
        async def outermost(call: Call, call_next: CallNext, /) -> Any:
            call.args.append("all")
            return await call_next(call)

        assert decorated is plain
        assert order(api) == "first all ctype op"
        assert order(api, "c", "y") == "first all ctype"
        assert order(api, "d", "x") == "first all"

    def test_layers_given_to_install_apply_everywhere_first_outermost(self) -> None:
        api = install(FakeClient(), Red("1"), Red("2"))
        api.use(Red("3"))
        assert order(api) == "1 2 3"

    def test_wrapper_fills_in_its_ctype(self, api: PipelineRegistry) -> None:
        wrapper = api.wrap("c")
        wrapper.use(Red("op1"), Red("op2"), op="x")
        wrapper.use(Red("ctype1"), Red("ctype2"))

        @wrapper.layer
        async def for_ctype(call: Call, call_next: CallNext, /) -> Any:
            call.args.append("ctype3")
            return await call_next(call)

        @wrapper.layer(op="x")
        async def for_op(call: Call, call_next: CallNext, /) -> Any:
            call.args.append("op3")
            return await call_next(call)

        assert order(api) == "ctype1 ctype2 ctype3 op1 op2 op3"
        assert order(api, "c", "y") == "ctype1 ctype2 ctype3"
        assert order(api, "d", "x") == ""

    def test_layers_wait_for_a_ctype_that_does_not_exist_yet(self) -> None:
        xmpp = FakeClient()
        api = install(xmpp)
        api.use(Red("ctype"), ctype="later")
        api.use(Red("op"), ctype="later", op="x")

        def handler(jid: JID, node: str, ifrom: JID | None, args: list[str]) -> str:
            return " ".join(args)

        api.register(handler, "later", "x")

        assert api.run("later", "x", args=[]).result() == "ctype op"

    def test_layers_registered_after_the_first_call_apply_to_the_next(self, api: PipelineRegistry) -> None:
        api.use(Red("1"))
        assert order(api) == "1"
        api.use(Red("2"), ctype="c", op="x")
        assert order(api) == "1 2"

    def test_same_layer_in_two_scopes_runs_twice(self, api: PipelineRegistry) -> None:
        layer = Red("1")
        api.use(layer)
        api.use(layer, ctype="c")
        assert order(api) == "1 1"

    def test_purging_a_ctype_keeps_its_layers(self, api: PipelineRegistry) -> None:
        api.use(Red("1"), ctype="c")
        api.register(lambda jid, node, ifrom, args: None, "c", "x")
        api.purge("c")
        assert order(api) == "1"

    def test_two_registries_have_layers_of_their_own(self, api: PipelineRegistry) -> None:
        other = install(FakeClient())
        api.use(Red("1"))
        other.use(Red("2"))
        assert (order(api), order(other)) == ("1", "2")


class TestOverride:
    def test_takes_the_place_of_the_broader_layer_of_its_type(self, api: PipelineRegistry) -> None:
        api.use(Green("1"), Red("2"), Green("3"))
        api.override(Red("two"), "c", "x")
        assert order(api) == "1 two 3"

    def test_leaves_other_ops_alone(self, api: PipelineRegistry) -> None:
        api.use(Red("1"))
        api.override(Red("one"), "c", "x")
        assert order(api, "c", "y") == "1"
        assert order(api, "d", "x") == "1"

    def test_for_a_ctype_applies_to_all_of_its_ops(self, api: PipelineRegistry) -> None:
        api.use(Red("1"))
        api.override(Red("one"), "c")
        assert order(api, "c", "x") == order(api, "c", "y") == "one"
        assert order(api, "d", "x") == "1"

    def test_for_an_op_may_replace_the_layer_of_its_ctype(self, api: PipelineRegistry) -> None:
        api.use(Red("ctype"), ctype="c")
        api.override(Red("op"), "c", "x")
        assert order(api) == "op"

    def test_for_an_op_goes_on_from_that_of_its_ctype(self, api: PipelineRegistry) -> None:
        api.use(Red("1"), Green("2"))
        api.override(Red("ctype"), "c")
        api.override(Red("op"), "c", "x")
        assert order(api, "c", "x") == "op 2"
        assert order(api, "c", "y") == "ctype 2"

    def test_of_a_named_layer_picks_it_among_several_of_the_type(self, api: PipelineRegistry) -> None:
        first, second = Red("1"), Red("2")
        api.use(first, second)
        api.override(Red("two"), "c", "x", instead_of=second)
        assert order(api) == "1 two"

    def test_of_a_named_type_may_be_another_type(self, api: PipelineRegistry) -> None:
        api.use(Red("1"), Green("2"))
        api.override(Red("two"), "c", "x", instead_of=Green)
        assert order(api) == "1 two"

    def test_with_a_function_replaces_the_layer_it_names(self, api: PipelineRegistry) -> None:
        api.use(Red("1"), Green("2"))
        api.override(function("two"), "c", "x", instead_of=Green)
        assert order(api) == "1 two"

    def test_of_a_function_names_it(self, api: PipelineRegistry) -> None:
        first, second = function("1"), function("2")
        api.use(first, second)
        api.override(Red("one"), "c", "x", instead_of=first)
        assert order(api) == "one 2"

    def test_of_two_layers_in_one_scope_replaces_both(self, api: PipelineRegistry) -> None:
        api.use(Red("1"), Green("2"))
        api.override(Green("two"), "c", "x")
        api.override(Red("one"), "c", "x")
        assert order(api) == "one two"

    def test_two_of_the_type_are_refused(self, api: PipelineRegistry) -> None:
        api.use(Red("1"), Red("2"))
        with pytest.raises(ValueError, match=r"instead_of.*Red\(name='1'\).*Red\(name='2'\)"):
            api.override(Red("3"), "c", "x")
        assert order(api) == "1 2"

    def test_of_nothing_is_refused(self, api: PipelineRegistry) -> None:
        api.use(Green("1"))
        with pytest.raises(LookupError, match=r"no Red .*Green is"):
            api.override(Red("2"), "c", "x")
        assert order(api) == "1"

    def test_of_a_layer_in_the_same_or_another_scope_is_refused(self, api: PipelineRegistry) -> None:
        api.use(Red("1"), ctype="c", op="x")
        api.use(Red("2"), ctype="d")
        with pytest.raises(LookupError):
            api.override(Red("3"), "c", "x")
        with pytest.raises(LookupError):
            api.override(Red("3"), "c")
        assert order(api) == "1"

    def test_twice_is_refused_until_the_first_is_removed(self, api: PipelineRegistry) -> None:
        api.use(Red("1"))
        first = Red("one")
        api.override(first, "c", "x")
        with pytest.raises(ValueError, match="already overridden for c x"):
            api.override(Red("uno"), "c", "x")
        assert order(api) == "one"

        api.remove(first)
        api.override(Red("uno"), "c", "x")

        assert order(api) == "uno"

    def test_once_removed_the_broader_layer_is_back(self, api: PipelineRegistry) -> None:
        override = Red("one")
        api.use(Red("1"))
        api.override(override, "c", "x")
        api.remove(override)
        assert order(api) == "1"

    def test_of_an_excluded_layer_is_refused(self, api: PipelineRegistry) -> None:
        api.use(Red("1"))
        api.exclude(Red, ctype="c")
        with pytest.raises(LookupError):
            api.override(Red("2"), "c", "x")

    def test_by_type_sees_subclasses(self, api: PipelineRegistry) -> None:
        api.use(Blue("1"))
        api.override(Red("one"), "c", "x")
        assert order(api) == "one"

    def test_through_the_wrapper_is_for_its_ctype(self, api: PipelineRegistry) -> None:
        first = Red("1")
        api.use(first, Red("2"), Green("3"))
        wrapper = api.wrap("c")
        wrapper.override(Green("three"))
        wrapper.override(Red("one"), "x", instead_of=first)
        assert order(api, "c", "x") == "one 2 three"
        assert order(api, "c", "y") == "1 2 three"
        assert order(api, "d", "x") == "1 2 3"


class TestExclude:
    def test_takes_out_the_very_object_for_its_scope(self, api: PipelineRegistry) -> None:
        first, second = Red("1"), Red("2")
        api.use(first, second)
        api.exclude(first, ctype="c", op="x")
        assert order(api, "c", "x") == "2"
        assert order(api, "c", "y") == "1 2"
        assert order(api, "d", "x") == "1 2"

    def test_of_a_type_takes_out_every_layer_of_it(self, api: PipelineRegistry) -> None:
        api.use(Red("1"), Green("2"), Blue("3"))
        api.exclude(Red, ctype="c")
        assert order(api, "c", "x") == order(api, "c", "y") == "2"
        assert order(api, "d", "x") == "1 2 3"

    def test_of_several_takes_out_all(self, api: PipelineRegistry) -> None:
        last = Red("3")
        api.use(Green("1"), Red("2"), last)
        api.exclude(Green, last, ctype="c")
        assert order(api) == "2"

    def test_of_a_type_holds_for_layers_registered_later(self, api: PipelineRegistry) -> None:
        api.exclude(Red, ctype="c")
        api.use(Red("1"), Green("2"))
        api.use(Red("3"), ctype="c")
        assert order(api) == "2"

    def test_a_narrower_scope_may_add_it_again(self, api: PipelineRegistry) -> None:
        layer = Red("1")
        api.use(layer)
        api.exclude(layer, ctype="c")
        api.use(layer, ctype="c", op="x")
        assert order(api, "c", "x") == "1"
        assert order(api, "c", "y") == ""

    def test_takes_out_an_override(self, api: PipelineRegistry) -> None:
        override = Red("one")
        api.use(Red("1"), Green("2"))
        api.override(override, "c")
        api.exclude(override, ctype="c", op="x")
        assert order(api, "c", "x") == "2"
        assert order(api, "c", "y") == "one 2"

    def test_goes_by_identity(self, api: PipelineRegistry) -> None:
        first, equal = Red("1"), Red("1")
        assert first == equal
        api.use(first, equal, Red("2"))
        api.exclude(equal, ctype="c")
        assert order(api) == "1 2"
        api.exclude(first, ctype="c")
        assert order(api) == "2"

    def test_of_an_equal_layer_that_is_not_there_is_refused(self, api: PipelineRegistry) -> None:
        api.use(Red("1"))
        with pytest.raises(LookupError, match="does not apply for c"):
            api.exclude(Red("1"), ctype="c")
        assert order(api) == "1"

    def test_of_one_bad_among_good_takes_none_out(self, api: PipelineRegistry) -> None:
        good = Red("1")
        api.use(good)
        with pytest.raises(LookupError):
            api.exclude(good, Green("2"), ctype="c")
        assert order(api) == "1"

    def test_twice_does_no_more_than_once(self, api: PipelineRegistry) -> None:
        api.use(Red("1"), Green("2"))
        api.exclude(Red, ctype="c")
        api.exclude(Red, ctype="c")
        assert order(api) == "2"

    def test_through_the_wrapper_is_for_its_ctype(self, api: PipelineRegistry) -> None:
        api.use(Red("1"), Green("2"))
        wrapper = api.wrap("c")
        wrapper.exclude(Red)
        wrapper.exclude(Green, op="x")
        assert order(api, "c", "x") == ""
        assert order(api, "c", "y") == "2"
        assert order(api, "d", "x") == "1 2"


class TestOverrideInAnyOrder:
    def test_of_an_op_holds_when_its_ctype_is_overridden_later(self, api: PipelineRegistry) -> None:
        api.use(Red("everywhere"))
        api.override(Red("op"), "c", "x")
        api.override(Red("ctype"), "c")
        assert order(api) == "op"


class TestRemove:
    def test_takes_the_layer_out_of_every_scope(self, api: PipelineRegistry) -> None:
        layer = Red("1")
        api.use(layer, Green("2"))
        api.use(layer, ctype="c")
        api.use(layer, ctype="c", op="x")
        api.remove(layer)
        assert order(api) == "2"

    def test_goes_by_identity(self, api: PipelineRegistry) -> None:
        first, equal = Red("1"), Red("1")
        api.use(first)
        with pytest.raises(LookupError, match="this very Red is not registered"):
            api.remove(equal)
        assert order(api) == "1"

    def test_takes_out_a_function(self, api: PipelineRegistry) -> None:
        layer = function("1")
        api.use(layer)
        api.remove(layer)
        assert order(api) == ""

    def test_forgets_the_overrides_of_the_layer(self, api: PipelineRegistry) -> None:
        layer, override = Red("1"), Red("one")
        api.use(layer)
        api.override(override, "c", "x")
        api.remove(layer)
        assert order(api) == ""
        with pytest.raises(LookupError):
            api.remove(override)

    def test_forgets_the_overrides_of_its_overrides(self, api: PipelineRegistry) -> None:
        layer, last = Red("1"), Red("op")
        api.use(layer)
        api.override(Red("ctype"), "c")
        api.override(last, "c", "x")
        api.remove(layer)
        assert order(api) == ""
        with pytest.raises(LookupError):
            api.remove(last)

    def test_forgets_the_exclusions_of_the_layer(self, api: PipelineRegistry) -> None:
        layer = Red("1")
        api.use(layer)
        api.exclude(layer, ctype="c")
        api.remove(layer)
        api.use(layer)
        assert order(api) == "1"

    def test_forgets_the_exclusions_of_its_overrides(self, api: PipelineRegistry) -> None:
        layer, override = Red("1"), Red("one")
        api.use(layer)
        api.override(override, "c")
        api.exclude(override, ctype="c", op="x")
        api.remove(layer)
        api.use(override)
        assert order(api) == "one"

    def test_keeps_the_exclusions_of_its_type(self, api: PipelineRegistry) -> None:
        layer = Red("1")
        api.use(layer)
        api.exclude(Red, ctype="c")
        api.remove(layer)
        api.use(Red("2"))
        assert order(api) == ""
        assert order(api, "d") == "2"

    def test_makes_room_to_register_it_again_innermost(self, api: PipelineRegistry) -> None:
        first = Red("1")
        api.use(first, Red("2"))
        api.remove(first)
        api.use(first)
        assert order(api) == "2 1"

    def test_twice_is_refused(self, api: PipelineRegistry) -> None:
        layer = Red("1")
        api.use(layer)
        api.remove(layer)
        with pytest.raises(LookupError):
            api.remove(layer)


def test_override_of_one_layer_leaves_its_equal_from_the_same_line(api: PipelineRegistry) -> None:
    first, equal, other = Red("1"), Red("1"), Red("2")
    api.use(first, equal)
    api.override(other, "c", instead_of=first)
    layers = [step.layer for step in api.explain("c", "x").steps]
    assert len(layers) == 2
    assert layers[0] is other
    assert layers[1] is equal


def test_equal_layers_are_two_layers(api: PipelineRegistry) -> None:
    api.use(Red("1"), Red("1"))
    assert order(api) == "1 1"


@pytest.mark.parametrize("change", ["use", "override", "exclude", "remove"])
async def test_call_in_flight_keeps_its_chain(change: str) -> None:
    seen: list[str] = []
    gate: asyncio.Future[None]

    @dataclass(frozen=True, slots=True)
    class Around:
        name: str

        async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
            try:
                return await call_next(call)
            finally:
                seen.append(self.name)

    @dataclass(frozen=True, slots=True)
    class Wait:
        async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
            await gate
            return await call_next(call)

    xmpp = FakeClient()
    gate = xmpp.loop.create_future()
    inner = Around("inner")
    wait = Wait()
    api = install(xmpp, Around("outer"), wait, inner)
    changes: dict[str, Callable[[], None]] = {
        "use": lambda: api.use(Around("new"), ctype="c", op="x"),
        "override": lambda: api.override(Around("new"), "c", instead_of=inner),
        "exclude": lambda: api.exclude(Around, ctype="c"),
        "remove": lambda: api.remove(inner),
    }
    after = {"use": ["new", "inner", "outer"], "override": ["new", "outer"], "exclude": [], "remove": ["outer"]}

    future = api.run("c", "x")
    changes[change]()
    gate.set_result(None)
    await future
    assert seen == ["inner", "outer"]

    seen.clear()
    await api.run("c", "x")
    assert seen == after[change]


# What the order should be, said once more and as simply as possible: a stack of (layer, where it was registered).

ScopeKey: TypeAlias = "tuple[str, ...]"
Entry: TypeAlias = "tuple[Red | Green, ScopeKey]"

SCOPES: list[ScopeKey] = [(), ("c",), ("c", "x"), ("c", "y"), ("d",), ("d", "x")]
OPS = [("c", "x"), ("c", "y"), ("d", "x"), ("d", "y"), ("e", "x")]
LAYERS: list[Red | Green] = [Red("1"), Red("1"), Blue("2"), Green("3"), Green("4")]
TYPES: list[type[Red | Green]] = [Red, Blue, Green]


class Refused(Exception):
    """The model says that the command raises."""


@dataclass
class Model:
    used: dict[ScopeKey, list[Entry]] = field(default_factory=dict)
    instead: dict[ScopeKey, list[tuple[Entry, Entry]]] = field(default_factory=dict)
    out: dict[ScopeKey, list[object]] = field(default_factory=dict)

    def stack(self, scope: ScopeKey) -> list[Entry]:
        result: list[Entry] = []
        for part in [scope[:length] for length in range(len(scope) + 1)]:
            result += self.used.get(part, [])
            result = [self.stand_in(part, entry) for entry in result]
            result = [entry for entry in result if not any(means(one, entry) for one in self.out.get(part, []))]
        return result

    def stand_in(self, scope: ScopeKey, entry: Entry) -> Entry:
        """What stands in a scope for an entry, or for one that the entry stands for itself."""
        line = [entry]
        while True:
            older = [old for pairs in self.instead.values() for old, new in pairs if new is line[-1]]
            if not older:
                break
            line += older
        for meant, new in self.instead.get(scope, []):
            if any(meant is one for one in line):
                return new
        return entry

    def use(self, scope: ScopeKey, layer: Red | Green) -> None:
        if any(layer is there for there, _ in self.used.get(scope, [])):
            raise Refused
        self.used.setdefault(scope, []).append((layer, scope))

    def override(self, scope: ScopeKey, layer: Red | Green, named: object | None) -> None:
        meant = [entry for entry in self.stack(scope[:-1]) if means(named or type(layer), entry)]
        if not scope or len(meant) != 1 or self.stand_in(scope, meant[0]) is not meant[0]:
            raise Refused
        self.instead.setdefault(scope, []).append((meant[0], (layer, scope)))

    def exclude(self, scope: ScopeKey, chosen: object) -> None:
        if not scope or not (isinstance(chosen, type) or any(means(chosen, entry) for entry in self.stack(scope))):
            raise Refused
        self.out.setdefault(scope, []).append(chosen)

    def remove(self, layer: Red | Green) -> None:
        if not any(layer is there for there, _ in self.entries()):
            raise Refused
        self.used = {scope: [one for one in used if one[0] is not layer] for scope, used in self.used.items()}
        gone = True
        while gone:  # what stood for it goes with it, and what stood for that
            left = {id(one) for one in self.entries() if one[0] is not layer}
            before = len(left)
            self.instead = {
                scope: [pair for pair in pairs if {id(pair[0]), id(pair[1])} <= left]
                for scope, pairs in self.instead.items()
            }
            gone = len(self.entries()) < before
        there = [one for one, _ in self.entries()]
        self.out = {
            scope: [one for one in out if isinstance(one, type) or any(one is other for other in there)]
            for scope, out in self.out.items()
        }

    def entries(self) -> list[Entry]:
        used = [entry for entries in self.used.values() for entry in entries]
        return used + [new for pairs in self.instead.values() for _, new in pairs]


def means(chosen: object, entry: Entry) -> bool:
    return isinstance(entry[0], chosen) if isinstance(chosen, type) else entry[0] is chosen


Command: TypeAlias = "tuple[str, ScopeKey, Red | Green, type[Red | Green] | Red | Green | None]"

commands = st.tuples(
    st.sampled_from(["use", "use", "use", "override", "exclude", "remove"]),
    st.sampled_from(SCOPES),
    st.sampled_from(LAYERS),
    st.sampled_from([None, *TYPES, *LAYERS]),
)


def obey(model: Model, command: Command) -> None:
    kind, scope, layer, chosen = command
    match kind:
        case "use":
            model.use(scope, layer)
        case "override":
            model.override(scope, layer, chosen)
        case "exclude":
            model.exclude(scope, chosen or layer)
        case _:
            model.remove(layer)


def carry_out(api: PipelineRegistry, command: Command) -> None:
    kind, scope, layer, chosen = command
    ctype: Any = scope[0] if scope else None
    op = scope[1] if len(scope) > 1 else None
    match kind:
        case "use":
            api.use(layer, ctype=ctype, op=op)
        case "override":
            api.override(layer, ctype, op, instead_of=chosen)
        case "exclude":
            api.exclude(chosen or layer, ctype=ctype, op=op)
        case _:
            api.remove(layer)


@given(st.lists(commands, max_size=12))
def test_any_sequence_of_changes_gives_the_order_of_the_model(sequence: list[Command]) -> None:
    api, model = install(FakeClient()), Model()
    for command in sequence:
        try:
            obey(model, command)
        except Refused:
            with pytest.raises((TypeError, ValueError, LookupError)):
                carry_out(api, command)
        else:
            carry_out(api, command)
        for ctype, op in OPS:
            assert order(api, ctype, op).split() == [layer.name for layer, _ in model.stack((ctype, op))]
            assert [step.placed.layer for step in api.explain(ctype, op).steps] == [
                layer for layer, _ in model.stack((ctype, op))
            ]
