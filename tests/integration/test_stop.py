"""A component that stops answers what it has begun, and what it has not answered it has not done: on a real stream."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from slixmpp import ClientXMPP, ComponentXMPP
from slixmpp.plugins.xep_0054 import VCardTemp

from slixmpp_pipeline import install, stop
from slixmpp_pipeline.testing import FakeClient, Recorder

BURST = 40  # stanzas
HEADER = (
    "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' "
    "from='cards.example' id='stream-1'>"
)


class Server:
    """The server's end of a component's stream, on loopback."""

    def __init__(self) -> None:
        self.read = ""
        self.is_open = asyncio.Event()
        self.is_closed = asyncio.Event()
        self.writer: asyncio.StreamWriter

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        try:
            while data := await reader.read(65536):
                self.take(data.decode())
        except ConnectionError:
            pass
        finally:
            self.is_closed.set()
            writer.close()

    def take(self, text: str) -> None:
        is_new = not self.read
        self.read += text
        if is_new:
            self.writer.write(HEADER.encode())
        if "<handshake" in self.read and not self.is_open.is_set():
            self.writer.write(b"<handshake/>")
            self.is_open.set()

    def ask(self, number: int) -> None:
        request = f"<iq type='get' id='ask-{number}' from='romeo@montague.example/orchard' to='cards.example'>"
        self.writer.write(f"{request}<vCard xmlns='vcard-temp'/></iq>".encode())

    @property
    def answered(self) -> set[str]:
        results = re.findall(r"<iq [^>]*>", self.read)
        return {number for one in results for number in re.findall(r"id=[\"'](ask-\d+)", one)}


class Bot:
    """A component whose vCards come from a database that takes a while."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.has_begun = asyncio.Event()
        self.begun = 0
        self.server = Server()

    async def get_vcard(self, jid: Any, node: Any, ifrom: Any, args: Any) -> VCardTemp:
        self.begun += 1
        if self.begun == BURST:
            self.has_begun.set()
        await self.gate.wait()
        return VCardTemp()

    async def connected(self, port: int) -> ComponentXMPP:
        xmpp = ComponentXMPP("cards.example", "secret", "127.0.0.1", port)
        api = install(xmpp)
        xmpp.register_plugin("xep_0054")
        api.register(self.get_vcard, "xep_0054", "get_vcard")
        xmpp.connect()
        await self.server.is_open.wait()
        return xmpp


@pytest.mark.parametrize("traffic", ["a burst", "steady"])
async def test_what_was_begun_is_answered_before_the_stream_is_closed(traffic: str) -> None:
    bot = Bot()
    listening = await asyncio.start_server(bot.server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    xmpp = await bot.connected(port)
    for number in range(BURST):
        bot.server.ask(number)
    await bot.has_begun.wait()

    async def go_on() -> None:
        number = BURST
        while not bot.server.is_closed.is_set():
            bot.server.ask(number)
            number += 1
            await asyncio.sleep(0)

    asking = asyncio.create_task(go_on()) if traffic == "steady" else None
    stopping = asyncio.create_task(stop(xmpp, timeout=10))
    for _ in range(20):
        await asyncio.sleep(0)
    bot.gate.set()
    assert await asyncio.wait_for(stopping, 10) == 0
    await asyncio.wait_for(bot.server.is_closed.wait(), 10)
    if asking is not None:
        await asking
    listening.close()

    assert bot.begun == len(bot.server.answered) >= BURST


async def test_calls_that_do_not_end_in_time_are_counted() -> None:
    xmpp = ClientXMPP("juliet@capulet.example", "secret")
    api = install(xmpp)
    gate = asyncio.Event()

    async def wait(jid: Any, node: Any, ifrom: Any, args: Any) -> None:
        await gate.wait()

    api.register(wait, "weather", "get")
    future = api.run("weather", "get")
    assert await stop(xmpp, timeout=0) == 1
    gate.set()
    await future


@pytest.mark.parametrize(("seconds", "error"), [("5", TypeError), (True, TypeError), (-1, ValueError)])
async def test_bad_timeout_is_told_before_anything_is_stopped(seconds: Any, error: type[Exception]) -> None:
    class Client(FakeClient):
        """A client that must not be touched."""

        @property
        def transport(self) -> Any:
            raise AssertionError

    xmpp = Client()
    install(xmpp)
    with pytest.raises(error, match="timeout"):
        await stop(xmpp, timeout=seconds)


async def test_client_without_a_pipeline_is_refused() -> None:
    with pytest.raises(TypeError, match=r"call install\(xmpp\) first"):
        await stop(FakeClient())


async def test_bypass_around_connect_says_nothing_of_what_peers_ask_later() -> None:
    bot, recorder = Bot(), Recorder()
    async with await asyncio.start_server(bot.server.serve, "127.0.0.1", 0) as server:
        xmpp = ComponentXMPP("cards.example", "secret", "127.0.0.1", server.sockets[0].getsockname()[1])
        api = install(xmpp, recorder)
        xmpp.register_plugin("xep_0054")
        api.register(bot.get_vcard, "xep_0054", "get_vcard")
        with api.bypass(recorder):
            xmpp.connect()
            await bot.server.is_open.wait()
        for number in range(BURST):
            bot.server.ask(number)
        await bot.has_begun.wait()
        bot.gate.set()
        await stop(xmpp)
        await bot.server.is_closed.wait()
    assert [call.op for call in recorder.calls if call.ifrom is not None] == ["get_vcard"] * BURST
