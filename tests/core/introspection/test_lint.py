"""A registry names the stacks of layers that hurt, with the reason."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from slixmpp_middleware import Caching, Logging, Timeout
from slixmpp_pipeline import Entry, Finding, Layer, PipelineRegistry, Route, install
from slixmpp_pipeline.catalogue import arg
from slixmpp_pipeline.catalogue.slixmpp_ops import SLIXMPP_OPS
from slixmpp_pipeline.testing import FakeClient
from tests.core.introspection.roles import (
    INSIDE_CACHE,
    INSIDE_RETRY,
    NESTED_RETRIES,
    NO_TIMEOUT,
    TOTAL_TOO_SHORT,
    Cache,
    Limit,
    Passing,
    Retry,
    Telemetry,
    found,
    reasons,
)


@dataclass(frozen=True, slots=True)
class Metrics(Passing):
    role: ClassVar[str] = "telemetry"


def get_xml(jid: Any, node: str, ifrom: Any, args: Any) -> None:
    """A handler that slixmpp might have."""


get_xml.__module__ = "slixmpp.plugins.xep_0054"


def answer(jid: Any, node: str, ifrom: Any, args: Any) -> None:
    """A handler."""


def answer_in(api: PipelineRegistry, *ctypes: str) -> None:
    """Register a handler for an op of each ctype, so that their names are no finding."""
    for ctype in ctypes:
        api.register(answer, ctype, "any")


NARROWER_TOO_LONG = f"{TOTAL_TOO_SHORT}; override() puts one in the place of the other"


class TestClean:
    def test_with_nothing_registered(self, api: PipelineRegistry) -> None:
        assert found(api) == []

    def test_in_the_order_of_the_documentation(self, api: PipelineRegistry) -> None:
        api.use(Logging(slow=0.1), Telemetry(), Metrics(), Cache(), Timeout(5), Retry())
        api.override(Timeout(0.5), ctype="xep_0054", op="get_vcard")
        api.register(get_xml, "xep_0054", "get_vcard")
        assert found(api) == []

    def test_where_the_layer_that_hurts_has_opted_out(self, api: PipelineRegistry) -> None:
        @dataclass(frozen=True, slots=True)
        class Reads(Passing):
            role: ClassVar[str] = "cache"

            def for_route(self, route: Route) -> Layer | None:
                return self if route.op.startswith("get_") else None

        answer_in(api, "c")
        api.use(Reads(), ctype="c", op="set_x")
        api.use(Telemetry(), ctype="c", op="set_x")
        assert found(api) == []
        api.use(Reads(), ctype="c", op="get_x")
        api.use(Telemetry(), ctype="c", op="get_x")
        assert reasons(api) == [INSIDE_CACHE]

    def test_where_what_hurts_is_excluded_or_overridden(self, api: PipelineRegistry) -> None:
        inner = Limit(5)
        answer_in(api, "c")
        api.use(Limit(2))
        api.use(inner, ctype="c")
        assert reasons(api) == [NARROWER_TOO_LONG]
        api.override(Limit(1), "c", "x", instead_of=inner)
        api.exclude(inner, ctype="c", op="y")
        findings = found(api)
        assert [finding.scopes for finding in findings] == [("c",)]


class TestFindings:
    def test_name_the_layers_outer_first_with_their_places(self, api: PipelineRegistry) -> None:
        line = sys._getframe().f_lineno + 1
        api.use(Cache(), Logging())
        (finding,) = found(api)
        assert isinstance(finding, Finding)
        assert finding.layers == (f"Cache() at {__file__}:{line}", f"Logging() at {__file__}:{line}")

    def test_come_before_any_plugin_is_there(self, api: PipelineRegistry) -> None:
        api.use(Retry(), Retry())
        (finding,) = found(api)
        assert finding.scopes == ("everywhere",)

    def test_come_for_a_ctype_and_an_op_that_do_not_exist_yet(self, api: PipelineRegistry) -> None:
        answer_in(api, "c", "d")
        api.use(Retry())
        api.use(Retry(), ctype="c")
        api.use(Cache(), Logging(), ctype="d", op="x")
        them = {finding.reason: finding.scopes for finding in found(api)}
        assert them == {NESTED_RETRIES: ("c",), INSIDE_RETRY: ("d x",), INSIDE_CACHE: ("d x",)}

    @pytest.mark.parametrize(
        ("scope", "named"), [((None, None), ("everywhere",)), (("c", None), ("c",)), (("c", "x"), ("c x",))]
    )
    def test_name_the_broadest_scope_alone(
        self, api: PipelineRegistry, scope: tuple[str | None, str | None], named: tuple[str, ...]
    ) -> None:
        for op in ("w", "x", "y", "z"):
            api.register(lambda jid, node, ifrom, args: None, "c", op)
        api.use(Retry(), Retry(), ctype=scope[0], op=scope[1])
        api.use(Passing(), ctype="c")
        api.use(Passing(), ctype="c", op="x")
        them = {finding.reason: finding.scopes for finding in found(api)}
        assert them[NESTED_RETRIES] == named

    def test_are_grouped_by_what_hurts(self, api: PipelineRegistry) -> None:
        answer_in(api, "c")
        outer, inner = Cache(), Logging()
        for op in ("x", "y"):
            api.use(outer, ctype="c", op=op)
        line = sys._getframe().f_lineno + 2
        for op in ("x", "y"):
            api.use(inner, ctype="c", op=op)
        (finding,) = found(api)
        assert finding.scopes == ("c x", "c y")
        assert finding.layers[1] == f"Logging() at {__file__}:{line}"

    def test_print_as_lines(self, api: PipelineRegistry) -> None:
        assert str(api.lint()) == "no known mistake"
        api.use(Retry(), Cache(), Retry())
        api.use(Telemetry(), ctype="c")
        assert str(api.lint()).splitlines() == [str(finding) for finding in api.lint()]
        assert len(api.lint()) > 2

    def test_of_two_pairs_are_two(self, api: PipelineRegistry) -> None:
        answer_in(api, "c", "d")
        api.use(Retry(), ctype="c")
        api.use(Retry(), ctype="c")
        api.use(Retry(), ctype="d")
        api.use(Retry(), ctype="d")
        assert [finding.scopes for finding in found(api)] == [("c",), ("d",)]

    def test_tell_layers_of_one_line_apart_and_name_a_scope_once(self) -> None:
        api = install(FakeClient(), Timeout(1), Timeout(5), Logging(), Logging())
        assert [finding.scopes for finding in found(api)] == [("everywhere",)] * len(found(api))
        first, *_ = found(api)
        assert [layer.partition(" at ")[0] for layer in first.layers] == ["Timeout(seconds=1)", "Timeout(seconds=5)"]

    def test_read_as_one_line(self) -> None:
        finding = Finding(reason="it hurts", layers=("A at a.py:1", "B at b.py:2"), scopes=("everywhere", "c", "c x"))
        assert str(finding) == "everywhere, c, c x: it hurts (A at a.py:1 > B at b.py:2)"

    @pytest.mark.parametrize("more", [1, 2, 4])
    def test_of_many_scopes_read_as_one_line(self, more: int) -> None:
        finding = Finding(reason="it hurts", layers=("A", "B"), scopes=tuple("vwxyzab"[: 3 + more]))
        assert str(finding) == f"v, w, x and {more} more: it hurts (A > B)"

    def test_of_timeouts_in_one_scope_and_in_two_differ(self, api: PipelineRegistry) -> None:
        answer_in(api, "c", "d")
        for seconds in (2, 5):
            api.use(Limit(seconds), ctype="c", op="x")
        api.use(Limit(2), ctype="d")
        api.use(Limit(5), ctype="d", op="x")
        them = {finding.scopes: finding.reason for finding in found(api)}
        assert them == {("c x",): TOTAL_TOO_SHORT, ("d x",): NARROWER_TOO_LONG}

    def test_without_layers_read_as_one_line(self) -> None:
        finding = Finding(reason="it hurts", layers=(), scopes=("c x",))
        assert str(finding) == "c x: it hurts"

    def test_go_when_what_hurts_is_gone(self, api: PipelineRegistry) -> None:
        inner = Retry()
        api.use(Retry(), inner)
        assert reasons(api) == [NESTED_RETRIES]
        api.remove(inner)
        assert found(api) == []

    def test_cost_no_handler_and_change_nothing(self, api: PipelineRegistry) -> None:
        api.use(Retry(), Retry(), ctype="c", op="x")
        before = str(api.explain("c", "x")), dict(api.settings)
        assert found(api) == found(api)
        assert (str(api.explain("c", "x")), dict(api.settings)) == before


class TestNames:
    """A name that is almost a known one is probably meant to be that."""

    MISNAMED: ClassVar[list[tuple[str, str, str]]] = [
        ("xep_0054", "get_vcrad", "xep_0054 get_vcard"),
        ("get_vcard", "xep_0054", "xep_0054 get_vcard"),
        ("XEP-0054", "get_vcard", "xep_0054 get_vcard"),
        ("xep_0054", "getVCard", "xep_0054 get_vcard"),
        ("xep_0054", "set_vcardd", "xep_0054 set_vcard"),
        ("XEP_0054".lower(), "get_vcrad", "xep_0054 get_vcard"),
    ]

    @pytest.mark.parametrize(("ctype", "op", "meant"), MISNAMED)
    def test_of_a_layer_is_asked_about(self, api: PipelineRegistry, ctype: str, op: str, meant: str) -> None:
        api.use(Passing(), ctype=ctype, op=op)
        (finding,) = found(api)
        assert finding.reason == f"nothing known is called that; did you mean {meant}?"
        assert finding.scopes == (f"{ctype} {op}",)
        assert [layer.partition(" at ")[0] for layer in finding.layers] == ["Passing()"]

    @pytest.mark.parametrize(("ctype", "op", "meant"), MISNAMED)
    def test_of_a_handler_is_asked_about(self, api: PipelineRegistry, ctype: str, op: str, meant: str) -> None:
        api.register(answer, ctype, op, jid="romeo@montague.example")
        (finding,) = found(api)
        assert finding.reason == f"nothing known is called that; did you mean {meant}?"
        assert (finding.scopes, finding.layers) == ((f"{ctype} {op}",), ())

    def test_of_both_is_asked_about_once(self, api: PipelineRegistry) -> None:
        api.register(answer, "xep_0054", "get_vcrad")
        api.use(Passing(), Retry(), ctype="xep_0054", op="get_vcrad")
        (finding,) = found(api)
        assert [layer.partition(" at ")[0] for layer in finding.layers] == ["Passing()", "Retry()"]

    def test_of_an_override_is_asked_about(self, api: PipelineRegistry) -> None:
        api.use(Retry())
        api.override(Retry(), "xep_0054", "get_vcrad")
        (finding,) = found(api)
        assert [layer.partition(" at ")[0] for layer in finding.layers] == ["Retry()"]

    @pytest.mark.parametrize("ctype", ["xep0054", "XEP-0054", "Xep 0054", "xep_54"])
    def test_of_a_ctype_is_asked_about(self, api: PipelineRegistry, ctype: str) -> None:
        api.use(Passing(), ctype=ctype)
        (finding,) = found(api)
        assert finding.reason == "nothing known is called that; did you mean xep_0054?"

    @pytest.mark.parametrize(
        ("ctype", "op"),
        [
            ("xep_0054", "get_vcard"),
            ("xep_0054", "purge_all"),
            ("xep_0053", "get_vcard"),
            ("xep_0054", "get_bobs"),
            ("xep_0231", "get_vcards"),
            ("weather", "get_vcard"),
            ("weather", "get"),
            ("xep_0054", None),
            ("xep_0055", None),
            ("xep_0540", None),
            ("xep_00540", None),
            ("get_vcard", None),
        ],
    )
    def test_that_is_known_or_like_nothing_that_is_passes(
        self, api: PipelineRegistry, ctype: str, op: str | None
    ) -> None:
        api.use(Passing(), ctype=ctype, op=op)
        api.register(answer, ctype, "purge_all" if op is None else op)
        assert found(api) == []

    @pytest.mark.parametrize("entry", [None, Entry()])
    def test_that_is_declared_is_known(self, api: PipelineRegistry, entry: Entry | None) -> None:
        api.use(Passing(), ctype="xep_0054", op="get_vcrad")
        answer_in(api, "xep_0054")
        assert len(found(api)) == 1
        api.declare("xep_0054", "get_vcrad", entry)
        assert found(api) == []

    def test_that_is_like_a_declared_one_is_asked_about(self, api: PipelineRegistry) -> None:
        api.declare("weather", "forecast", Entry())
        api.register(answer, "weather", "forcast")
        (finding,) = found(api)
        assert finding.reason == "nothing known is called that; did you mean weather forecast?"

    @pytest.mark.parametrize(
        ("declared", "own"), [("get_rain", "set_rain"), ("del_rain", "get_rain"), ("get_rain", "add_rain")]
    )
    def test_with_another_verb_passes(self, api: PipelineRegistry, declared: str, own: str) -> None:
        api.declare("weather", declared, Entry())
        api.register(answer, "weather", own)
        assert found(api) == []

    def test_of_slixmpps_that_is_declared_anew_is_known(self, api: PipelineRegistry) -> None:
        api.declare("xep_0054", "get_vcard", Entry())
        api.register(answer, "xep_0054", "get_vcard")
        assert found(api) == []
        api.register(answer, "xep_0054", "get_vcards")
        assert len(found(api)) == 1

    def test_of_a_layer_that_was_taken_away_passes(self, api: PipelineRegistry) -> None:
        layer = Passing()
        api.use(layer, ctype="xep_0054", op="get_vcrad")
        assert len(found(api)) == 1
        api.remove(layer)
        assert found(api) == []

    def test_of_a_handler_that_was_taken_away_passes(self, api: PipelineRegistry) -> None:
        api.register(answer, "xep_0054", "get_vcrad")
        api.unregister("xep_0054", "get_vcrad")
        assert found(api) == []


SHARED = "a layer of your own inside a cache that requesters share: what it decides for one is the answer to all"
PASSED_BY = "a layer without a role inside a cache: an answer from memory does not pass it"


@pytest.mark.parametrize(
    ("shared", "role", "said"),
    [(True, "", [SHARED]), (False, "", [PASSED_BY]), (True, "handler", []), (False, "handler", [])],
)
def test_layer_of_ones_own_inside_a_cache_is_found(shared: bool, role: str, said: list[str]) -> None:
    class Own:
        """A layer that may refuse."""

        async def __call__(self, call: Any, call_next: Any, /) -> Any:
            return await call_next(call)

    own = Own()
    vars(own)["role"] = role
    assert reasons(install(FakeClient(), Caching(60, shared=shared), own)) == said
    assert reasons(install(FakeClient(), own, Caching(60, shared=shared))) == []


@pytest.mark.parametrize(
    ("layers", "is_said"),
    [((Cache(),), True), ((Cache(), Retry()), True), ((Cache(), Limit(1)), False), ((Limit(1), Cache()), False)],
)
def test_cache_without_a_timeout_is_found_and_not_logged(
    layers: tuple[Any, ...], is_said: bool, caplog: pytest.LogCaptureFixture
) -> None:
    api = install(FakeClient(), *layers)
    said = [finding for finding in api.lint() if finding.reason == NO_TIMEOUT]
    assert len(said) == is_said
    assert all(finding.layers[0].startswith("Cache() at ") for finding in said)
    assert caplog.messages == []


UNASKED = "no plugin of that name is there, and nothing answers: no call passes here"


class TestUnasked:
    """A layer for a ctype that nothing answers and no plugin asks does nothing."""

    @pytest.mark.parametrize("op", [None, "get_vcard"])
    def test_is_found_until_something_answers(self, api: PipelineRegistry, op: str | None) -> None:
        api.use(Passing(), ctype="xep_0054", op=op)
        (finding,) = found(api)
        assert finding.reason == UNASKED
        assert [layer.partition(" at ")[0] for layer in finding.layers] == ["Passing()"]
        api.register(answer, "xep_0054", "set_vcard", jid="romeo@montague.example")
        assert found(api) == []

    @pytest.mark.parametrize(("plugin", "is_found"), [("xep_0054", False), ("xep_0199", True)])
    def test_is_found_unless_a_plugin_with_ops_is_there(self, plugin: str, is_found: bool) -> None:
        api = install(FakeClient(plugins=[plugin]))
        api.use(Passing(), ctype=plugin)
        assert [finding.reason for finding in found(api)] == [UNASKED] * is_found

    def test_is_one_finding_where_the_name_is_misspelt(self, api: PipelineRegistry) -> None:
        api.use(Passing(), ctype="XEP-0054")
        assert len(found(api)) == 1


class TestAssumed:
    """A cache goes by the catalogue, and a handler of one's own may read more."""

    def test_is_said_of_a_handler_of_ones_own_behind_a_cache(self, api: PipelineRegistry) -> None:
        api.use(Logging(), Caching(60))
        api.register(get_xml, "xep_0054", "get_vcard")
        assert found(api) == []
        api.register(answer, "xep_0054", "get_vcard", jid="romeo@montague.example")
        (finding,) = found(api)
        assert finding.reason.startswith(f"answers of {__name__}.answer, ")
        assert "are stored until vcard (bare_jid) is written or ttl is over" in finding.reason
        assert finding.scopes == ("xep_0054 get_vcard",)
        assert [layer.partition(" at ")[0] for layer in finding.layers] == ["Caching(ttl=60)"]

    def test_counts_handlers_once(self, api: PipelineRegistry) -> None:
        api.use(Caching(60))
        for number in range(3):
            api.register(answer, "xep_0231", "get_bob", node=str(number))
        api.register(lambda jid, node, ifrom, args: None, "xep_0231", "get_bob")
        (finding,) = found(api)
        assert " and 1 more are stored until bob (" in finding.reason

    def test_is_not_said_of_what_was_declared_or_is_not_cached(self, api: PipelineRegistry) -> None:
        api.use(Caching(60))
        for op in ("get_vcard", "set_vcard"):
            api.register(answer, "xep_0054", op)
        api.register(answer, "xep_0012", "get_last_activity")
        api.register(answer, "weather", "get")
        assert [finding.scopes for finding in found(api)] == [("xep_0054 get_vcard",)]
        api.declare("xep_0054", "get_vcard", SLIXMPP_OPS["xep_0054", "get_vcard"])
        assert found(api) == []

    def test_names_a_key_of_args(self, api: PipelineRegistry) -> None:
        assert arg("cid").__qualname__ == "arg('cid')"


class TestLogged:
    """What is wrong with a stack is a warning of the standard library, once."""

    def test_when_layers_are_added_or_overridden(self, api: PipelineRegistry, caplog: pytest.LogCaptureFixture) -> None:
        api.use(Retry())
        api.use(Passing(), ctype="unheard_of")
        assert caplog.messages == []
        api.use(Retry(), ctype="c")
        (message,) = caplog.messages
        assert message.startswith(f"c: {NESTED_RETRIES} (Retry() at ")
        assert [(one.name, one.levelname) for one in caplog.records] == [("slixmpp_pipeline", "WARNING")]
        api.use(Passing())
        api.use(Limit(2), ctype="d")
        api.use(Limit(1), ctype="d", op="x")
        assert len(caplog.messages) == 1
        api.override(Limit(2), "d", "x")
        assert [message.partition(" (")[0] for message in caplog.messages[1:]] == []

    def test_for_an_op(self, api: PipelineRegistry, caplog: pytest.LogCaptureFixture) -> None:
        api.use(Limit(2))
        api.use(Passing(), ctype="c", op="x")
        api.override(Limit(5), "c", "x", instead_of=Limit)
        api.use(Limit(7), ctype="c", op="x")
        (message,) = caplog.messages
        assert message.startswith(f"c x: {TOTAL_TOO_SHORT} (Limit(seconds=5) at ")

    def test_by_install(self, caplog: pytest.LogCaptureFixture) -> None:
        api = install(FakeClient(), Retry(), Logging())
        assert [message.partition(" (")[0] for message in caplog.messages] == [f"everywhere: {INSIDE_RETRY}"]
        api.use(Passing())
        assert len(caplog.messages) == 1

    def test_a_layer_that_raises_for_its_route_raises_at_its_calls(self, api: PipelineRegistry) -> None:
        class Raising(Passing):
            def for_route(self, route: Route) -> Layer:
                raise LookupError(route.op)

        api.use(Raising(), ctype="c", op="x")
        with pytest.raises(LookupError, match="x"):
            api.run("c", "x")
