"""Behind the layers the order of the writes stays, and whoever gives up waiting gives up no write."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
from slixmpp import JID

from slixmpp_middleware import Caching, Retry, Timeout
from slixmpp_pipeline import CallTimeout, Layer, PipelineRegistry, install
from slixmpp_pipeline.testing import FakeClient
from slixmpp_storage.store import Place, Row
from tests.storage.stores import Client, Passing

JULIET = JID("juliet@capulet.example")
PLACE: Place = ("xep_0153/hash", "juliet@capulet.example")
LAYERS: list[list[Layer]] = [
    [],
    [Retry(3, on=lambda _: True, sleep=lambda _: asyncio.sleep(0))],
    [Timeout(1e6), Retry(3, on=lambda _: True, sleep=lambda _: asyncio.sleep(0))],
    [Retry(3, on=lambda _: True, sleep=lambda _: asyncio.sleep(0)), Timeout(1e6)],
]


class Stored:
    """A client whose avatar hashes are in a journal, behind layers."""

    def __init__(self, *layers: Layer, **settings: Any) -> None:
        self.api: PipelineRegistry = install(FakeClient(), *layers)
        self.client = Client(self.api.xmpp.loop, failed=self._failed, **settings)
        self.api.register(self._set, "xep_0153", "set_hash")
        self.api.register(self._get, "xep_0153", "get_hash")

    def set(self, value: str) -> asyncio.Future[Any]:
        return self.api.run("xep_0153", "set_hash", JULIET, args=value)

    async def get(self) -> str | None:
        answer: str | None = await self.api.run("xep_0153", "get_hash", JULIET)
        return answer

    def _failed(self, place: Place) -> None:
        self.api.invalidate("xep_0153", "set_hash", JID(place[1]))

    def _set(self, jid: JID, node: str, ifrom: JID | None, args: str) -> asyncio.Future[None]:
        return self.client.journal.put(("xep_0153/hash", jid.bare), Row(args, None))

    async def _get(self, jid: JID, node: str, ifrom: JID | None, args: None) -> str | None:
        row = await self.client.get(("xep_0153/hash", jid.bare))
        return None if row is None else row.text


@pytest.fixture
def stored() -> Iterator[Any]:
    """Makes a client with layers, and ends its threads."""
    made: list[Stored] = []

    def make(*layers: Layer, **settings: Any) -> Stored:
        made.append(Stored(*layers, **settings))
        return made[-1]

    yield make
    for one in made:
        one.client.stop()


@pytest.mark.parametrize("layers", LAYERS, ids=["none", "Retry", "Timeout outside", "Timeout inside"])
@pytest.mark.parametrize("failure", [Passing("locked"), ValueError("no")], ids=["may pass", "for good"])
async def test_first_commit_fails_and_the_second_write_is_stored(
    stored: Any, layers: list[Layer], failure: Exception
) -> None:
    one: Stored = stored(*layers, patience=0.0)
    store = one.client.store
    store.failures += [failure]
    store.writing.hold()
    first = one.set("first")
    await asyncio.to_thread(store.writing.wait_until_reached)
    second = one.set("second")
    store.writing.release()
    await asyncio.gather(first, second, return_exceptions=True)
    await one.client.journal.drain()
    assert (second.exception(), store.rows[PLACE].text, await one.get()) == (None, "second", "second")


@pytest.mark.looptime
async def test_timeout_gives_up_waiting_and_drain_waits_for_the_write(stored: Any) -> None:
    one: Stored = stored(Timeout(5, clock=lambda: asyncio.get_running_loop().time()))
    one.client.store.writing.hold()
    with pytest.raises(CallTimeout):
        await one.set("late")
    assert (await one.api.drain(0), await one.client.journal.drain(0)) == (0, 1)
    assert await one.get() == "late"
    one.client.store.writing.release()
    one.client.time.until_idle()
    assert await one.client.journal.drain() == 0
    assert one.client.store.rows == {PLACE: Row("late", None)}


async def test_cache_that_holds_what_was_never_stored_forgets_it(stored: Any) -> None:
    one: Stored = stored(Caching(ttl=60, clock=time.monotonic))
    one.client.store.rows[PLACE] = Row("old", None)
    one.client.store.bad = {PLACE}
    one.client.store.writing.hold()
    given_up = one.set("never stored")
    given_up.cancel()
    await asyncio.wait([given_up])
    assert [await one.get() for _ in range(2)] == ["never stored"] * 2  # the write's call is over: it is cached
    one.client.store.writing.release()
    await one.client.journal.drain()
    one.client.store.bad = set()
    assert await one.get() == "old"
