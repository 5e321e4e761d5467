"""Flights under random cancellations, timeouts, cleanups that wait, errors and nested reads: nobody waits for ever."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from slixmpp import JID

from slixmpp_middleware import Caching, Timeout
from slixmpp_pipeline import Entry, PipelineRegistry, install
from slixmpp_pipeline.catalogue import Resource, bare_jid
from slixmpp_pipeline.testing import FakeClient

READ = Entry(reads=((Resource("weather", "data"), bare_jid),), cacheable=True)
PLACES = ("verona.example", "mantua.example", "venice.example")
MANY_TURNS = 3000  # of the loop: no program here takes a tenth of them


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


class Failed(Exception):
    """What a handler of these tests raises."""


@dataclass
class Weather:
    """A handler that does something else each time that it is asked: waits, fails, reads, times out, cleans up."""

    chance: random.Random
    api: PipelineRegistry = field(init=False)
    asked: Counter[str] = field(default_factory=Counter)

    async def get(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        place = jid.bare
        self.asked[place] += 1
        if self.asked.total() > 60:
            return f"{place}, cut short"
        try:
            for _ in range(self.chance.randrange(1, 4)):
                await self.step()
        finally:
            if self.chance.random() < 0.3:
                await turns(self.chance.randrange(1, 3))
        return place

    async def step(self) -> None:
        match self.chance.randrange(6):
            case 0 | 1:
                await turns(self.chance.randrange(1, 6))
            case 2 | 3:
                await self.api.run("weather", "get", self.chance.choice(PLACES))
            case 4:
                await self.limited()
            case 5 if self.chance.random() < 0.3:
                raise Failed

    async def limited(self) -> None:
        try:
            async with asyncio.timeout(0):
                try:
                    await turns(5)
                finally:
                    await turns(2)
        except TimeoutError:
            if self.chance.random() < 0.5:
                raise


@pytest.mark.parametrize("start", range(0, 1500, 100))
async def test_nobody_waits_for_ever_and_everybody_gets_an_answer_to_the_question(start: int) -> None:
    for seed in range(start, start + 100):
        chance = random.Random(seed)
        weather = Weather(chance)
        weather.api = api = install(FakeClient(), Caching(1e-9))
        api.declare("weather", "get", READ)
        api.register(weather.get, "weather", "get")
        calls: list[tuple[str, asyncio.Future[Any]]] = []
        for _ in range(chance.randrange(3, 12)):
            place = chance.choice(PLACES)
            calls.append((place, api.run("weather", "get", place)))
            await turns(chance.randrange(0, 5))
            if chance.random() < 0.4:
                chance.choice(calls)[1].cancel()
        for _ in range(MANY_TURNS):
            if all(call.done() for _, call in calls):
                break
            await asyncio.sleep(0)
        assert [call for _, call in calls if not call.done()] == [], f"seed {seed}"
        for place, call in calls:
            if not call.cancelled() and call.exception() is None:
                assert call.result().startswith(place), f"seed {seed}"
            elif not call.cancelled():
                assert isinstance(call.exception(), Failed | TimeoutError), f"seed {seed}"


@pytest.mark.parametrize("cleanup", [0, 1, 5])
@pytest.mark.parametrize("limit", ["asyncio.timeout", "Timeout", "a group of tasks"])
async def test_timeout_inside_a_flight_ends_it_for_all_who_wait(limit: str, cleanup: int) -> None:
    asked: list[str] = []

    async def wait() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await turns(cleanup)

    async def fail() -> None:
        raise TimeoutError

    async def get(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        asked.append(jid.bare)
        match limit:
            case "asyncio.timeout":
                async with asyncio.timeout(0):
                    await wait()
            case "Timeout":
                await wait()
            case _:
                async with asyncio.TaskGroup() as group:
                    group.create_task(fail())
                    await wait()

    layers = (Caching(60), Timeout(0.001)) if limit == "Timeout" else (Caching(60),)
    api = install(FakeClient(), *layers)
    api.declare("weather", "get", READ)
    api.register(get, "weather", "get")
    calls = [api.run("weather", "get", "verona.example") for _ in range(20)]
    errors = await asyncio.gather(*calls, return_exceptions=True)

    assert all(isinstance(error, TimeoutError | ExceptionGroup) for error in errors)
    assert len(asked) <= 2 + cleanup  # others ask while the first cleans up, of whom each has timed out a turn later


async def test_call_that_takes_over_brings_the_flights_that_it_is_inside_of() -> None:
    asked: Counter[str] = Counter()
    gate = asyncio.Event()

    async def get(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        asked[node] += 1
        if asked[node] == 1 and node == "this":
            await gate.wait()
        if asked.total() > 4:
            return "cut short"
        return str(await api.run("weather", "get", jid, "that" if node == "this" else "this"))

    api = install(FakeClient(), Caching(60))
    api.declare("weather", "get", READ)
    api.register(get, "weather", "get")
    first = api.run("weather", "get", "verona.example", "this")
    await turns(3)
    asker = api.run("weather", "get", "verona.example", "that")
    await turns(3)
    first.cancel()
    await turns(50)

    assert asker.done()
    assert asker.result() == "cut short"
