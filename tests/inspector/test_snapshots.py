"""A snapshot has what there is to see, and a second counts as a second."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slixmpp import JID
from slixmpp.exceptions import XMPPError

from slixmpp_inspector import Hold, Profiler, Watchdog
from slixmpp_inspector.asking import Asking
from slixmpp_inspector.details import Details
from slixmpp_inspector.rates import Rates
from slixmpp_inspector.recorded import Window
from slixmpp_inspector.snapshots import Snapshot, Snapshots
from slixmpp_inspector.stacks import Who
from slixmpp_pipeline import install
from slixmpp_pipeline.testing import FakeClient
from tests.middleware.clock import Clock

WINDOWS: tuple[Window, ...] = ("minute", "start")
KEY = ("weather", "get", "bot.get", "global")


class Looked:
    """A registry, and what looks at it by a clock of the test's."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.clock, self.cpu = Clock(), Clock()
        self.api = install(FakeClient(loop=loop))
        self.profiler = Profiler(clock=self.clock)
        self.api.observe(self.profiler)
        self.watchdog = Watchdog(self.api, tell=lambda _: None, clock=self.clock, cpu_clock=self.cpu)
        asking = Asking(self.api.xmpp)
        self.details = Details(self.api, self.profiler, asking)
        self.snapshots = Snapshots(self.api, self.profiler, self.watchdog, asking)

    async def take(self, window: Window = "minute") -> Snapshot:
        return await self.snapshots.take(window)

    def seconds(self, seconds: int, calls: int = 0) -> None:
        for _ in range(seconds):
            for _ in range(calls):
                self.api.run("weather", "get")
            self.clock.now += 1
            self.snapshots.tick()


async def test_calls_a_second() -> None:
    looked = Looked()
    looked.api.register(lambda *_: "rain", "weather", "get")
    looked.seconds(3, calls=5)
    looked.seconds(2)
    (row,) = (await looked.take()).handlers
    assert row.each_second == [5, 5, 5, 0, 0]
    assert row.per_second == 3
    looked.seconds(70, calls=1)
    (row,) = (await looked.take()).handlers
    assert (len(row.each_second), row.per_second) == (60, 1)


async def test_minute_is_one_although_nobody_looks() -> None:
    looked = Looked()
    looked.api.register(lambda *_: "rain", "weather", "get")
    looked.seconds(10, calls=1)
    looked.seconds(80)
    assert (await looked.take()).handlers == []
    (row,) = (await looked.take("start")).handlers
    assert row.profile.calls == 10


def test_calls_before_the_first_tick_are_of_no_second() -> None:
    rates = Rates({KEY: 1000}, 0.0)
    assert (rates.per_second(KEY), rates.each_second(KEY)) == (0.0, [])
    rates.tick({KEY: 1003}, 1.0)
    assert rates.each_second(KEY) == [3]


def test_late_tick_counts_for_all_seconds_since_the_last() -> None:
    rates = Rates({}, 0.0)
    rates.tick({KEY: 40}, 4.0)
    rates.tick({KEY: 50}, 4.0)  # no time has passed
    assert rates.each_second(KEY) == [10] * 4
    rates.tick({KEY: 50}, 1000.0)
    assert rates.each_second(KEY) == [pytest.approx(10 / 996)] * 60


def test_tick_that_comes_soon_after_another_is_of_the_next_second() -> None:
    rates = Rates({KEY: 0}, 0.0)
    rates.tick({KEY: 5}, 3.0)
    rates.tick({KEY: 10}, 3.005)
    rates.tick({KEY: 10}, 4.0)
    assert rates.each_second(KEY)[3:] == [5]


def test_row_that_is_new_had_no_calls_before() -> None:
    rates = Rates({}, 0.0)
    for second in range(1, 10):
        rates.tick({}, second)
    rates.tick({KEY: 10}, 10)
    assert (rates.per_second(KEY), len(rates.each_second(KEY))) == (1, 10)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 5)), max_size=12))
def test_seconds_add_up_to_the_calls(ticks: list[tuple[int, int]]) -> None:
    rates, calls, now = Rates({}, 0.0), 0, 0.0
    for more, passed in ticks:
        calls, now = calls + more, now + passed
        rates.tick({KEY: calls}, now)
    assert sum(rates.each_second(KEY)) == pytest.approx(calls)


async def test_calls_under_way_have_their_lines_and_are_counted_for_their_handler() -> None:
    looked, waits = Looked(), asyncio.Event()

    async def get(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        if args:
            await waits.wait()

    looked.api.register(get, "weather", "get")
    await looked.api.run("weather", "get")
    futures = [looked.api.run("weather", "get", args=True) for _ in range(25)]
    await asyncio.sleep(0)
    snapshot = await looked.take()
    assert (snapshot.pending, len(snapshot.waiting), snapshot.handlers[0].in_flight) == (25, 20, 25)
    waits.set()
    await asyncio.gather(*futures)


async def test_call_that_ends_while_it_is_asked_for_does_not_wait() -> None:
    looked, waits = Looked(), asyncio.Event()

    async def get(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        await waits.wait()

    looked.api.register(get, "weather", "get")
    future = looked.api.run("weather", "get")
    await asyncio.sleep(0)
    asked = asyncio.ensure_future(looked.take())
    waits.set()
    await future
    assert (await asked).waiting == []


async def test_seconds_that_a_handler_held_the_loop_are_its_own() -> None:
    looked = Looked()

    def hold(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        for _ in range(50):
            looked.clock.now += 0.02
            looked.watchdog._looks.look()

    looked.api.register(hold, "weather", "get")
    looked.api.register(lambda *_: None, "weather", "set")
    for _ in range(3):
        looked.clock.now += 0.02
        looked.watchdog._looks.look()
        await asyncio.sleep(0)
    await looked.api.run("weather", "get")
    await looked.api.run("weather", "set")
    await asyncio.sleep(0)
    during = await looked.take()
    looked.clock.now += 0.02
    looked.watchdog._looks.look()
    after = await looked.take()
    assert during.held is not None
    assert (after.held, after.last_held is not None) == (None, True)
    for snapshot in (during, after):
        held = {row.profile.op: row.held_loop for row in snapshot.handlers}
        assert held["set"] == 0
        assert held["get"] == pytest.approx(1, abs=0.2)


async def test_holds_before_the_minute_count_since_the_start() -> None:
    looked = Looked()
    looked.api.register(lambda *_: "rain", "weather", "get")
    looked.api.run("weather", "get")
    handler = looked.profiler.profiles()[0].handler
    for ago in (100, 61):  # the second ended a second ago less than a minute
        old = Hold(
            began=time.time() - ago,
            seconds=2,
            is_over=True,
            ctype="weather",
            op="get",
            handler=handler,
            tier="global",
            stack=(),
        )
        looked.watchdog._looks.over.append(old)
    looked.watchdog._looks.seconds[Who("weather", "get", handler, "global")] = 4.0
    held = [(await looked.take(window)).handlers[0].held_loop for window in WINDOWS]
    assert held == [pytest.approx(1, abs=0.5), 4.0]


async def test_handlers_without_a_row_are_among_the_others() -> None:
    looked, waits = Looked(), asyncio.Event()

    async def wait(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        await waits.wait()

    for number in range(201):
        looked.api.register(lambda *_: None, "weather", f"get {number}")
        looked.api.run("weather", f"get {number}")
    looked.api.register(wait, "weather", "wait")
    futures = [looked.api.run("weather", "wait", jid) for jid in ("a@b", "c@d")]
    looked.watchdog._looks.seconds[Who("weather", "wait", "x", "global")] = 4.0
    looked.watchdog._looks.seconds[Who(None, None, None, None)] = 8.0  # other code is in no row
    rows = {row.profile.op: row for row in (await looked.take("start")).handlers}
    assert (rows["_OTHER"].in_flight, rows["_OTHER"].held_loop, rows["_OTHER"].profile.calls) == (2, 4.0, 1)
    waits.set()
    await asyncio.gather(*futures)


async def test_handler_whose_first_call_has_not_ended_has_a_row() -> None:
    looked, waits = Looked(), asyncio.Event()

    async def wait(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        await waits.wait()

    looked.api.register(lambda *_: None, "weather", "get")
    looked.api.run("weather", "get")
    looked.api.register(wait, "weather", "wait")
    future = looked.api.run("weather", "wait")
    first, second = (await looked.take()).handlers
    assert (first.profile.op, second.profile.op) == ("get", "wait")
    assert (second.profile.calls, second.in_flight, second.profile.tier) == (0, 1, "global")
    waits.set()
    await future


async def test_calls_under_way_are_counted_for_the_tier() -> None:
    looked, waits = Looked(), asyncio.Event()

    async def get(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        if args:
            await waits.wait()

    for jid in (None, "a@b"):
        looked.api.register(get, "weather", "get", jid=jid)
        await looked.api.run("weather", "get", jid)
    future = looked.api.run("weather", "get", "a@b", args=True)
    rows = {row.profile.tier: row.in_flight for row in (await looked.take()).handlers}
    assert rows == {"global": 0, "jid": 1}
    waits.set()
    await future


def test_lines_are_not_known_where_the_loop_does_not_answer() -> None:
    loop = asyncio.new_event_loop()
    looked = Looked(loop)

    async def get(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        await asyncio.Event().wait()

    looked.api.register(get, "weather", "get")

    async def begin() -> None:
        future = looked.api.run("weather", "get")
        await asyncio.sleep(0)
        tasks.append(future)

    tasks: list[asyncio.Future[Any]] = []
    loop.run_until_complete(begin())
    snapshot = asyncio.run(looked.take())
    assert (snapshot.pending, snapshot.waiting, snapshot.waiting_age) == (1, [], None)
    tasks[0].cancel()
    loop.run_until_complete(asyncio.wait(tasks))
    loop.close()


async def test_hold_of_long_ago_is_not_the_last_one() -> None:
    looked = Looked()
    for ago, is_shown in ((599, True), (601, False)):
        told: dict[str, Any] = dict.fromkeys(("ctype", "op", "handler", "tier"))
        old = Hold(began=time.time() - ago - 2, seconds=2, is_over=True, stack=(), **told)
        looked.watchdog._looks.over.append(old)
        assert ((await looked.take()).last_held == old) is is_shown


async def test_others_have_no_explanation() -> None:
    detail = await Looked().details.of(("_OTHER", "_OTHER", "_OTHER", "_OTHER"), "start")
    assert (detail.explanation.age, detail.explanation.text) == (
        None,
        "these are many handlers, each with layers of its own",
    )


async def test_detail_has_parts_and_failures() -> None:
    looked = Looked()

    async def again(call: Any, call_next: Any) -> Any:
        return await call_next(call)

    def get(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        looked.clock.now += 1
        raise XMPPError("forbidden")

    looked.api.use(again)
    looked.api.register(get, "weather", "get")
    with pytest.raises(XMPPError):
        looked.api.run("weather", "get")
    (profile,) = looked.profiler.profiles()
    detail = await looked.details.of(("weather", "get", profile.handler, "global"), "start")
    assert detail.profile == profile
    assert profile.refused == {"forbidden": 1}
    (slow,) = detail.slowest
    assert ([part.name for part in slow.parts], slow.others, slow.others_seconds) == (["handler"], 1, 0.0)
