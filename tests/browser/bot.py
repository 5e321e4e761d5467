"""A bot for the tests of the page: it serves it, prints its address, and does what lines on stdin say."""

from __future__ import annotations

import asyncio
import random
import sys
import threading
import time
from contextlib import suppress
from typing import Any

from slixmpp import JID, ComponentXMPP
from slixmpp.exceptions import XMPPError

from slixmpp_inspector import Inspector, Watchdog
from slixmpp_middleware import Caching, Logging, Metrics, Retry, Timeout, Tracing
from slixmpp_pipeline import Entry, PipelineRegistry, install
from slixmpp_pipeline.catalogue import Resource, bare_jid

NASTY = '<img src=x onerror="document.title=1">'
LONG = "an_op_with_a_name_of_eighty_characters_which_is_as_long_as_anybody_ever_gave_one"


class Bot:
    """What the lines may say: a method and its arguments."""

    BASE = 0.001  # seconds between two attempts

    def __init__(self, api: PipelineRegistry) -> None:
        self.api = api
        self.numbers = random.Random(7)
        self.waits = asyncio.Event()
        self.tasks: set[asyncio.Task[None]] = set()
        cards = ((Resource("vcards", "cards"), bare_jid),)
        api.declare("vcards", "get", Entry(reads=cards, cacheable=True, repeatable=True))
        api.declare("vcards", "flaky", Entry(reads=cards, repeatable=True))
        for op in ("get", "set", "flaky", "refuse", "wait", "hold", NASTY, LONG):
            api.register(getattr(self, f"do_{op}", self.do_get), "vcards", op)

    async def do_get(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        await asyncio.sleep(self.numbers.uniform(0.001, 0.03))
        return "a card"

    async def do_an_op_with_a_name_of_eighty_characters_which_is_as_long_as_anybody_ever_gave_one(
        self, jid: JID, node: str, ifrom: JID | None, args: Any
    ) -> str:
        return await self.do_get(jid, node, ifrom, args)

    def do_set(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        sum(range(20_000))

    async def do_flaky(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        await asyncio.sleep(0.002)
        raise ConnectionResetError("the database has gone")

    def do_refuse(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        raise XMPPError("not-authorized")

    async def do_wait(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        await self.waits.wait()

    def do_hold(self, jid: JID, node: str, ifrom: JID | None, args: float) -> None:
        until = time.monotonic() + args
        while time.monotonic() < until:
            time.sleep(0.01)

    async def call(self, op: str, node: str = "", args: Any = None) -> None:
        with suppress(XMPPError, OSError):
            await self.api.run("vcards", op, "romeo@montague.example", node, args=args)

    def calls(self, times: str = "20") -> None:
        """Make some calls of each kind at once."""
        for number in range(int(times)):
            for op in ("get", "set", "flaky", "refuse", NASTY, LONG):
                self._begin(self.call(op, str(number % 7) if op == "get" else ""))

    def hold(self, seconds: str) -> None:
        self._begin(self.call("hold", args=float(seconds)))

    def wait(self, times: str = "3") -> None:
        for _ in range(int(times)):
            self._begin(self.call("wait"))

    def nasty(self) -> None:
        """Let a call wait whose op and whose ctype are markup."""
        self.api.register(self.do_wait, NASTY, NASTY)
        self._begin(self._waits(NASTY))

    async def _waits(self, name: str) -> None:
        await self.api.run(name, name)

    def go_on(self) -> None:
        self.waits.set()

    def many(self, handlers: str) -> None:
        """Register so many handlers more, and call each."""
        for number in range(int(handlers)):
            self.api.register(self.do_set, "plugins", f"op_{number:03}")
            self.api.run("plugins", f"op_{number:03}")

    def uninstall(self) -> None:
        self.api.observe(None)

    def _begin(self, call: Any) -> None:
        task = asyncio.ensure_future(call)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


async def main(token: str, port: str, kind: type[Bot] = Bot) -> None:
    xmpp = ComponentXMPP("vcards.capulet.example", "secret", "127.0.0.1", 1)
    api = install(xmpp, Logging(slow=5), Tracing(), Metrics(), Caching(60), Timeout(60), Retry(2, base=kind.BASE))
    bot, ended, loop = kind(api), asyncio.Event(), asyncio.get_running_loop()

    def listen() -> None:
        for line in sys.stdin:
            what, *words = line.split()
            loop.call_soon_threadsafe(getattr(bot, what), *words)
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=listen, daemon=True).start()
    with (
        Watchdog(api, tell=lambda hold: None) as watchdog,
        Inspector(api, token=token, port=int(port), watchdog=watchdog) as inspector,
    ):
        sys.stdout.write(f"{inspector.address}\n")
        sys.stdout.flush()
        await ended.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
