"""How many stanzas does a real component answer in a second, with slixmpp's own registry and with ours?"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from time import perf_counter
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, XMLPullParser, tostring

from slixmpp import JID, ComponentXMPP

from slixmpp_pipeline import install

if TYPE_CHECKING:
    from slixmpp_pipeline import Layer

PEOPLE = 100  # who have a vCard, and are asked for it in turn
WINDOW = 32  # questions that wait for an answer at a time: it is throughput that is measured
PATIENCE = 10  # seconds, and one more for each hundred stanzas

_DOMAIN, _SECRET, _STREAM = "gateway.example", "secret", "stream-1"
_ACCEPT = "{jabber:component:accept}"
_HEADER = (
    "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams'"
    f" id='{_STREAM}' from='{_DOMAIN}'>"
)


async def stanzas_per_second(
    layers: Sequence[Layer] | None,
    count: int,
    *,
    around: Callable[[Any], AbstractContextManager[object]] = nullcontext,
    clock: Callable[[], float] = perf_counter,
) -> float:
    """Return how many vCards a component hands out in a second, when it is asked for `count`, from 1 up.

    `layers` None means slixmpp's own registry, `[]` a pipeline without layers. `around` gets the registry, and is open
    while questions are asked. The server runs in the same loop, and
    its work is part of what is measured; `clock` tells seconds. All people are asked for once beforehand, which
    compiles the route and fills caches. TimeoutError if an answer does not come, RuntimeError for one that is an
    error, ConnectionError if the stream ends. Whatever began in the loop meanwhile is closed or cancelled at the end,
    so call it one at a time.
    """
    xmpp = ComponentXMPP(_DOMAIN, _SECRET)
    if layers is not None:
        install(xmpp, *layers)
    await _move_in(xmpp)
    async with asyncio.timeout(PATIENCE + count / 100), _stream(xmpp) as server:
        await server.ask(PEOPLE)
        with around(xmpp.api):
            return await _rate(server, count, clock)


async def _rate(server: Server, count: int, clock: Callable[[], float]) -> float:
    started = clock()
    await server.ask(count)
    return count / (clock() - started)


class Server(asyncio.Protocol):
    """The server's end of a component's stream (XEP-0114): it checks the handshake, asks for vCards, counts answers."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._lost: asyncio.Future[None] | None = None
        self._parser: Any = XMLPullParser(("start", "end"))  # its type allows for events of other kinds
        self._open: list[Element] = []
        self._numbers = itertools.count()
        self._unsent = self._unanswered = 0
        self._answered: asyncio.Future[None] | None = None

    async def ask(self, count: int) -> None:
        """Ask `count` questions, no more than WINDOW ahead of the answers, and wait for all of these."""
        self._answered = asyncio.get_running_loop().create_future()
        self._unsent = self._unanswered = count
        self._send_questions()
        await self._answered

    async def end(self) -> None:
        """Wait until the connection is closed, if there was one."""
        if self._lost is not None:
            await self._lost

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, and wait for the component's header."""
        self._transport = transport
        self._lost = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        """Take what the component sends, and ask as many questions as were answered."""
        self._parser.feed(data)
        for event, element in self._parser.read_events():
            if event == "start":
                self._start(element)
            else:
                self._end()
            if self._transport.is_closing():  # what was on its way, nobody waits for
                return
        self._send_questions()

    def connection_lost(self, error: Exception | None) -> None:
        """Tell whoever still waits."""
        self._fail(error or ConnectionError("the component ended the stream"))
        if self._lost is not None:
            self._lost.set_result(None)

    def _start(self, element: Element) -> None:
        self._open.append(element)
        if len(self._open) == 1:
            self._transport.write(_HEADER.encode())

    def _end(self) -> None:
        element = self._open.pop()
        if not self._open:
            self._transport.write(b"</stream:stream>")
            self._transport.close()
        elif len(self._open) == 1:
            self._open[0].clear()
            self._take(element)

    def _take(self, element: Element) -> None:
        if element.tag == f"{_ACCEPT}handshake":
            digest = hashlib.sha1(f"{_STREAM}{_SECRET}".encode(), usedforsecurity=False).hexdigest()
            self._transport.write(b"<handshake/>" if element.text == digest else b"</stream:stream>")
        elif element.tag == f"{_ACCEPT}iq":
            if element.get("type") != "result":
                self._fail(RuntimeError(f"the component answered {tostring(element, encoding='unicode')}"))
            self._unanswered -= 1
            if self._unanswered == 0 and self._answered is not None and not self._answered.done():
                self._answered.set_result(None)

    def _send_questions(self) -> None:
        free = min(self._unsent, WINDOW - (self._unanswered - self._unsent))
        if free > 0:
            self._unsent -= free
            self._transport.write("".join(map(_question, itertools.islice(self._numbers, free))).encode())

    def _fail(self, error: Exception) -> None:
        self._unsent = 0
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(error)


def _question(number: int) -> str:
    return (
        f"<iq type='get' id='q{number}' from='juliet@capulet.example/balcony' to='{_person(number)}'>"
        "<vCard xmlns='vcard-temp'/></iq>"
    )


def _person(number: int) -> JID:
    return JID(f"user{number % PEOPLE}@{_DOMAIN}")


async def _move_in(xmpp: ComponentXMPP) -> None:
    """Give the people their vCards, in the plugin's own storage."""
    xmpp.register_plugin("xep_0054")
    for number in range(PEOPLE):
        vcard = xmpp.plugin["xep_0054"].make_vcard()
        vcard["FN"] = f"Citizen {number}"
        await xmpp.plugin["xep_0054"].publish_vcard(vcard, _person(number))


@asynccontextmanager
async def _stream(xmpp: Any) -> AsyncIterator[Server]:
    """Connect `xmpp` to a server of its own over the loopback interface, and leave nothing of both at the end."""
    before = asyncio.all_tasks()
    loop = asyncio.get_running_loop()
    server, started = Server(), loop.create_future()
    listening = await loop.create_server(lambda: server, "127.0.0.1", 0)
    xmpp.add_event_handler("session_start", started.set_result)
    try:
        xmpp.connect(*listening.sockets[0].getsockname())
        await started
        yield server
    finally:
        listening.close()
        await xmpp.disconnect(ignore_send_queue=True)
        left = asyncio.all_tasks() - before  # at least slixmpp's sender, which waits for ever
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await server.end()
        await listening.wait_closed()
