"""A database of vCards, and calls that ask for them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from slixmpp import JID

from slixmpp_middleware import Caching
from slixmpp_pipeline import PipelineRegistry, install
from slixmpp_pipeline.testing import FakeClient

ROMEO, NURSE = "romeo@montague.example", "nurse@capulet.example"


@dataclass
class Cards:
    """A database of vCards by bare JID, which counts what it is asked."""

    kept: dict[str, Any] = field(default_factory=dict)
    asked: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None

    def get(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.kept.get(jid.bare)

    async def get_slowly(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
        self.asked += 1
        answer = self.kept.get(jid.bare)
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return answer

    def set(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        self.kept[jid.bare] = args


def serve(caching: Caching, cards: Cards, *layers: Any) -> PipelineRegistry:
    api = install(FakeClient(), caching, *layers)
    api.register(cards.get, "xep_0054", "get_vcard")
    api.register(cards.set, "xep_0054", "set_vcard")
    return api


async def get(api: PipelineRegistry, jid: str = ROMEO, ifrom: Any = None, args: Any = None) -> Any:
    return await api.run("xep_0054", "get_vcard", jid, None, ifrom, args)


async def begin(api: PipelineRegistry, cards: Cards, count: int) -> list[asyncio.Future[Any]]:
    """Make `count` calls of one question, which wait for the cards' gate; return them when they do."""
    api.register(cards.get_slowly, "xep_0054", "get_vcard")
    calls = [api.run("xep_0054", "get_vcard", ROMEO) for _ in range(count)]
    await turns()
    return calls


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
