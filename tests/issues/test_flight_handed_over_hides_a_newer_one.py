"""A flight that outlived a change stood in the way of the one after it as soon as its leader was cancelled."""

from __future__ import annotations

import asyncio

from slixmpp_middleware import Caching
from tests.middleware.cards import ROMEO, Cards, begin, get, serve, turns


async def test_calls_join_the_newer_flight() -> None:
    cards = Cards({ROMEO: "Romeo"})
    api = serve(Caching(ttl=60), cards)
    old = await begin(api, cards, 2)
    api.invalidate("xep_0054", "get_vcard")
    newer = asyncio.ensure_future(get(api))
    await turns()
    old[0].cancel()
    await turns()
    asked = cards.asked
    newest = asyncio.ensure_future(get(api))
    await turns()
    cards.gate.set()
    assert [await one for one in (old[1], newer, newest)] == ["Romeo"] * 3
    assert (asked, cards.asked) == (3, 3)
