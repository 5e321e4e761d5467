"""What plugins set up before the loop runs is there before the loop runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from slixmpp_pipeline import install
from slixmpp_pipeline.testing import Recorder
from tests.integration.arrangements import INSTALLED, REFERENCE, Arrangement, Entity, make, register_plugins
from tests.integration.conversations import be_idle, expect_a_bytestream, fill_disco, set_vcard, store_a_bob
from tests.integration.stream import canonical
from tests.layers import passing

every_entity = pytest.mark.parametrize("entity", ["client", "component"])
every_arrangement = pytest.mark.parametrize("arrangement", INSTALLED, ids=str)

pytestmark = pytest.mark.usefixtures("loop_that_slixmpp_finds")


@pytest.fixture
def loop_that_slixmpp_finds() -> Iterator[None]:
    """Let slixmpp find a loop that does not run, and never will."""
    with asyncio.Runner() as runner:
        runner.get_loop()
        yield


def fill(xmpp: Any) -> None:
    """Set up everything that the conversations do; binding adds the features of all the plugins."""
    xmpp.event("session_bind", xmpp.boundjid)
    for prepare in (fill_disco, set_vcard, store_a_bob, expect_a_bytestream, be_idle):
        prepare(xmpp)


def stored(xmpp: Any) -> list[str]:
    """Return what the plugins have stored, as XML."""
    get_info, get_items = xmpp.plugin["xep_0030"].api["get_info"], xmpp.plugin["xep_0030"].api["get_items"]
    stanzas = [
        get_info().result(),
        get_info(None, "orchard").result(),
        get_items(None, "orchard").result(),
        get_items(None, "stars").result(),
        xmpp.plugin["xep_0054"].api["get_vcard"]("mercutio@gateway.example").result(),
    ]
    return [canonical(stanza.xml) for stanza in stanzas]


@every_entity
@every_arrangement
def test_features_identities_items_and_vcards_are_there(arrangement: Arrangement, entity: Entity) -> None:
    expected = stored(REFERENCE.build(entity, fill))

    xmpp = arrangement.build(entity, fill)

    assert stored(xmpp) == expected
    assert "urn:example:balcony" in expected[0]
    assert "urn:xmpp:bob" in expected[0], "session_bind did not reach the plugins"
    assert "urn:example:gone" not in expected[0]


@every_entity
@every_arrangement
def test_the_futures_that_plugins_get_are_done(arrangement: Arrangement, entity: Entity) -> None:
    xmpp = arrangement.build(entity)
    disco = xmpp.plugin["xep_0030"]

    futures = [
        disco.add_feature("urn:example:balcony"),
        disco.add_identity("client", "pc"),
        disco.add_item("moon.example"),
        disco.set_items(node="stars", items=set()),
        disco.del_feature(feature="urn:example:balcony"),
        xmpp.plugin["xep_0012"].set_last_activity(seconds=60),
        xmpp.plugin["xep_0231"].del_bob("cid"),
        xmpp.plugin["xep_0115"].assign_verstring(xmpp.boundjid, "version"),
    ]

    assert all(isinstance(future, asyncio.Future) and future.done() for future in futures)
    assert all(future.get_loop() is xmpp.loop for future in futures)
    assert xmpp.plugin["xep_0115"].get_verstring(xmpp.boundjid).result() == "version"


@every_entity
@pytest.mark.parametrize("layers", [[], [passing]], ids=["alone", "inside a user's layer"])
def test_every_call_made_while_plugins_are_registered_has_ended(entity: Entity, layers: list[Any]) -> None:
    recorder = Recorder()
    xmpp = make(entity)
    api = install(xmpp, *layers, recorder)

    register_plugins(xmpp)
    fill(xmpp)

    assert len(recorder.calls) > 100
    assert recorder.outcomes == [None] * len(recorder.calls)
    assert api.pending == 0
