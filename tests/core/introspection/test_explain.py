"""A registry says what a call would go through, and who would answer it."""

from __future__ import annotations

import dataclasses
import functools
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from slixmpp import JID

from slixmpp_middleware import Caching
from slixmpp_pipeline import Call, CallNext, Explanation, Layer, OptedOut, PipelineRegistry, Route, Tier, install
from slixmpp_pipeline.testing import FakeClient
from tests.core.trail import Red

ROMEO = "romeo@montague.example"


@dataclass(frozen=True, slots=True)
class Reads:
    """A layer with nothing to do for what is no read."""

    def for_route(self, route: Route) -> Layer | OptedOut:
        return self if route.op.startswith("get_") else route.opt_out("not a read")

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        return await call_next(call)


async def audit(call: Call, call_next: CallNext, /) -> Any:
    return await call_next(call)


def for_all(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
    return "all"


def for_node(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
    return "node"


def for_jid(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
    return "jid"


async def for_both(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
    return "both"


class Storage:
    """What answers with methods, and is itself a handler."""

    def answer(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        return "method"

    def __call__(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        return "object"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask from a directory that nothing is below, where files are shown with their whole path."""
    monkeypatch.chdir(tmp_path)


def next_line() -> str:
    """Return the file and line after the caller's."""
    frame = sys._getframe(1)
    return f"{__file__}:{frame.f_lineno + 1}"


def line_of(function: Any) -> str:
    return f"{__file__}:{function.__code__.co_firstlineno}"


class TestText:
    def test_shows_layers_in_order_with_places_and_the_handler_with_what_it_shadows(
        self, api: PipelineRegistry
    ) -> None:
        where = next_line()
        api.use(Red("1"), audit)
        where_op = next_line()
        api.use(Reads(), Red("2"), ctype="c", op="set_x")
        api.register(for_all, "c", "set_x")
        api.register(for_jid, "c", "set_x", jid=ROMEO)

        text = str(api.explain("c", "set_x", jid=ROMEO, node="n"))

        assert text.splitlines() == [
            "c set_x for romeo@montague.example, node 'n'",
            f"  1. Red(name='1') [everywhere] {where}",
            f"  2. audit [everywhere] {where}",
            f"  - Reads() [c set_x] {where_op}",
            "     left out: not a read",
            f"  3. Red(name='2') [c set_x] {where_op}",
            f"  answered by {__name__}.for_jid, {line_of(for_jid)} (tier: jid)",
            f"  which shadows {__name__}.for_all, {line_of(for_all)} (tier: global)",
        ]

    def test_says_that_there_is_no_layer_and_no_handler(self, api: PipelineRegistry) -> None:
        assert str(api.explain("c", "x")).splitlines() == [
            "c x for juliet@capulet.example/balcony",
            "  no layers",
            "  no handler: the answer is None; for c there is nothing",
        ]

    def test_says_what_other_ops_of_the_ctype_have_a_handler(self, api: PipelineRegistry) -> None:
        for ctype in ("b", "xx", "xxx"):
            for op in (f"{ctype}_get", f"{ctype}_add", f"{ctype}_gone"):
                api.register(for_all, ctype, op)
            api.unregister(ctype, f"{ctype}_gone")
        explanation = api.explain("XX".lower(), "set")
        assert explanation.known_ops == ("xx_add", "xx_get")
        assert str(explanation).endswith("for xx there is xx_add, xx_get")

    @pytest.mark.parametrize("module", ["__main__", "bot", "zebra"])
    def test_says_where_a_layer_was_registered_whatever_the_module_is_called(
        self, api: PipelineRegistry, module: str
    ) -> None:
        exec(compile("\n\napi.use(audit)", "/srv/bot.py", "exec"), {"__name__": module, "api": api, "audit": audit})
        (step,) = api.explain("c", "x").steps
        assert step.placed.where == "/srv/bot.py:3"

    def test_says_what_an_override_replaces(self, api: PipelineRegistry) -> None:
        api.use(Red("1"), audit)
        where = next_line()
        api.override(Red("one"), "c")
        where_op = next_line()
        api.override(Reads(), "c", "set_x", instead_of=audit)
        assert str(api.explain("c", "set_x")).splitlines()[1:-1] == [
            f"  1. Red(name='one') [c] {where}",
            "     instead of Red(name='1') [everywhere]",
            f"  - Reads() [c set_x] {where_op}",
            "     instead of audit [everywhere]",
            "     left out: not a read",
        ]

    def test_shows_files_below_the_working_directory_as_seen_from_there(
        self, api: PipelineRegistry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        where = next_line()
        api.use(audit)
        api.register(for_all, "c", "x")
        monkeypatch.chdir(Path(__file__).parent)
        assert str(api.explain("c", "x")).splitlines()[1:] == [
            f"  1. audit [everywhere] {where.removeprefix(str(Path(__file__).parent))[1:]}",
            f"  answered by {__name__}.for_all, test_explain.py:{for_all.__code__.co_firstlineno} (tier: global)",
        ]

    def test_does_not_mention_an_excluded_layer(self, api: PipelineRegistry) -> None:
        api.use(Red("1"))
        api.exclude(Red, ctype="c")
        assert "Red" not in str(api.explain("c", "x"))
        assert "Red" in str(api.explain("d", "x"))


class TestPlaces:
    def test_of_layers_given_to_install(self) -> None:
        where = next_line()
        api = install(FakeClient(), audit)
        (step,) = api.explain("c", "x").steps
        assert (step.placed.layer, step.placed.scope, step.placed.where) == (audit, "everywhere", where)

    def test_of_a_decorated_function(self, api: PipelineRegistry) -> None:
        @api.layer(ctype="c")
        async def decorated(call: Call, call_next: CallNext, /) -> Any:
            return await call_next(call)

        (step,) = api.explain("c", "x").steps
        assert step.placed.scope == "c"
        path, _, line = step.placed.where.rpartition(":")
        start: int = decorated.__code__.co_firstlineno
        assert path == __file__
        assert int(line) in {start, start + 1}  # that of the decorator or of the def, as this Python has it

    def test_of_layers_added_through_a_wrapper(self, api: PipelineRegistry) -> None:
        wrapper = api.wrap("c")
        where_ctype = next_line()
        wrapper.use(audit)
        where_op = next_line()
        wrapper.use(Red("1"), op="x")
        steps = api.explain("c", "x").steps
        assert [(step.placed.scope, step.placed.where) for step in steps] == [("c", where_ctype), ("c x", where_op)]

    def test_of_an_override(self, api: PipelineRegistry) -> None:
        api.use(Red("1"))
        where = next_line()
        api.override(Red("one"), "c")
        (step,) = api.explain("c", "x").steps
        assert (step.placed.layer, step.placed.scope, step.placed.where) == (Red("one"), "c", where)


class TestHandler:
    @pytest.mark.parametrize(
        ("jid", "node", "expected"),
        [
            (ROMEO, "n", [for_both, for_jid, for_node, for_all]),
            (ROMEO, "other", [for_jid, for_all]),
            (ROMEO, None, [for_jid, for_all]),
            ("nurse@capulet.example", "n", [for_node, for_all]),
            (None, None, [for_all]),
        ],
    )
    def test_is_the_most_specific_and_shadows_the_others_in_order(
        self, api: PipelineRegistry, jid: str | None, node: str | None, expected: list[Any]
    ) -> None:
        tiers = {for_both: Tier.JID_NODE, for_jid: Tier.JID, for_node: Tier.NODE, for_all: Tier.GLOBAL}
        api.register(for_all, "c", "x")
        api.register(for_node, "c", "x", node="n")
        api.register(for_jid, "c", "x", jid=ROMEO)
        api.register(for_both, "c", "x", jid=ROMEO, node="n")

        explanation = api.explain("c", "x", jid, node)

        assert (explanation.handler, explanation.tier) == (expected[0], tiers[expected[0]])
        assert explanation.shadowed == tuple((handler, tiers[handler]) for handler in expected[1:])

    def test_is_none_where_nothing_is_registered(self, api: PipelineRegistry) -> None:
        explanation = api.explain("c", "x")
        assert (explanation.handler, explanation.tier, explanation.shadowed) == (None, Tier.NONE, ())

    def test_is_the_one_that_a_call_reaches(self, api: PipelineRegistry) -> None:
        api.register(for_all, "c", "x")
        api.register(for_jid, "c", "x", jid=ROMEO)
        api.settings["c"]["client_bare"] = True
        explanation = api.explain("c", "x", jid=f"{ROMEO}/orchard")
        assert (explanation.handler, explanation.jid) == (for_jid, JID(ROMEO))
        assert api.run("c", "x", jid=f"{ROMEO}/orchard").result() == "jid"

    def test_is_what_was_registered_also_with_three_arguments(self, api: PipelineRegistry) -> None:
        def legacy(jid: JID, node: str, args: Any) -> str:
            return "legacy"

        api.register(legacy, "c", "x")
        explanation = api.explain("c", "x")
        assert explanation.handler is legacy
        assert f"legacy, {line_of(legacy)} (tier: global)" in str(explanation)

    def test_is_named_also_if_it_is_no_function(self, api: PipelineRegistry) -> None:
        storage = Storage()
        named: dict[str, tuple[Any, str]] = {
            "method": (storage.answer, f"{__name__}.Storage.answer, {line_of(Storage.answer)}"),
            "object": (storage, f"{__name__}.Storage, {line_of(Storage.__call__)}"),
            "partial": (functools.partial(for_all), f"{__name__}.for_all, {line_of(for_all)}"),
            "class": (dict, "builtins.dict"),
            "method of a built-in object": ("{0}".format, "str.format"),
        }
        for op, (handler, text) in named.items():
            api.register(handler, "c", op)
            assert f"  answered by {text} (tier: global)" in str(api.explain("c", op)).splitlines()

    def test_is_named_by_what_it_wraps(self, api: PipelineRegistry) -> None:
        @functools.wraps(for_jid)
        def wrapping(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
            return for_jid(jid, node, ifrom, args)

        api.register(wrapping, "c", "x")
        assert f"{__name__}.for_jid, {line_of(for_jid)}" in str(api.explain("c", "x"))


class TestNear:
    def test_are_handlers_of_the_account_for_another_resource_or_node(self, api: PipelineRegistry) -> None:
        api.register(for_all, "c", "x", jid=f"{ROMEO}/orchard")
        api.register(for_jid, "c", "x", jid=ROMEO, node="news")
        api.register(for_all, "c", "x", jid="nurse@capulet.example")
        api.register(for_all, "c", "x", node="news")

        explanation = api.explain("c", "x", jid=ROMEO)

        assert set(explanation.near) == {(for_all, f"{ROMEO}/orchard", None), (for_jid, ROMEO, "news")}
        assert str(explanation).splitlines()[-2:] == [
            f"  not asked: {__name__}.for_jid, {line_of(for_jid)}, for {ROMEO}, node 'news', which is not the same",
            f"  not asked: {__name__}.for_all, {line_of(for_all)}, for {ROMEO}/orchard, which is not the same",
        ]

    def test_are_not_those_that_could_answer(self, api: PipelineRegistry) -> None:
        for jid, node in [(ROMEO, "news"), (ROMEO, None), (None, "news"), (None, None)]:
            api.register(for_all, "c", "x", jid, node)
        assert api.explain("c", "x", ROMEO, "news").near == ()

    @pytest.mark.parametrize("other", ["abraham@montague.example", "tybalt@capulet.example"])
    def test_are_not_those_of_another_account(self, api: PipelineRegistry, other: str) -> None:
        api.register(for_all, "c", "x", jid=other)
        assert api.explain("c", "x", ROMEO).near == ()

    @pytest.mark.parametrize("more", [0, 1, 4])
    def test_are_counted_where_there_are_many(self, api: PipelineRegistry, more: int) -> None:
        for index in range(3 + more):
            api.register(for_all, "c", "x", jid=f"{ROMEO}/{index}")
        head, _, near = str(api.explain("c", "x", jid=ROMEO)).partition("\n  not asked: ")
        lines = near.splitlines()
        assert head.endswith("for c there is x")
        assert [line.rpartition("/")[2].partition(",")[0] for line in lines[:3]] == ["0", "1", "2"]
        assert lines[3:] == ([f"  nor {more} more for other resources and nodes of {ROMEO}"] if more else [])


@dataclass(frozen=True)
class Tuned(Red):
    """A layer with settings that have defaults, and one that is nobody's business."""

    seconds: float = 5
    many: tuple[int, ...] = field(default_factory=tuple)
    secret: str = field(default="secret", repr=False)


class Loud(Tuned):
    def __repr__(self) -> str:
        return "LOUD"


class Quiet(Tuned):
    def __repr__(self) -> str:
        return "quiet"


class TestLayer:
    @pytest.mark.parametrize(
        ("layer", "text"),
        [
            (Tuned("1"), "Tuned(name='1', many=())"),
            (Tuned("1", 6, (1,), "other"), "Tuned(name='1', seconds=6, many=(1,))"),
            (Loud("1"), "LOUD"),
            (Quiet("1"), "quiet"),
        ],
    )
    def test_is_shown_with_the_settings_that_somebody_chose(
        self, api: PipelineRegistry, layer: Layer, text: str
    ) -> None:
        api.use(layer)
        assert str(api.explain("c", "x")).splitlines()[1].startswith(f"  1. {text} [everywhere] ")


class TestFields:
    def test_say_what_was_asked(self, api: PipelineRegistry) -> None:
        explanation = api.explain("c", "x")
        assert isinstance(explanation, Explanation)
        assert (explanation.ctype, explanation.op) == ("c", "x")
        assert (explanation.jid, explanation.node) == (JID("juliet@capulet.example/balcony"), "")

    def test_have_a_step_for_each_layer_and_why_any_is_left_out(self, api: PipelineRegistry) -> None:
        reads, red = Reads(), Red("1")
        api.use(reads, red)
        steps = api.explain("c", "set_x").steps
        assert [(step.placed.layer, step.layer, step.reason) for step in steps] == [
            (reads, None, "not a read"),
            (red, red, ""),
        ]

    def test_cannot_be_changed(self, api: PipelineRegistry) -> None:
        explanation: Any = api.explain("c", "x")
        with pytest.raises(dataclasses.FrozenInstanceError):
            explanation.op = "y"


def test_explaining_runs_no_layer_and_no_handler(api: PipelineRegistry) -> None:
    async def never(call: Call, call_next: CallNext, /) -> Any:
        raise AssertionError("a question runs nothing")

    def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        raise AssertionError("a question runs nothing")

    api.use(never)
    api.register(handler, "c", "x")
    assert api.explain("c", "x").handler is handler


def test_explaining_follows_every_change(api: PipelineRegistry) -> None:
    red = Red("1")
    api.use(red)
    api.register(for_all, "c", "x")
    before = api.explain("c", "x")
    api.remove(red)
    api.unregister("c", "x")
    after = api.explain("c", "x")
    assert (len(before.steps), before.handler) == (1, for_all)
    assert (len(after.steps), after.handler) == (0, None)


class TestAll:
    """Without an op all ops are explained that have handlers or layers."""

    def test_are_those_with_handlers_or_layers_in_order(self, api: PipelineRegistry) -> None:
        api.register(for_all, "weather", "set")
        api.register(for_all, "weather", "get")
        api.register(for_all, "c", "gone")
        api.unregister("c", "gone")
        api.use(audit, ctype="c", op="x")
        api.run("c", "called")
        assert [(one.ctype, one.op) for one in api.explain()] == [("c", "x"), ("weather", "get"), ("weather", "set")]
        assert [one.op for one in api.explain("weather")] == ["get", "set"]
        assert [str(one) for one in api.wrap("weather").explain()] == list(map(str, api.explain("weather")))

    def test_are_for_the_jid_and_node_that_were_asked_about(self, api: PipelineRegistry) -> None:
        api.register(for_both, "c", "x", jid=ROMEO, node="n")
        (explanation,) = api.explain(jid=ROMEO, node="n")
        assert (explanation.handler, explanation.tier) == (for_both, Tier.JID_NODE)

    def test_are_shown_by_their_layers(self, api: PipelineRegistry) -> None:
        assert str(api.explain()) == "no op"
        api.register(for_all, "c", "get_x")
        api.register(for_all, "c", "set_x")
        for node in ("m", "n"):
            api.register(for_node, "c", "get_x", node=node)
        api.register(for_jid, "c", "set_x", jid=ROMEO)
        api.register(for_jid, "d", "y", jid=ROMEO)
        api.use(Reads(), audit, ctype="c")
        for_all_text = f"{__name__}.for_all, {line_of(for_all)} (tier: global)"
        assert str(api.explain()).splitlines() == [
            "Reads() > audit",
            f"  c get_x: {for_all_text}, and 2 for other JIDs and nodes",
            "audit",
            f"  c set_x: {for_all_text}, and 1 for other JIDs and nodes",
            "no layers",
            "  d y: no handler, and 1 for other JIDs and nodes",
        ]


@dataclass(frozen=True)
class Remarking:
    """A layer with something to say."""

    remark: str

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        return await call_next(call)


class TestRemark:
    """A layer may say how it is with it on a route."""

    def test_is_shown_below_the_layer(self, api: PipelineRegistry) -> None:
        api.use(Remarking("so it is"), Remarking(""), ctype="c")
        first, second, third, *_ = str(api.explain("c", "x")).splitlines()[1:]
        assert first.startswith("  1. Remarking(remark='so it is')")
        assert second == "     so it is"
        assert third.startswith("  2. Remarking(remark='')")

    def test_of_a_cache_counts_calls_that_it_cannot_tell_apart(self) -> None:
        xmpp = FakeClient()
        api = install(xmpp, Caching(60))
        api.register(for_all, "xep_0030", "get_info")
        api.run("xep_0030", "get_info")
        assert "passed" not in str(api.explain("xep_0030", "get_info"))
        for _ in range(2):
            api.run("xep_0030", "get_info", args=["a list"])
        line = "     passed 2 calls: what tells their answers apart may change, or is too long"
        assert line in str(api.explain("xep_0030", "get_info")).splitlines()
