"""What peers and plugins say to each other: real stanzas, for a client and for a component with every plugin."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from slixmpp import JID

from tests.integration.arrangements import Entity, Prepare, nothing
from tests.integration.stream import PEER, Session

Talk: TypeAlias = Callable[[Session], Awaitable[None]]

COMMANDS = "http://jabber.org/protocol/commands"
FORM = "jabber:x:data"
IBB = "http://jabber.org/protocol/ibb"
INFO = "http://jabber.org/protocol/disco#info"
ITEMS = "http://jabber.org/protocol/disco#items"

CID = "sha1+8f35fef110ffc5df08d579a50083ff9308fb6242@bob.xmpp.org"
NOBODY = "nobody@nowhere.example"
PHOTO = base64.b64encode(b"a portrait").decode()
VCARD = f"<vCard xmlns='vcard-temp'><FN>Juliet</FN><PHOTO><BINVAL>{PHOTO}</BINVAL></PHOTO></vCard>"


@dataclass(frozen=True, slots=True)
class Conversation:
    """What is set on an entity before its stream opens, and what is said on the stream."""

    entity: Entity
    talk: Talk
    prepare: Prepare = nothing

    def __str__(self) -> str:
        return f"{self.entity} {self.talk.__name__}"

    async def hold(self, xmpp: Any) -> list[str]:
        """Open the stream to `xmpp`, talk, and return everything that it has written."""
        async with Session(xmpp) as session:
            await self.talk(session)
            await session.settle()
        return session.transcript


def make_vcard(xmpp: Any, name: str) -> Any:
    vcard = xmpp.plugin["xep_0054"].make_vcard()
    vcard["FN"] = name
    return vcard


def make_form(xmpp: Any, kind: str, about: str) -> Any:
    form = xmpp.plugin["xep_0004"].make_form(ftype=kind)
    form.add_field(var="FORM_TYPE", ftype="hidden", value=about)
    form.add_field(var="mood", value="merry")
    return form


def set_vcard(xmpp: Any) -> None:
    xmpp.plugin["xep_0054"].api["set_vcard"](JID("mercutio@gateway.example"), args=make_vcard(xmpp, "Mercutio"))


async def asking_for_vcards(session: Session) -> None:
    await session.ask("get", "<vCard xmlns='vcard-temp'/>", to="mercutio@gateway.example")
    await session.ask("get", "<vCard xmlns='vcard-temp'/>", to="tybalt@gateway.example")


async def setting_a_vcard(session: Session) -> None:
    await session.ask("set", VCARD)


async def publishing_a_vcard(session: Session) -> None:
    plugin = session.xmpp.plugin["xep_0054"]
    publishing = asyncio.ensure_future(plugin.publish_vcard(make_vcard(session.xmpp, "Juliet")))
    if not session.xmpp.is_component:
        session.answer(await session.sent("./{*}iq[@type='set']/{vcard-temp}vCard/.."))
    await publishing
    own = await plugin.get_vcard(local=True)
    own["to"] = PEER
    own["type"] = "result"
    own.send()


def fill_disco(xmpp: Any) -> None:
    disco = xmpp.plugin["xep_0030"]
    disco.add_feature("urn:example:balcony")
    disco.add_feature("urn:example:orchard", node="orchard")
    disco.add_identity("place", "garden", "Orchard", node="orchard")
    disco.add_item(jid="moon.example", name="Moon", node="orchard", subnode="light")
    disco.add_item(jid="sun.example", name="Sun")
    disco.set_items(node="stars", items={("star.example", "north", "Star")})
    disco.add_feature("urn:example:gone")
    disco.del_feature(feature="urn:example:gone")
    xmpp.plugin["xep_0128"].set_extended_info(node="orchard", data=make_form(xmpp, "result", "urn:example:fruit"))


async def discovering_info(session: Session) -> None:
    for node in ("", "orchard", "nowhere"):
        await session.ask("get", f"<query xmlns='{INFO}' node='{node}'/>")
    await session.ask("get", f"<query xmlns='{INFO}'/>", to=NOBODY)


async def discovering_items(session: Session) -> None:
    for node in ("", "orchard", "stars", "nowhere"):
        await session.ask("get", f"<query xmlns='{ITEMS}' node='{node}'/>")


async def knowing_what_a_peer_supports(session: Session) -> None:
    disco = session.xmpp.plugin["xep_0030"]
    asked = asyncio.ensure_future(disco.supports(JID(PEER), feature="urn:example:duel", ifrom=session.xmpp.boundjid))
    query = await session.sent("./{*}iq[@type='get']/{http://jabber.org/protocol/disco#info}query/..")
    session.answer(query, f"<query xmlns='{INFO}'><feature var='urn:example:duel'/></query>")
    assert await asked is True
    assert await disco.supports(None, feature="urn:example:balcony", local=True) is True
    assert await disco.has_identity(node="orchard", category="place", itype="garden", local=True) is True


def be_idle_for_an_hour(xmpp: Any) -> None:
    xmpp.plugin["xep_0012"].set_last_activity(seconds=3600, status="asleep")


async def asking_for_the_last_activity(session: Session) -> None:
    await session.ask("get", "<query xmlns='jabber:iq:last'/>")
    await session.ask("get", "<query xmlns='jabber:iq:last'/>", to=NOBODY)
    session.xmpp.plugin["xep_0012"].del_last_activity(None)
    await session.ask("get", "<query xmlns='jabber:iq:last'/>")


def store_a_bob(xmpp: Any) -> None:
    bob = xmpp.make_iq()["bob"]
    bob["cid"], bob["type"], bob["data"] = CID, "image/png", b"a portrait"
    xmpp.plugin["xep_0231"].api["set_bob"](args=bob)


async def asking_for_bits_of_binary(session: Session) -> None:
    await session.ask("get", f"<data xmlns='urn:xmpp:bob' cid='{CID}'/>")
    await session.ask("get", "<data xmlns='urn:xmpp:bob' cid='unknown'/>")


async def receiving_bits_of_binary(session: Session) -> None:
    data = f"<data xmlns='urn:xmpp:bob' cid='gift' type='image/png'>{PHOTO}</data>"
    session.receive(f"<message from='{PEER}' to='{session.me}'>{data}</message>")
    await session.settle()
    await session.ask("get", "<data xmlns='urn:xmpp:bob' cid='gift'/>")


def add_a_command(xmpp: Any) -> None:
    async def finish(form: Any, session: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(0)
        return session | {"payload": None, "next": None, "notes": [("info", f"{len(form['fields'])} fields")]}

    def begin(iq: Any, session: dict[str, Any]) -> dict[str, Any]:
        return session | {"payload": make_form(xmpp, "form", "urn:example:greet"), "next": finish}

    xmpp.plugin["xep_0050"].add_command(node="greet", name="Greet", handler=begin)


async def running_a_command(session: Session) -> None:
    add_a_command(session.xmpp)
    await session.settle()
    await session.ask("get", f"<query xmlns='{ITEMS}' node='{COMMANDS}'/>")
    first = await session.ask("set", f"<command xmlns='{COMMANDS}' node='greet' action='execute'/>")
    command = first.find("./{*}command")
    assert command is not None
    form = f"<x xmlns='{FORM}' type='submit'><field var='mood'><value>sad</value></field></x>"
    known = f"node='greet' sessionid='{command.get('sessionid')}'"
    await session.ask("set", f"<command xmlns='{COMMANDS}' {known} action='complete'>{form}</command>")
    await session.ask("set", f"<command xmlns='{COMMANDS}' node='unknown' action='execute'/>")


async def registering_with_a_component(session: Session) -> None:
    form = "<username>romeo</username><password>secret</password>"
    for kind, payload in (
        ("get", ""),
        ("set", "<username>romeo</username>"),
        ("set", form),
        ("get", ""),
        ("set", "<remove/>"),
        ("set", "<remove/>"),
    ):
        await session.ask(kind, f"<query xmlns='jabber:iq:register'>{payload}</query>")
    await session.settle()


async def subscribing_to_a_contact_of_a_gateway(session: Session) -> None:
    form = "<username>romeo</username><password>secret</password>"
    await session.ask("set", f"<query xmlns='jabber:iq:register'>{form}</query>")
    await session.settle()
    session.receive(f"<presence type='subscribe' from='{JID(PEER).bare}' to='friend@gateway.example'/>")
    await session.settle()


async def searching(session: Session) -> None:
    await session.ask("get", "<query xmlns='jabber:iq:search'/>")
    form = f"<x xmlns='{FORM}' type='submit'><field var='last'><value>Montague</value></field></x>"
    await session.ask("set", f"<query xmlns='jabber:iq:search'>{form}</query>")


def expect_a_bytestream(xmpp: Any) -> None:
    xmpp.plugin["xep_0047"].api["preauthorize_sid"](xmpp.boundjid, "expected", JID(PEER))


async def opening_in_band_bytestreams(session: Session) -> None:
    await session.ask("set", f"<open xmlns='{IBB}' sid='surprise' block-size='4096'/>")
    await session.ask("set", f"<open xmlns='{IBB}' sid='expected' block-size='4096'/>")
    await session.ask("set", f"<data xmlns='{IBB}' sid='expected' seq='0'>{PHOTO}</data>")
    await session.ask("set", f"<close xmlns='{IBB}' sid='expected'/>")
    await session.ask("set", f"<data xmlns='{IBB}' sid='expected' seq='1'>{PHOTO}</data>")


async def refusing_a_socks5_bytestream(session: Session) -> None:
    hosts = "<streamhost jid='proxy.example' host='127.0.0.1' port='1'/>"
    await session.ask("set", f"<query xmlns='http://jabber.org/protocol/bytestreams' sid='s'>{hosts}</query>")


async def asking_for_the_software_version(session: Session) -> None:
    await session.ask("get", "<query xmlns='jabber:iq:version'/>")
    await session.ask("get", "<ping xmlns='urn:xmpp:ping'/>")
    await session.ask("get", "<query xmlns='urn:example:unheard-of'/>")


def be_idle(xmpp: Any) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    xmpp.plugin["xep_0319"].api["set_idle"](xmpp.boundjid, args=since)


async def announcing_oneself(session: Session) -> None:
    """Send presences: caps (0115), avatar (0153), last activity (0256) and idle time (0319) go out with each."""
    xmpp = session.xmpp
    sender = xmpp.boundjid if xmpp.is_component else None
    if not xmpp.is_component:
        session.answer(await session.sent("./{*}iq/{vcard-temp}vCard/.."), VCARD)
    await xmpp.plugin["xep_0115"].update_caps()
    await session.settle()
    xmpp.send_presence(pfrom=sender, pto=PEER if xmpp.is_component else None)
    await session.settle()
    xmpp.send_presence(pfrom=sender, pto=PEER if xmpp.is_component else None, pshow="away", pstatus="asleep")
    await session.settle()


async def asking_for_the_announced_caps(session: Session) -> None:
    caps = session.xmpp.plugin["xep_0115"]
    await caps.update_caps(broadcast=False)
    version = await caps.get_verstring()
    await session.ask("get", f"<query xmlns='{INFO}' node='{caps.caps_node}#{version}'/>")


async def meeting_a_peer_with_caps(session: Session) -> None:
    caps = "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://peer' ver='{}'/>"
    known = "QgayPKawpkPSDYmwT/WM94uAlu0="  # the simple example of XEP-0115, section 5.2
    features = [INFO, ITEMS, "http://jabber.org/protocol/muc", "http://jabber.org/protocol/caps"]
    listed = "".join(f"<feature var='{feature}'/>" for feature in features)
    session.receive(f"<presence from='{PEER}' to='{session.me}'>{caps.format(known)}</presence>")
    query = await session.sent("./{*}iq[@type='get']/{http://jabber.org/protocol/disco#info}query/..")
    identity = "<identity category='client' type='pc' name='Exodus 0.9.1'/>"
    session.answer(query, f"<query xmlns='{INFO}' node='http://peer#{known}'>{identity}{listed}</query>")
    await session.settle()
    assert await session.xmpp.plugin["xep_0115"].get_verstring(JID(PEER)) == known
    session.receive(f"<presence from='benvolio@montague.example/1' to='{session.me}'>{caps.format(known)}</presence>")
    await session.settle()


async def setting_an_avatar(session: Session) -> None:
    done = session.xmpp.plugin["xep_0153"].set_avatar(avatar=b"a portrait", mtype="image/png")
    asked = "./{*}iq[@type='get']/{vcard-temp}vCard/.."
    session.answer(await session.sent(asked), "<vCard xmlns='vcard-temp'/>")  # at the start of the session
    session.answer(await session.sent(asked), "<vCard xmlns='vcard-temp'/>")
    session.answer(await session.sent("./{*}iq[@type='set']/{vcard-temp}vCard/.."))
    session.answer(await session.sent(asked), VCARD)
    await done
    await session.settle()


CLIENT = [
    Conversation("client", setting_a_vcard),
    Conversation("client", publishing_a_vcard),
    Conversation("client", discovering_info, fill_disco),
    Conversation("client", discovering_items, fill_disco),
    Conversation("client", knowing_what_a_peer_supports, fill_disco),
    Conversation("client", asking_for_the_last_activity, be_idle_for_an_hour),
    Conversation("client", asking_for_bits_of_binary, store_a_bob),
    Conversation("client", receiving_bits_of_binary),
    Conversation("client", running_a_command),
    Conversation("client", searching),
    Conversation("client", opening_in_band_bytestreams, expect_a_bytestream),
    Conversation("client", refusing_a_socks5_bytestream),
    Conversation("client", asking_for_the_software_version),
    Conversation("client", announcing_oneself, be_idle),
    Conversation("client", asking_for_the_announced_caps),
    Conversation("client", meeting_a_peer_with_caps),
    Conversation("client", setting_an_avatar),
]

COMPONENT = [
    *(Conversation("component", one.talk, one.prepare) for one in CLIENT if one.talk is not setting_an_avatar),
    Conversation("component", asking_for_vcards, set_vcard),
    Conversation("component", registering_with_a_component),
    Conversation("component", subscribing_to_a_contact_of_a_gateway),
]

CONVERSATIONS = CLIENT + COMPONENT
