"""How a call that fails reaches the peer: as the error that slixmpp sends, and the entity goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

import pytest
from slixmpp import JID
from slixmpp.exceptions import IqTimeout, XMPPError

from slixmpp_middleware import Logging, Timeout
from slixmpp_pipeline import Layer, install
from tests.integration.arrangements import INSTALLED, REFERENCE, Arrangement, Entity
from tests.integration.conversations import VCARD, be_idle
from tests.integration.stream import PEER, Session, condition
from tests.layers import passing

pytestmark = pytest.mark.usefixtures("no_complaint_of_asyncio")

Handler: TypeAlias = Callable[[JID, str, JID | None, Any], Any]

EVERY_LAYER: list[list[Layer]] = [[], [passing], [Logging(), Timeout(5)]]
every_layer = pytest.mark.parametrize("layers", EVERY_LAYER, ids=["bare", "a layer", "built-in"])


ASKED = "mercutio@gateway.example"


async def ask_for_a_vcard(session: Session) -> Any:
    return await session.ask("get", "<vCard xmlns='vcard-temp'/>", to=ASKED)


async def ask_for_the_version(session: Session) -> Any:
    return await session.ask("get", "<query xmlns='jabber:iq:version'/>")


def handling_vcards(handler: Handler) -> Callable[[Any], None]:
    def prepare(xmpp: Any) -> None:
        xmpp.plugin["xep_0054"].api.register(handler, "get_vcard", JID(ASKED))

    return prepare


def not_found(jid: JID, node: str, ifrom: JID | None, args: Any) -> NoReturn:
    raise XMPPError("item-not-found", text="no such person")


async def not_found_later(jid: JID, node: str, ifrom: JID | None, args: Any) -> NoReturn:
    await asyncio.sleep(0)
    raise XMPPError("item-not-found", text="no such person")


async def forbidden(jid: JID, node: str, ifrom: JID | None, args: Any) -> NoReturn:
    raise XMPPError("forbidden", etype="auth")


def broken(jid: JID, node: str, ifrom: JID | None, args: Any) -> NoReturn:
    raise ZeroDivisionError("private details")


async def broken_later(jid: JID, node: str, ifrom: JID | None, args: Any) -> NoReturn:
    await asyncio.sleep(0)
    raise ZeroDivisionError("private details")


async def unanswered(jid: JID, node: str, ifrom: JID | None, args: Any) -> NoReturn:
    raise IqTimeout(None)


FAILURES: list[tuple[Handler, tuple[str, str, str | None]]] = [
    (not_found, ("item-not-found", "cancel", "no such person")),
    (not_found_later, ("item-not-found", "cancel", "no such person")),
    (forbidden, ("forbidden", "auth", None)),
    (broken, ("undefined-condition", "cancel", "Slixmpp got into trouble.")),
    (broken_later, ("undefined-condition", "cancel", "Slixmpp got into trouble.")),
    (unanswered, ("remote-server-timeout", "wait", None)),
]


@pytest.mark.parametrize(
    ("handler", "expected"), FAILURES, ids=[getattr(handler, "__name__", "") for handler, _ in FAILURES]
)
@pytest.mark.parametrize("arrangement", [REFERENCE, *INSTALLED], ids=str)
async def test_a_handlers_error_reaches_the_peer_as_it_does_with_slixmpps_own_registry(
    arrangement: Arrangement, handler: Handler, expected: tuple[str, str, str | None]
) -> None:
    xmpp = arrangement.build("component", handling_vcards(handler))

    async with Session(xmpp) as session:
        answer = await ask_for_a_vcard(session)
        afterwards = await ask_for_the_version(session)

    assert condition(answer) == expected
    assert afterwards.get("type") == "result"


@pytest.mark.looptime
@pytest.mark.parametrize("around", [[], [passing], [Logging()]], ids=["alone", "in a layer", "in Logging"])
async def test_a_handler_that_takes_too_long_is_a_remote_server_timeout(around: list[Layer]) -> None:
    clock = asyncio.get_running_loop().time
    ended: list[float] = []

    async def endless(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(clock())

    xmpp = REFERENCE.build("component", handling_vcards(endless))
    install(xmpp, *around, Timeout(2, clock=clock))

    async with Session(xmpp) as session:
        began = clock()
        answer = await ask_for_a_vcard_in_time(session)
        afterwards = await ask_for_the_version(session)

    assert condition(answer) == ("remote-server-timeout", "wait", None)
    assert [at - began for at in ended] == [pytest.approx(2)]
    assert afterwards.get("type") == "result"


async def ask_for_a_vcard_in_time(session: Session) -> Any:
    """Ask, and let virtual time go by before looking for the answer."""
    session.receive(f"<iq type='get' id='slow' from='{PEER}' to='{ASKED}'><vCard xmlns='vcard-temp'/></iq>")
    await asyncio.sleep(3)
    return await session.sent("./{*}iq[@id='slow']")


@pytest.mark.looptime
async def test_other_stanzas_are_answered_while_a_handler_is_slow() -> None:
    async def slow(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        await asyncio.sleep(1)

    xmpp = REFERENCE.build("component", handling_vcards(slow))
    api = install(xmpp, Timeout(2, clock=asyncio.get_running_loop().time))

    async with Session(xmpp) as session:
        session.receive(f"<iq type='get' id='slow' from='{PEER}' to='{ASKED}'><vCard xmlns='vcard-temp'/></iq>")
        meanwhile = await ask_for_the_version(session)
        waiting = api.pending
        await asyncio.sleep(1.5)
        answer = await session.sent("./{*}iq[@id='slow']")

    assert meanwhile.get("type") == "result"
    assert waiting == 1
    assert condition(answer) == ("item-not-found", "cancel", None)


def stray(jid: JID, node: str, ifrom: JID | None, args: Any) -> NoReturn:
    raise asyncio.CancelledError


async def stray_later(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
    gone = asyncio.get_running_loop().create_future()
    gone.cancel()
    await asyncio.sleep(0)
    return await gone


every_stray = pytest.mark.parametrize("handler", [stray, stray_later])


@every_layer
@every_stray
async def test_a_stray_cancellation_is_answered_as_an_error(handler: Handler, layers: list[Layer]) -> None:
    """With slixmpp's own registry the peer waits for ever."""
    xmpp = REFERENCE.build("component", handling_vcards(handler))
    install(xmpp, *layers)

    async with Session(xmpp) as session:
        answer = await ask_for_a_vcard(session)
        afterwards = await ask_for_the_version(session)

    assert condition(answer) == ("internal-server-error", "cancel", None)
    assert afterwards.get("type") == "result"


@every_layer
@every_stray
@pytest.mark.parametrize(
    ("ctype", "op"), [("xep_0115", "get_verstring"), ("xep_0153", "get_hash"), ("xep_0319", "get_idle")]
)
async def test_a_stray_cancellation_in_an_outgoing_filter_stops_nothing_but_its_presence(
    ctype: str, op: str, handler: Handler, layers: list[Layer]
) -> None:
    """With slixmpp's own registry the client never sends anything again."""
    xmpp = REFERENCE.build("client")
    api = install(xmpp, *layers)

    async with Session(xmpp) as session:
        own = api.explain(ctype, op).handler
        api.register(handler, ctype, op)
        xmpp.send_presence(pstatus="lost")
        await session.settle()
        api.register(own, ctype, op)
        xmpp.send_presence(pstatus="sent")
        presence = await session.sent("./{*}presence")
        answer = await ask_for_the_version(session)

    assert presence.findtext("./{*}status") == "sent"
    assert answer.get("type") == "result"


@every_layer
@pytest.mark.parametrize("entity", ["client", "component"])
async def test_a_first_presence_goes_out_although_no_last_activity_is_known(
    entity: Entity, layers: list[Layer]
) -> None:
    """xep_0256 asks for it in a plain filter, and expects the error at the call."""
    xmpp = REFERENCE.build(entity, be_idle)
    install(xmpp, *layers)

    async with Session(xmpp) as session:
        if entity == "client":
            session.answer(await session.sent("./{*}iq/{vcard-temp}vCard/.."), VCARD)
        await xmpp.plugin["xep_0115"].update_caps(broadcast=False)
        xmpp.send_presence(pfrom=session.me if entity == "component" else None, pto=PEER)
        presence = await session.sent("./{*}presence")

    assert presence.find("./{http://jabber.org/protocol/caps}c") is not None
    assert presence.find("./{urn:xmpp:idle:1}idle") is not None
    assert presence.find("./{vcard-temp:x:update}x/{*}photo") is not None
    assert presence.find("./{jabber:iq:last}query") is None
