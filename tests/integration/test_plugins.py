"""Plugins come and go as they do with slixmpp's own registry."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from slixmpp_pipeline import install
from slixmpp_pipeline.testing import Recorder
from tests.integration.arrangements import INSTALLED, REFERENCE, Arrangement, Entity
from tests.integration.conversations import INFO, set_vcard
from tests.integration.stream import Session, canonical, condition

pytestmark = pytest.mark.usefixtures("no_complaint_of_asyncio")

every_entity = pytest.mark.parametrize("entity", ["client", "component"])
every_arrangement = pytest.mark.parametrize("arrangement", INSTALLED, ids=str)


async def disable_each(xmpp: Any) -> list[Any]:
    """Disable every plugin, one after the other: what that raised, which features are left, and what peers see."""
    seen: list[Any] = []
    async with Session(xmpp) as session:
        info = xmpp.plugin["xep_0030"].api["get_info"]().result()
        for name in [name for name in xmpp.plugin if name != "xep_0030"]:
            outcome = "disabled"
            try:
                xmpp.plugin.disable(name)
            except Exception as error:  # some of slixmpp's plugins cannot be disabled: which, is compared
                outcome = type(error).__name__
            seen.append((name, outcome, sorted(xmpp.plugin), info["features"]))
        seen.append(canonical(await session.ask("get", f"<query xmlns='{INFO}'/>")))
    return seen


@every_entity
@every_arrangement
async def test_disabling_plugins_ends_as_it_does_with_slixmpps_own_registry(
    arrangement: Arrangement, entity: Entity
) -> None:
    expected = await disable_each(REFERENCE.build(entity))

    seen = await disable_each(arrangement.build(entity))

    assert seen == expected


@every_entity
@every_arrangement
def test_a_plugin_is_disabled_at_once_while_the_loop_is_off(arrangement: Arrangement, entity: Entity) -> None:
    with asyncio.Runner() as runner:
        runner.get_loop()
        xmpp = arrangement.build(entity)
        xmpp.event("session_bind", xmpp.boundjid)
        info = xmpp.plugin["xep_0030"].api["get_info"]().result()
        before = info["features"]

        xmpp.plugin.disable("xep_0231")

        assert "urn:xmpp:bob" in before
        assert "urn:xmpp:bob" not in info["features"]
        assert "xep_0231" not in xmpp.plugin


@every_arrangement
async def test_a_plugin_that_is_enabled_again_starts_anew(arrangement: Arrangement) -> None:
    xmpp = arrangement.build("component", set_vcard)
    request = ("get", "<vCard xmlns='vcard-temp'/>")

    async with Session(xmpp) as session:
        first = await session.ask(*request, to="mercutio@gateway.example")
        xmpp.plugin.disable("xep_0054")
        without = await session.ask(*request, to="mercutio@gateway.example")
        xmpp.register_plugin("xep_0054")
        anew = await session.ask(*request, to="mercutio@gateway.example")
        set_vcard(xmpp)
        again = await session.ask(*request, to="mercutio@gateway.example")

    assert canonical(again) == canonical(first)
    assert condition(without)[0] == "feature-not-implemented"
    assert condition(anew)[0] == "item-not-found"


async def test_a_plugin_that_is_enabled_late_goes_through_the_chain() -> None:
    xmpp = REFERENCE.build("component")
    recorder = Recorder()
    api = install(xmpp)
    xmpp.plugin.disable("xep_0231")
    api.purge("xep_0231")
    xmpp.register_plugin("xep_0231")
    api.use(recorder, ctype="xep_0231")

    async with Session(xmpp) as session:
        answer = await session.ask("get", "<data xmlns='urn:xmpp:bob' cid='unknown'/>")

    assert [call.name for call in recorder.calls] == ["xep_0231 get_bob"]
    assert condition(answer)[0] == "item-not-found"
