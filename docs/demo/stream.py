"""How do stanzas get to the component and answers back? As XML, over a transport that is the server's end."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree.ElementTree import Element, XMLPullParser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from slixmpp import ComponentXMPP

    from demo.traffic import Stanza

_ACCEPT = "{jabber:component:accept}"
_CONDITION = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
_HEADER = (
    "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams'"
    " id='demo' from='cards.example'>"
)


class Answer(NamedTuple):
    """An IQ that came back: `outcome` is `result` or the error's condition, `holds` its texts and attributes."""

    id: str
    to: str
    outcome: str
    holds: frozenset[str]


class Server(asyncio.Transport):
    """The server's end of a component's stream (XEP-0114): it accepts the handshake, sends stanzas, takes answers.

    `strays` are answers to nothing that was asked, or second ones.
    """

    def __init__(self, xmpp: ComponentXMPP) -> None:
        super().__init__()
        self.strays: list[Answer] = []
        self._xmpp = xmpp
        self._parser: Any = XMLPullParser(("start", "end"))  # its type allows for events of other kinds
        self._open: list[Element] = []
        self._waiting: dict[tuple[str, str], asyncio.Future[Answer]] = {}
        self._closing = False

    def tell(self, stanza: Stanza) -> None:
        """Send a stanza that is not answered."""
        self._xmpp.data_received(stanza.xml.encode())

    async def ask(self, stanza: Stanza, patience: float) -> Answer | None:
        """Send a stanza and return the answer to its id and sender, None if none comes within `patience` seconds."""
        key = (stanza.id, stanza.sender)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[key] = answer
        try:
            async with asyncio.timeout(patience):
                self.tell(stanza)
                return await answer
        except TimeoutError:
            return None
        finally:
            del self._waiting[key]

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take what the component sends."""
        self._parser.feed(bytes(data))
        for event, element in self._parser.read_events():
            if event == "start":
                self._start(element)
            else:
                self._end()

    def is_closing(self) -> bool:
        """Whether the stream has ended."""
        return self._closing

    def close(self) -> None:
        """End the connection."""
        if not self._closing:
            self._closing = True
            asyncio.get_running_loop().call_soon(self._xmpp.connection_lost, None)

    def abort(self) -> None:
        """End the connection; there is nothing left to flush."""
        self.close()

    def _start(self, element: Element) -> None:
        self._open.append(element)
        if len(self._open) == 1:
            self._reply(_HEADER)

    def _end(self) -> None:
        element = self._open.pop()
        if not self._open:
            self._reply("</stream:stream>")
        elif len(self._open) == 1:
            self._open[0].clear()
            self._take(element)

    def _take(self, element: Element) -> None:
        if element.tag == f"{_ACCEPT}handshake":
            self._reply("<handshake/>")
        elif element.tag == f"{_ACCEPT}iq":
            answer = read_answer(element)
            waiting = self._waiting.get((answer.id, answer.to))
            if waiting is None or waiting.done():
                self.strays.append(answer)
            else:
                waiting.set_result(answer)

    def _reply(self, xml: str) -> None:
        # Not at once: the component is still inside its write().
        asyncio.get_running_loop().call_soon(self._xmpp.data_received, xml.encode())


@asynccontextmanager
async def connected(xmpp: ComponentXMPP) -> AsyncIterator[Server]:
    """Let `xmpp` open its stream to a `Server`, and end it afterwards."""
    server = Server(xmpp)
    xmpp.init_plugins()
    sending = asyncio.ensure_future(xmpp.run_filters())
    try:
        xmpp.connection_made(server)
        await xmpp.wait_until("session_start", 5)
        yield server
        await xmpp.disconnect(wait=1)
    finally:
        sending.cancel()


def read_answer(iq: Element) -> Answer:
    """Read the answer out of an IQ."""
    outcome = iq.get("type", "")
    if outcome == "error":  # in any namespace: slixmpp's components send error elements of jabber:client
        conditions = (child.tag.removeprefix(_CONDITION) for child in iq.iterfind(f"{{*}}error/{_CONDITION}*"))
        outcome = next((condition for condition in conditions if condition != "text"), "error without condition")
    return Answer(iq.get("id", ""), iq.get("to", ""), outcome, frozenset(_words(iq)))


def _words(iq: Element) -> Iterable[str]:
    for element in iq.iter():
        yield (element.text or "").strip()
        yield from element.attrib.values()
