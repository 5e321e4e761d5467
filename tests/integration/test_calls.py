"""Every call that a plugin makes of the API goes through the chain."""

from __future__ import annotations

from typing import Any

import pytest
from slixmpp import JID
from slixmpp.api import APIRegistry

from slixmpp_pipeline import Layer, install
from slixmpp_pipeline.testing import Recorder
from tests.integration.arrangements import REFERENCE, Entity, make, register_plugins
from tests.integration.conversations import (
    CONVERSATIONS,
    Conversation,
    Talk,
    asking_for_bits_of_binary,
    asking_for_the_announced_caps,
    asking_for_the_last_activity,
    asking_for_vcards,
    discovering_info,
    discovering_items,
    opening_in_band_bytestreams,
    receiving_bits_of_binary,
    refusing_a_socks5_bytestream,
    searching,
    setting_a_vcard,
)
from tests.integration.stream import PEER, Session
from tests.layers import passing

pytestmark = pytest.mark.usefixtures("no_complaint_of_asyncio")

KNOWN_CALLS: dict[Talk, list[str]] = {
    asking_for_vcards: ["xep_0054 get_vcard", "xep_0054 get_vcard"],
    setting_a_vcard: [],
    discovering_info: ["xep_0030 get_info"] * 4,
    discovering_items: ["xep_0030 get_items"] * 4,
    asking_for_the_last_activity: [
        "xep_0012 get_last_activity",
        "xep_0012 get_last_activity",
        "xep_0012 del_last_activity",
        "xep_0012 get_last_activity",
    ],
    asking_for_bits_of_binary: ["xep_0231 get_bob", "xep_0231 get_bob"],
    receiving_bits_of_binary: ["xep_0231 set_bob", "xep_0231 get_bob"],
    searching: ["xep_0055 search_get_form", "xep_0055 search_query"],
    opening_in_band_bytestreams: [
        "xep_0047 authorized_sid",
        "xep_0047 authorized",
        "xep_0047 authorized_sid",
        "xep_0047 set_stream",
        "xep_0047 get_stream",
        "xep_0047 get_stream",
        "xep_0047 del_stream",
        "xep_0047 get_stream",
    ],
    refusing_a_socks5_bytestream: ["xep_0065 authorized_sid", "xep_0065 authorized"],
    asking_for_the_announced_caps: [
        "xep_0030 get_info",
        "xep_0030 set_info",
        "xep_0115 cache_caps",
        "xep_0115 assign_verstring",
        "xep_0115 get_verstring",
        "xep_0030 get_info",
    ],
}


class Watched(APIRegistry):
    """slixmpp's own registry, which keeps the names of the calls it is asked for."""

    def run(self, ctype: str, op: str, *args: Any, **kwargs: Any) -> Any:
        self.__dict__.setdefault("seen", []).append(f"{ctype} {op}")
        return super().run(ctype, op, *args, **kwargs)


@pytest.mark.parametrize("conversation", [one for one in CONVERSATIONS if one.talk in KNOWN_CALLS], ids=str)
async def test_a_layer_sees_the_calls_that_answering_takes(conversation: Conversation) -> None:
    xmpp = REFERENCE.build(conversation.entity, conversation.prepare)
    recorder = Recorder()
    api = install(xmpp)

    async with Session(xmpp) as session:
        api.use(recorder)
        await conversation.talk(session)
        await session.settle()

    assert [call.name for call in recorder.calls] == KNOWN_CALLS[conversation.talk]


@pytest.mark.parametrize("layers", [[], [passing]], ids=["alone", "inside a user's layer"])
@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=str)
async def test_a_layer_sees_every_call_that_slixmpps_own_registry_gets(
    conversation: Conversation, layers: list[Layer]
) -> None:
    watched = REFERENCE.build(conversation.entity, conversation.prepare)
    watched.api.__class__ = Watched
    await conversation.hold(watched)
    xmpp = REFERENCE.build(conversation.entity, conversation.prepare)
    recorder = Recorder()
    install(xmpp, *layers, recorder)

    await conversation.hold(xmpp)

    assert [call.name for call in recorder.calls] == watched.api.__dict__["seen"]
    assert recorder.calls, "opening the stream alone adds features to disco"


@pytest.mark.parametrize("layers", [[], [passing]], ids=["alone", "inside a user's layer"])
@pytest.mark.parametrize("entity", ["client", "component"])
async def test_what_plugins_already_hold_leads_through_the_chain_for_every_op(
    entity: Entity, layers: list[Layer]
) -> None:
    """Each op of each plugin, through closures and wrappers that were taken before anything was installed."""
    xmpp = make(entity)
    register_plugins(xmpp)
    ops = [(ctype, op) for ctype, known in xmpp.api._handlers.items() for op in known]
    closures = {(ctype, op): xmpp.plugin[ctype].api[op] for ctype, op in ops}
    wrappers = {(ctype, op): xmpp.plugin[ctype].api for ctype, op in ops}
    recorder = Recorder()
    api = install(xmpp, *layers, recorder)
    for ctype, op in ops:
        api.register(lambda jid, node, ifrom, args: args, ctype, op, JID(PEER), "probe")

    from_closures = [await closures[one](JID(PEER), "probe", None, one) for one in ops]
    from_wrappers = [await wrappers[one].run(one[1], JID(PEER), "probe", None, one) for one in ops]

    assert from_closures == from_wrappers == recorder.outcomes[: len(ops)] == ops
    assert [(call.ctype, call.op) for call in recorder.calls] == ops * 2
    assert {str(call.tier) for call in recorder.calls} == {"jid+node"}


@pytest.mark.parametrize("jid", [None, "", JID(""), JID()], ids=["None", "''", "JID('')", "JID()"])
@pytest.mark.parametrize("entity", ["client", "component"])
async def test_no_jid_is_the_entitys_own(entity: Entity, jid: Any) -> None:
    """Outgoing filters pass the sender of a presence, which is empty as long as the server fills it in."""
    xmpp = make(entity)
    api = install(xmpp)
    api.register(lambda jid, node, ifrom, args: str(jid), "xep_0153", "get_hash")

    answer = await api.run("xep_0153", "get_hash", jid)

    assert answer == str(xmpp.boundjid)
