"""A bot whose handlers look as they do in life, for the pictures of the page: a component that keeps people's cards."""

from __future__ import annotations

import asyncio
import hashlib
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from slixmpp import JID
from slixmpp.exceptions import XMPPError

from slixmpp_pipeline import PipelineRegistry
from tests.browser.bot import Bot, main

OPS = {  # how many of 100 stanzas ask for it
    ("xep_0030", "get_items"): 12,
    ("xep_0054", "get_vcard"): 80,
    ("xep_0054", "set_vcard"): 8,
    ("xep_0012", "get_last_activity"): 50,
    ("xep_0077", "user_get"): 15,
    ("xep_0115", "get_verstring"): 90,
    ("xep_0115", "assign_verstring"): 20,
    ("xep_0115", "supports"): 35,
}


JULIET = JID("juliet@capulet.example/garden")


class Cards(Bot):
    """What a component answers whose cards are in a database that is slow now and then."""

    BASE = 0.15

    def __init__(self, api: PipelineRegistry) -> None:
        super().__init__(api)
        for ctype, op in OPS:
            api.register(getattr(self, op), ctype, op)

    async def get_items(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        await self.database(0.11)
        return "all cards"

    async def get_vcard(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        await self.database(0.035)
        return "a card"

    async def set_vcard(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        resize(args)
        await self.database(0.02)

    async def get_last_activity(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> int:
        await self.database(0.004)
        return 90

    async def user_get(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        await self.database(0.006)
        if self.numbers.random() < 0.4:
            raise XMPPError("item-not-found")

    def get_verstring(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        return hashlib.sha1(b"features" * 1000).hexdigest()

    def assign_verstring(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        hashlib.sha1(b"features").hexdigest()

    def supports(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> bool:
        return b"feature" in b"features" * 300

    async def database(self, seconds: float) -> None:
        """Wait about so long; now and then four times as long, or in vain."""
        await asyncio.sleep(self.numbers.lognormvariate(0, 0.35) * seconds * (4 if self.numbers.random() < 0.04 else 1))
        if self.numbers.random() < 0.03:
            raise ConnectionResetError("the database has gone")

    def live(self) -> None:
        """Answer what stanzas ask, from now on."""
        self._begin(self._live())

    def photo(self, seconds: str) -> None:
        """Take a card whose photo is so large."""
        self._begin(self._asked("xep_0054", "set_vcard", float(seconds)))

    async def _live(self) -> None:
        turn = 0
        while True:
            turn += 1
            for (ctype, op), chance in OPS.items():
                if self.numbers.random() < chance / 100:
                    self._begin(self._asked(ctype, op))
            busy = turn // 60 % 3  # some seconds have more of them than others
            await asyncio.sleep(self.numbers.expovariate(6 + 6 * busy))

    async def _asked(self, ctype: str, op: str, args: float = 0.0) -> None:
        await asyncio.sleep(self.numbers.random() / 5)
        jid = f"{self.numbers.choice('abcdefghijklmnopqrstuvwxyz')}@montague.example"
        with suppress(XMPPError, OSError):
            await self.api.run(ctype, op, jid, str(self.numbers.randrange(8)), JULIET, args)


def resize(seconds: float) -> None:
    """Make a photo smaller."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.005)


if __name__ == "__main__":
    # By the name and the place that it would have on a server, which the pictures show.
    named: dict[str, Any] = {"__name__": "directory"}
    exec(compile(Path(__file__).read_text(encoding="utf-8"), "/srv/bot/directory.py", "exec"), named)
    token, port = sys.argv[1:]
    asyncio.run(main(token, port, named["Cards"]))
