"""The server's end of an XMPP stream, in memory: a real slixmpp client or component is on the other end."""

from __future__ import annotations

import asyncio
import copy
import itertools
import xml.etree.ElementTree as ET
from typing import Any, Self

import pytest

STREAMS = "http://etherx.jabber.org/streams"
BIND = "urn:ietf:params:xml:ns:xmpp-bind"
PEER = "romeo@montague.example/orchard"

TURNS = 500  # of the loop, before a stanza that does not come is called missing
SETTLED = 60  # turns without a stanza: each outgoing filter of slixmpp takes a few


class Wire(asyncio.Transport):
    """The transport that slixmpp writes to: what it wrote, parsed; nothing leaves the process."""

    def __init__(self) -> None:
        super().__init__()
        self._parser: ET.XMLPullParser[ET.Element] = ET.XMLPullParser(("start",))
        self._root: ET.Element | None = None

    def write(self, data: Any) -> None:
        self._parser.feed(data)
        events: Any = self._parser.read_events()
        for _, element in events:
            if self._root is None:
                self._root = element

    @property
    def stream(self) -> ET.Element:
        """The stream's root, with every stanza that was written."""
        assert self._root is not None, "no stream header was written"
        return self._root

    def close(self) -> None: ...

    def abort(self) -> None: ...


class Session:
    """An open stream to `xmpp`: as a context manager it opens the stream, and stops the sending at the end."""

    def __init__(self, xmpp: Any) -> None:
        self.xmpp = xmpp
        self.wire = Wire()
        self._ids = (f"ask-{number}" for number in itertools.count(1))
        self._read: list[ET.Element] = []
        self._sending: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.xmpp.init_plugins()  # connect() begins with this
        self._sending = asyncio.create_task(self.xmpp.run_filters())
        self.xmpp.connection_made(self.wire)
        self.receive(
            f"<stream:stream xmlns='{self.xmpp.default_ns}' xmlns:stream='{STREAMS}' id='stream-1' version='1.0'>"
        )
        if self.xmpp.is_component:
            await self.sent("./{*}handshake")
            self.receive("<handshake/>")
        else:
            self.receive(f"<stream:features><bind xmlns='{BIND}'/></stream:features>")
            request = await self.sent("./{*}iq/{*}bind/..")
            self.answer(request, f"<bind xmlns='{BIND}'><jid>{self.xmpp.requested_jid}</jid></bind>")
        await self.settle()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._sending is not None
        self._sending.cancel()
        await asyncio.wait([self._sending])

    @property
    def me(self) -> str:
        """The full JID of the entity."""
        return str(self.xmpp.boundjid)

    @property
    def transcript(self) -> list[str]:
        """Everything that the entity has written, in order and in canonical form, without what is random."""
        return [canonical(stanza) for stanza in self.wire.stream]

    def receive(self, xml: str) -> None:
        """Give the entity bytes to read."""
        self.xmpp.data_received(xml.encode())

    def answer(self, request: ET.Element, payload: str = "", *, kind: str = "result") -> None:
        """Answer an IQ that the entity has sent."""
        sender = f"from='{request.get('to')}'" if request.get("to") else ""
        self.receive(
            f"<iq type='{kind}' id='{request.get('id')}' {sender} to='{request.get('from') or self.me}'>{payload}</iq>"
        )

    async def sent(self, path: str) -> ET.Element:
        """Wait for the next stanza at `path`, an ElementTree path from the stream; each stanza is given once."""
        for _ in range(TURNS):
            for stanza in self.wire.stream.findall(path):
                if not any(stanza is read for read in self._read):
                    self._read.append(stanza)
                    return stanza
            await asyncio.sleep(0)
        pytest.fail(f"no stanza {path} was sent, but: {self.transcript}")

    async def ask(self, kind: str, payload: str, *, to: str | None = None, ifrom: str = PEER) -> ET.Element:
        """Send the entity an IQ, and wait for the answer."""
        number = next(self._ids)
        self.receive(f"<iq type='{kind}' id='{number}' from='{ifrom}' to='{to or self.me}'>{payload}</iq>")
        return await self.sent(f"./{{*}}iq[@id='{number}']")

    async def settle(self) -> None:
        """Let the loop turn until the entity has nothing left to write."""
        written = -1
        while written != len(self.wire.stream):
            written = len(self.wire.stream)
            for _ in range(SETTLED):
                await asyncio.sleep(0)


def canonical(stanza: ET.Element) -> str:
    """Return a stanza as text that two entities agree on: without ids, which are random."""
    bare = copy.deepcopy(stanza)
    bare.attrib.pop("id", None)
    for element in bare.iter():
        element.attrib.pop("sessionid", None)
    return ET.canonicalize(ET.tostring(bare, encoding="unicode"), rewrite_prefixes=True)


def condition(answer: ET.Element) -> tuple[str | None, str | None, str | None]:
    """Return the error in an answer: its condition, its type, and its text."""
    error = answer.find("./{*}error")
    assert error is not None, f"not an error: {canonical(answer)}"
    stanzas = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
    conditions = [child.tag.removeprefix(stanzas) for child in error if child.tag != f"{stanzas}text"]
    return next(iter(conditions), None), error.get("type"), error.findtext(f"{stanzas}text")
