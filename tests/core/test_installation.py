"""Our registry takes the place of slixmpp's, and gives it back."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from slixmpp import JID
from slixmpp.api import APIRegistry, APIWrapper
from slixmpp.jid import InvalidJID

from slixmpp_middleware import Retry, Timeout
from slixmpp_pipeline import Call, CallNext, PipelineRegistry, PipelineWrapper, install, uninstall
from slixmpp_pipeline.testing import FakeClient, FakePlugin, Recorder
from tests.layers import passing

CTYPE, OP = "xep_0054", "get_vcard"
ROMEO = JID("romeo@montague.example/orchard")


def global_handler(jid: JID, node: str, ifrom: JID | None, args: object) -> str:
    return "global"


def jid_handler(jid: JID, node: str, ifrom: JID | None, args: object) -> str:
    return "jid"


def older_handler(jid: JID, node: str, args: object) -> str:
    return "older"


def node_handler(jid: JID, node: str, ifrom: JID | None, args: object) -> str:
    return "node"


def default_handler(jid: JID, node: str, ifrom: JID | None, args: object) -> str:
    return "default"


async def shout(call: Call, call_next: CallNext, /) -> str:
    """Answer in capitals: whoever sees them came through the pipeline."""
    answer = await call_next(call)
    return str(answer).upper()


def populated() -> FakeClient:
    """A client whose plugins have registered something in every tier."""
    xmpp = FakeClient(plugins=[CTYPE, "xep_0030"])
    api = xmpp.api
    api.register(global_handler, CTYPE, OP)
    api.register(jid_handler, CTYPE, OP, ROMEO)
    api.register(older_handler, CTYPE, OP, ROMEO, "news")
    api.register(node_handler, CTYPE, OP, None, "weather")
    api.register_default(default_handler, CTYPE, OP)
    api.register(global_handler, "xep_0030", "get_info", default=True)
    api.run("xep_0030", "get_items")  # known from now on, with no handler and no default
    api.settings[CTYPE]["component_bare"] = True
    return xmpp


def insides(xmpp: FakeClient) -> dict[str, Any]:
    """What there is to change in a client that has slixmpp's registry."""
    api = xmpp.api
    ops = {ctype: {op: {**levels} for op, levels in ops.items()} for ctype, ops in api._handlers.items()}
    return {
        "registry": type(api),
        "attributes": sorted(vars(api).keys() - {"_pending"}),  # calls under way stay known to the object
        "handlers": {
            (ctype, op): {**levels, "jid": {**levels["jid"]}, "node": {**levels["node"]}}
            for ctype, by_op in ops.items()
            for op, levels in by_op.items()
        },
        "defaults": {ctype: {**defaults} for ctype, defaults in api._handler_defaults.items()},
        "settings": {ctype: {**settings} for ctype, settings in api.settings.items()},
        "wrappers": {name: type(plugin.api) for name, plugin in xmpp.plugin.items()},
    }


class TestInstall:
    def test_makes_a_pipeline_of_the_very_registry(self) -> None:
        xmpp = populated()
        before = xmpp.api

        api = install(xmpp)

        assert api is xmpp.api is before
        assert type(api) is PipelineRegistry

    def test_moves_the_handlers_of_every_tier(self) -> None:
        api = install(populated())

        answers = {
            "jid+node": api.run(CTYPE, OP, ROMEO, "news"),
            "jid": api.run(CTYPE, OP, ROMEO),
            "node": api.run(CTYPE, OP, None, "weather"),
            "global": api.run(CTYPE, OP),
            "other": api.run("xep_0030", "get_info"),
        }

        assert {tier: future.result() for tier, future in answers.items()} == {
            "jid+node": "older",
            "jid": "jid",
            "node": "node",
            "global": "global",
            "other": "global",
        }

    def test_moves_the_defaults(self) -> None:
        api = install(populated())

        api.restore_default(CTYPE, OP, ROMEO)

        assert api.run(CTYPE, OP, ROMEO).result() == "default"

    def test_moves_no_default_where_there_is_none(self) -> None:
        xmpp = FakeClient()
        xmpp.api.register_default(None, CTYPE, OP)

        api = install(xmpp)

        with pytest.raises(KeyError, match="no default handler"):
            api.restore_default(CTYPE, OP)

    def test_keeps_the_very_settings(self) -> None:
        xmpp = populated()
        registry_settings, plugin_settings = xmpp.api.settings, xmpp.plugin[CTYPE].api.settings

        api = install(xmpp)

        assert api.settings is registry_settings
        assert api.settings[CTYPE] is plugin_settings
        assert plugin_settings == {"component_bare": True}

    def test_moves_nothing_that_was_unregistered(self) -> None:
        xmpp = populated()
        xmpp.api.unregister(CTYPE, OP, ROMEO)

        api = install(xmpp)

        assert api.run(CTYPE, OP, ROMEO).result() == "global"
        assert [place[:2] for place in api._registrations.tables[CTYPE, OP] if place[0] and not place[1]] == []

    def test_puts_layers_in_front_of_what_is_registered(self) -> None:
        api = install(populated(), shout)

        assert api.run(CTYPE, OP).result() == "GLOBAL"

    def test_puts_layers_in_order_the_first_outermost(self) -> None:
        outer, inner = Recorder(), Recorder()
        api = install(FakeClient(), outer, inner)

        assert [step.layer for step in api.explain("any", "op").steps] == [outer, inner]

    def test_puts_layers_in_front_of_plugins_that_come_later(self) -> None:
        xmpp = FakeClient()
        install(xmpp, shout)
        plugin = FakePlugin(xmpp, CTYPE)

        plugin.api.register(global_handler, OP)

        assert plugin.api[OP]().result() == "GLOBAL"

    def test_reaches_wrappers_and_closures_that_somebody_holds(self) -> None:
        xmpp = populated()
        of_plugin, elsewhere = xmpp.plugin[CTYPE].api, xmpp.api.wrap(CTYPE)
        get = elsewhere[OP]

        install(xmpp, shout)

        answers = [of_plugin.run(OP), elsewhere.run(OP), elsewhere[OP](), of_plugin[OP](), get(), get(ROMEO)]
        assert [future.result() for future in answers] == ["GLOBAL"] * 5 + ["JID"]

    def test_gives_plugins_our_wrapper(self) -> None:
        xmpp = populated()
        held = xmpp.plugin[CTYPE].api

        install(xmpp)

        assert xmpp.plugin[CTYPE].api is held
        assert {type(plugin.api) for plugin in xmpp.plugin.values()} == {PipelineWrapper}

    def test_leaves_other_wrappers_of_plugins_alone(self) -> None:
        xmpp, other = populated(), FakeClient()
        xmpp.plugin["shared"] = FakePlugin(other, "shared")
        without_api: Any = object()
        xmpp.plugin["without api"] = without_api

        install(xmpp)

        assert type(xmpp.plugin["shared"].api) is APIWrapper

    def test_keeps_what_an_application_put_on_the_registry(self) -> None:
        xmpp = populated()
        xmpp.api.database = "sqlite"

        api: Any = install(xmpp)

        assert api.database == "sqlite"

    def test_leaves_nothing_of_slixmpps_insides(self) -> None:
        xmpp = populated()

        install(xmpp)

        assert vars(xmpp.api).keys() == vars(PipelineRegistry(FakeClient())).keys()

    async def test_leaves_calls_that_slixmpp_began_alone(self) -> None:
        async def handler(jid: JID, node: str, ifrom: JID | None, args: object) -> str:
            await asyncio.sleep(0)
            return "slow"

        xmpp = FakeClient()
        xmpp.api.register(handler, CTYPE, OP)
        future = xmpp.api.run(CTYPE, OP)

        install(xmpp, shout)

        assert await future == "slow"


class TestSecondInstall:
    def test_returns_the_same_registry_as_it_is(self) -> None:
        xmpp = populated()
        api = install(xmpp, shout)

        assert install(xmpp) is api
        assert api.run(CTYPE, OP).result() == "GLOBAL"

    def test_with_layers_is_refused_and_changes_nothing(self) -> None:
        xmpp = populated()
        api = install(xmpp, shout)

        with pytest.raises(TypeError, match=r"xmpp\.api\.use\("):
            install(xmpp, Recorder())

        assert xmpp.api is api
        assert [step.layer for step in api.explain(CTYPE, OP).steps] == [shout]

    def test_returns_a_registry_that_an_application_made_itself(self) -> None:
        xmpp = FakeClient()
        xmpp.api = PipelineRegistry(xmpp)

        assert install(xmpp) is xmpp.api


class TestRefusedInstall:
    def test_of_a_subclass_of_slixmpps_registry(self) -> None:
        class Custom(APIRegistry):
            pass

        xmpp = populated()
        xmpp.api.__class__ = Custom
        before = insides(xmpp)

        with pytest.raises(TypeError, match="Custom"):
            install(xmpp)

        assert insides(xmpp) == before

    @pytest.mark.parametrize("handler", [lambda: None, lambda jid, node: None, "handler"])
    def test_with_a_handler_that_cannot_be_called(self, handler: Any) -> None:
        xmpp = populated()
        xmpp.api.register(handler, "xep_0030", "get_items", ROMEO)
        before = insides(xmpp)

        with pytest.raises(TypeError, match="handler: "):
            install(xmpp, shout)

        assert insides(xmpp) == before

    def test_with_a_default_that_cannot_be_called(self) -> None:
        xmpp = populated()
        xmpp.api.register_default(lambda: None, "xep_0030", "get_items")
        before = insides(xmpp)

        with pytest.raises(TypeError, match="handler: "):
            install(xmpp, shout)

        assert insides(xmpp) == before

    def test_with_a_malformed_jid(self) -> None:
        xmpp = populated()
        xmpp.api.register(global_handler, CTYPE, OP, "romeo@")
        before = insides(xmpp)

        with pytest.raises(InvalidJID, match="romeo@"):
            install(xmpp)

        assert insides(xmpp) == before

    def test_with_what_is_no_layer(self) -> None:
        xmpp = populated()
        before = insides(xmpp)
        not_async: Any = print

        with pytest.raises(TypeError, match="not async"):
            install(xmpp, shout, not_async)

        assert insides(xmpp) == before

    def test_can_be_done_again_after_the_fault_is_gone(self) -> None:
        xmpp = populated()
        xmpp.api.register(lambda: None, CTYPE, OP, "nurse@capulet.example")
        with pytest.raises(TypeError):
            install(xmpp, shout)

        xmpp.api.unregister(CTYPE, OP, "nurse@capulet.example")

        assert install(xmpp, shout).run(CTYPE, OP).result() == "GLOBAL"


class TestUninstall:
    def test_gives_slixmpps_registry_back_as_the_same_object(self) -> None:
        xmpp = populated()
        api = install(xmpp)

        plain = uninstall(xmpp)

        assert plain is api is xmpp.api
        assert type(plain) is APIRegistry

    def test_gives_everything_back(self) -> None:
        xmpp = populated()
        before = insides(xmpp)
        install(xmpp, shout)

        uninstall(xmpp)

        assert insides(xmpp) == before

    def test_gives_back_what_was_never_used(self) -> None:
        xmpp = FakeClient()
        before = insides(xmpp)
        install(xmpp)

        uninstall(xmpp)

        assert insides(xmpp) == before

    def test_keeps_the_very_settings(self) -> None:
        xmpp = populated()
        api = install(xmpp)
        kept = api.settings

        uninstall(xmpp)

        assert xmpp.api.settings is kept
        assert xmpp.plugin[CTYPE].api.settings == {"component_bare": True}

    def test_gives_back_handlers_as_they_now_are(self) -> None:
        xmpp = populated()
        api = install(xmpp)
        api.unregister(CTYPE, OP)
        api.unregister(CTYPE, OP, ROMEO, "news")
        api.register(jid_handler, CTYPE, "set_vcard", "Nurse@Capulet.example")
        api.register_default(older_handler, CTYPE, "set_vcard")
        api.purge("xep_0030")

        uninstall(xmpp)

        kept = insides(xmpp)
        assert kept["handlers"] == {
            (CTYPE, OP): {"global": None, "jid": {ROMEO: jid_handler}, "node": {(None, "weather"): node_handler}},
            (CTYPE, "set_vcard"): {"global": None, "jid": {JID("nurse@capulet.example"): jid_handler}, "node": {}},
        }
        assert kept["defaults"] == {CTYPE: {OP: default_handler, "set_vcard": older_handler}}
        assert kept["settings"] == {CTYPE: {"component_bare": True}}

    def test_takes_the_layers_away_from_whoever_holds_a_wrapper(self) -> None:
        xmpp = populated()
        api = install(xmpp, shout)
        wrapper = api.wrap(CTYPE)
        get = wrapper[OP]

        uninstall(xmpp)

        answers = [xmpp.api.run(CTYPE, OP), xmpp.plugin[CTYPE].api.run(OP), wrapper.run(OP), get(), wrapper[OP]()]
        assert [future.result() for future in answers] == ["global"] * 5

    def test_keeps_what_an_application_put_on_the_registry(self) -> None:
        xmpp = populated()
        api: Any = install(xmpp)
        api.database = "sqlite"

        plain: Any = uninstall(xmpp)

        assert plain.database == "sqlite"

    def test_without_a_pipeline_changes_nothing(self) -> None:
        xmpp = populated()
        before = insides(xmpp)

        assert uninstall(xmpp) is xmpp.api
        assert insides(xmpp) == before

    def test_twice_is_the_same_as_once(self) -> None:
        xmpp = populated()
        before = insides(xmpp)
        install(xmpp)

        uninstall(xmpp)
        uninstall(xmpp)

        assert insides(xmpp) == before

    def test_makes_way_for_another_install_without_the_layers(self) -> None:
        xmpp = populated()
        install(xmpp, shout)
        uninstall(xmpp)

        api = install(xmpp)

        assert api.run(CTYPE, OP).result() == "global"
        assert api.run(CTYPE, OP, None, "weather").result() == "node"

    def test_of_a_registry_that_an_application_made_itself(self) -> None:
        xmpp = FakeClient()
        xmpp.api = PipelineRegistry(xmpp)
        xmpp.api.register(global_handler, CTYPE, OP)

        uninstall(xmpp)

        assert type(xmpp.api) is APIRegistry
        assert xmpp.api.run(CTYPE, OP).result() == "global"


class Gate:
    """A handler that waits until it is let through."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.passed: list[object] = []

    async def __call__(self, jid: JID, node: str, ifrom: JID | None, args: object) -> str:
        await self.open.wait()
        self.passed.append(args)
        return "passed"


class TestCallsUnderWay:
    async def test_go_on_through_their_layers_after_uninstall(self) -> None:
        xmpp, gate = FakeClient(), Gate()
        api = install(xmpp, shout)
        api.register(gate, CTYPE, OP)
        future = api.run(CTYPE, OP)

        uninstall(xmpp)
        gate.open.set()

        assert await future == "PASSED"

    async def test_that_nobody_holds_finish_after_uninstall(self) -> None:
        xmpp, gate = FakeClient(), Gate()
        api = install(xmpp, shout)
        api.register(gate, CTYPE, OP)
        api.run(CTYPE, OP, args="write")

        uninstall(xmpp)
        gc.collect()
        gate.open.set()
        for _ in range(3):
            await asyncio.sleep(0)

        assert gate.passed == ["write"]

    async def test_are_counted_and_waited_for_after_another_install(self) -> None:
        xmpp, gate = FakeClient(), Gate()
        api = install(xmpp)
        api.register(gate, CTYPE, OP)
        future = api.run(CTYPE, OP)
        uninstall(xmpp)

        api = install(xmpp)
        pending = api.pending
        gate.open.set()
        left = await api.drain()

        assert (pending, left, api.pending) == (1, 0, 0)
        assert await future == "passed"

    async def test_begun_before_and_after_are_all_counted(self) -> None:
        xmpp, gate = FakeClient(), Gate()
        install(xmpp).register(gate, CTYPE, OP)
        before = xmpp.api.run(CTYPE, OP, args=1)
        uninstall(xmpp)
        api = install(xmpp, shout)

        after = api.run(CTYPE, OP, args=2)
        pending = api.pending
        gate.open.set()

        assert pending == 2
        assert await before == "passed"
        assert await after == "PASSED"


class TestInstallForAnother:
    """A tool installs before the application, which knows nothing of it."""

    def test_the_application_may_install_with_layers_once(self) -> None:
        xmpp, tools, own = FakeClient(), Recorder(), Recorder()
        api = install(xmpp, tools, automatic=True)
        assert install(xmpp, own) is api
        assert api.run("c", "x").done()
        assert (len(tools.calls), len(own.calls)) == (0, 1)  # one of the type is enough
        with pytest.raises(TypeError, match="in place already"):
            install(xmpp, Recorder())

    def test_layers_of_tools_are_outside_whenever_they_come(self) -> None:
        xmpp = FakeClient()
        api = install(xmpp, Timeout(5))
        install(xmpp, Recorder(), automatic=True)
        install(xmpp, Retry(), automatic=True)
        assert [type(step.placed.layer) for step in api.explain("c", "x").steps] == [Recorder, Retry, Timeout]

    def test_a_layer_steps_aside_only_where_the_application_has_one_of_its_type(self) -> None:
        xmpp = FakeClient()
        api = install(xmpp, Timeout(5), automatic=True)
        api.use(Timeout(1), ctype="c", op="x")
        api.override(Timeout(2), ctype="d", op="x")
        assert "- Timeout(seconds=5) [everywhere]" in str(api.explain("c", "x"))
        assert "left out: the application has its own" in str(api.explain("c", "x"))
        assert [step.layer for step in api.explain("c", "y").steps] == [Timeout(5)]
        assert [step.layer for step in api.explain("d", "x").steps] == [Timeout(2)]
        assert not any("twice" in finding.reason or "timeout" in finding.reason for finding in api.lint())

    def test_a_function_steps_aside_for_no_other(self) -> None:
        async def of_a_tool(call: Call, call_next: CallNext, /) -> Any:
            return await call_next(call)

        xmpp = FakeClient()
        api = install(xmpp, of_a_tool, automatic=True)
        install(xmpp, passing)
        assert [step.layer for step in api.explain("c", "x").steps] == [of_a_tool, passing]

    def test_install_without_layers_says_that_it_is_the_applications(self) -> None:
        xmpp = FakeClient()
        install(xmpp, automatic=True)
        install(xmpp, automatic=True)
        install(xmpp)
        with pytest.raises(TypeError, match="in place already"):
            install(xmpp, Recorder())
