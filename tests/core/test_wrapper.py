"""What a plugin holds is the registry with its ctype filled in."""

from __future__ import annotations

from typing import Any

import pytest
from slixmpp import JID
from slixmpp.api import APIWrapper

from slixmpp_pipeline import PipelineRegistry, PipelineWrapper, install
from slixmpp_pipeline.testing import FakeClient, Recorder
from tests.layers import passing

ROMEO = "romeo@montague.example"


def answer(jid: JID | None, node: str | None, ifrom: JID | None, args: Any) -> tuple[str, str | None, str, Any]:
    return str(jid), node, str(ifrom), args


@pytest.fixture
def wrapper(api: PipelineRegistry) -> PipelineWrapper:
    return api.wrap("c")


def test_is_slixmpps_kind_of_wrapper_and_ours(api: PipelineRegistry, wrapper: PipelineWrapper) -> None:
    assert isinstance(wrapper, APIWrapper)
    assert type(wrapper) is PipelineWrapper
    assert (wrapper.api, wrapper.name) == (api, "c")


def test_held_by_a_plugin_has_the_methods_for_layers_after_install() -> None:
    xmpp = FakeClient(plugins=["c"])
    held = xmpp.plugin["c"].api
    api = install(xmpp)
    held.use(passing)
    assert xmpp.plugin["c"].api is held
    assert [step.placed.layer for step in api.explain("c", "x").steps] == [passing]


def test_registers_and_runs_for_its_ctype(api: PipelineRegistry, wrapper: PipelineWrapper) -> None:
    wrapper.register(answer, "x", JID(ROMEO))
    expected = (ROMEO, "n", "nurse@capulet.example", "args")
    assert wrapper.run("x", JID(ROMEO), "n", JID("nurse@capulet.example"), "args").result() == expected
    assert wrapper["x"](JID(ROMEO), "n", JID("nurse@capulet.example"), "args").result() == expected
    assert api.run("c", "x", ROMEO, "n", JID("nurse@capulet.example"), "args").result() == expected
    assert api.run("d", "x", ROMEO).result() is None


def test_calls_go_through_the_layers(api: PipelineRegistry, wrapper: PipelineWrapper) -> None:
    recorder = Recorder()
    closure = wrapper["x"]
    api.use(recorder)
    assert closure(None, None, None, "args").result() is None
    assert [(call.ctype, call.op, call.args) for call in recorder.calls] == [("c", "x", "args")]


def test_unregisters_and_restores_for_its_ctype(api: PipelineRegistry, wrapper: PipelineWrapper) -> None:
    def other(jid: JID | None, node: str | None, ifrom: JID | None, args: Any) -> str:
        return "other"

    wrapper.register(answer, "x", default=True)
    api.register(answer, "d", "x")
    wrapper.register(other, "x")
    wrapper.restore_default("x")
    assert api.explain("c", "x").handler is answer
    wrapper.unregister("x")
    assert api.explain("c", "x").handler is None
    assert api.explain("d", "x").handler is answer


def test_keeps_a_default_for_its_ctype(api: PipelineRegistry, wrapper: PipelineWrapper) -> None:
    wrapper.register_default(answer, "x")
    assert api.explain("c", "x").handler is None
    wrapper.restore_default("x")
    assert api.explain("c", "x").handler is answer


def test_settings_are_those_of_its_ctype(api: PipelineRegistry, wrapper: PipelineWrapper) -> None:
    wrapper.settings["client_bare"] = True
    wrapper.register(answer, "x")
    assert api.settings["c"] == {"client_bare": True}
    assert wrapper["x"](JID(f"{ROMEO}/orchard"), None, None, None).result()[0] == ROMEO


def test_two_of_one_ctype_share_everything(api: PipelineRegistry, wrapper: PipelineWrapper) -> None:
    wrapper.use(passing)
    wrapper.settings["a"] = 1
    again = api.wrap("c")
    assert again.settings == {"a": 1}
    with pytest.raises(ValueError, match="already registered for c"):
        again.use(passing)


def test_layers_are_for_its_ctype_only(api: PipelineRegistry, wrapper: PipelineWrapper) -> None:
    for_op = Recorder()
    wrapper.use(passing)
    wrapper.use(for_op, op="x")
    assert [step.placed.layer for step in api.explain("c", "x").steps] == [passing, for_op]
    assert [step.placed.layer for step in api.explain("c", "y").steps] == [passing]
    assert api.explain("d", "x").steps == ()


def test_decorates_a_layer_and_returns_it(api: PipelineRegistry, wrapper: PipelineWrapper) -> None:
    assert wrapper.layer(op="x")(passing) is passing
    assert [step.placed.scope for step in api.explain("c", "x").steps] == ["c x"]


def test_overrides_and_excludes_for_its_ctype(api: PipelineRegistry, wrapper: PipelineWrapper) -> None:
    first, instead = Recorder(), Recorder()
    api.use(first, passing)
    wrapper.override(instead)
    wrapper.override(passing, "x", instead_of=instead)
    wrapper.exclude(Recorder, op="y")
    assert [step.placed.layer for step in api.explain("c", "x").steps] == [passing, passing]
    assert [step.placed.layer for step in api.explain("c", "y").steps] == [passing]
    assert [step.placed.layer for step in api.explain("c", "z").steps] == [instead, passing]
    assert [step.placed.layer for step in api.explain("d", "x").steps] == [first, passing]


def test_explain_is_the_registrys_with_the_ctype_filled_in() -> None:
    api = install(FakeClient())

    assert str(api.wrap("c").explain("x", "a@b", "n")) == str(api.explain("c", "x", "a@b", "n"))
