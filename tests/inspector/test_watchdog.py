"""Who holds the loop is told while it does, and nobody else is."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from slixmpp import JID

from slixmpp_inspector import Hold, Profiler, Watchdog, waiting_calls
from slixmpp_inspector.stacks import running
from slixmpp_inspector.waiting import Waits
from slixmpp_middleware import Caching, Timeout
from slixmpp_pipeline import PipelineRegistry, install
from slixmpp_pipeline.testing import FakeClient
from tests.layers import passing
from tests.middleware.clock import Clock

LOOK = 0.02  # seconds between two looks


class Watched:
    """A registry with a watchdog whose clocks are the test's, and what it has told."""

    def __init__(self, *layers: Any, **settings: Any) -> None:
        self.clock, self.cpu = Clock(), Clock()
        self.told: list[Hold] = []
        self.api = install(FakeClient(), *layers)
        self.dog = Watchdog(self.api, **({"tell": self.told.append} | settings), clock=self.clock, cpu_clock=self.cpu)

    def passes(self, seconds: float) -> None:
        """Let time pass in which the watchdog looks."""
        for _ in range(round(seconds / LOOK)):
            self.clock.now += LOOK
            self.dog._looks.look()

    def is_kept(self, seconds: float, busy: float) -> None:
        """Let time pass in which it cannot look, and in which the process is so busy."""
        self.clock.now += seconds
        self.cpu.now += busy

    async def turns(self, turns: int = 5) -> None:
        """Let the loop answer, and the watchdog ask."""
        for _ in range(turns):
            self.passes(LOOK)
            await asyncio.sleep(0)

    async def run(self, ctype: str, op: str) -> None:
        """Make a call, and let the loop go on."""
        await self.api.run(ctype, op)
        await asyncio.sleep(0)

    def holding(self, seconds: float = 1.0) -> Callable[..., str]:
        """Return a handler that holds the loop."""

        def hold(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
            self.passes(seconds)
            return "rain"

        return hold


def told(holds: list[Hold]) -> list[tuple[str | None, bool, float]]:
    return [(one.op, one.is_over, round(one.seconds, 1)) for one in holds]


@pytest.mark.parametrize("layers", [(), (passing,), (Timeout(5),)], ids=["none", "a layer", "Timeout"])
async def test_handler_that_holds_the_loop_is_told_with_its_line(layers: tuple[Any, ...]) -> None:
    watched = Watched(*layers)
    watched.api.register(watched.holding(), "weather", "get")
    await watched.turns()
    assert (watched.dog.held, watched.told) == (None, [])
    await watched.run("weather", "get")
    await watched.turns()
    begun, over = watched.told
    assert (begun.ctype, begun.op, begun.tier, begun.is_over) == ("weather", "get", "global", False)
    assert begun.handler == "tests.inspector.test_watchdog.Watched.holding.<locals>.hold"
    assert [line.rpartition(" ")[2] for line in begun.stack][:2] == ["Watched.holding.<locals>.hold", "Watched.passes"]
    assert begun.stack[0].startswith(f"{__file__}:")
    assert over.is_over
    assert over.seconds == pytest.approx(1.0, abs=3 * LOOK)
    assert (watched.dog.held, watched.dog.holds()) == (None, [over])


async def test_hold_is_known_while_it_goes_on() -> None:
    watched = Watched()
    seen: list[Hold | None] = []

    def hold(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        watched.passes(1)
        seen.append(watched.dog.held)

    watched.api.register(hold, "weather", "get")
    await watched.turns()
    await watched.run("weather", "get")
    (one,) = seen
    assert one is not None
    assert (one.op, one.is_over) == ("get", False)
    assert one.seconds == pytest.approx(1.0, abs=3 * LOOK)
    assert one.began == pytest.approx(time.time() - 1, abs=5)


async def test_later_step_of_a_coroutine_is_told() -> None:
    watched = Watched(passing)

    async def query() -> None:
        watched.passes(0.5)

    async def get(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        await asyncio.sleep(0)
        await query()

    watched.api.register(get, "weather", "get")
    await watched.turns()
    await watched.run("weather", "get")
    await watched.turns()
    assert told(watched.told) == [("get", False, 0.1), ("get", True, 0.5)]
    assert [line.rpartition(".")[2] for line in watched.told[0].stack[:2]] == ["get", "query"]


async def test_code_that_is_no_handlers_is_told_without_one() -> None:
    watched = Watched()
    await watched.turns()
    asyncio.get_running_loop().call_soon(watched.passes, 0.5)
    await asyncio.sleep(0)
    await watched.turns()
    assert told(watched.told) == [(None, False, 0.1), (None, True, 0.5)]
    assert watched.told[0].handler is None
    assert watched.told[0].stack[0].endswith(" Watched.passes")


async def test_short_work_is_not_told() -> None:
    watched = Watched()
    watched.api.register(watched.holding(0.06), "weather", "get")
    for _ in range(20):
        await watched.turns(1)
        await watched.run("weather", "get")
    assert watched.told == []


async def test_second_handler_of_one_turn_is_a_hold_of_its_own() -> None:
    watched = Watched()
    for op in ("get", "set"):
        watched.api.register(watched.holding(0.5), "weather", op)
    await watched.turns()
    for op in ("get", "set"):
        await watched.api.run("weather", op)
    await asyncio.sleep(0)
    await watched.turns()
    assert [(op, is_over) for op, is_over, _ in told(watched.told)] == [
        ("get", False), ("get", True), ("set", False), ("set", True)
    ]  # fmt: skip
    assert sum(one.seconds for one in watched.dog.holds()) == pytest.approx(1.0, abs=5 * LOOK)


async def test_handler_is_told_once_a_minute_and_then_how_many_were_left_out() -> None:
    watched = Watched()
    watched.api.register(watched.holding(0.5), "weather", "get")
    for _ in range(3):
        await watched.turns()
        await watched.run("weather", "get")
    await watched.turns()
    assert told(watched.told) == [("get", False, 0.1), ("get", True, 0.5)]
    assert len(watched.dog.holds()) == 3
    for _ in range(61):
        watched.is_kept(1, 0)
        await watched.turns()
    await watched.run("weather", "get")
    assert [one.left_out for one in watched.told] == [0, 0, 2]


async def test_what_is_told_of_is_bounded() -> None:
    watched = Watched()
    for number in range(201):
        watched.api.register(watched.holding(0.2), "weather", f"get{number}")
        await watched.turns(2)
        await watched.run("weather", f"get{number}")
    assert len(watched.dog._looks._telling._last) == 200


class TestCodeThatKeepsTheInterpreter:
    """Nobody can look while C code runs: the watchdog wakes late, and the process was busy."""

    async def test_is_told_with_the_handler_that_the_profiler_saw(self) -> None:
        watched = Watched()
        profiler = Profiler(clock=watched.clock)
        watched.api.observe(profiler)
        watched.api.register(lambda jid, node, ifrom, args: watched.is_kept(0.7, 0.4), "weather", "sort")
        await watched.turns()
        await watched.run("weather", "sort")
        await watched.turns()
        assert told(watched.told) == [("sort", False, 0.7), ("sort", True, 0.7)]
        assert watched.told[0].stack == ()

    async def test_is_told_if_the_loop_was_asked_before(self) -> None:
        watched = Watched()
        await watched.turns()
        watched.dog._looks.look()
        watched.is_kept(0.7, 0.4)
        watched.passes(0.04)
        assert told(watched.told) == [(None, False, 0.7), (None, True, 0.7)]

    async def test_that_runs_again_and_again_is_seen(self) -> None:
        watched = Watched()

        def search(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            for _ in range(3):
                watched.is_kept(0.3, 0.2)
                watched.dog._looks.look()

        watched.api.register(search, "weather", "search")
        await watched.turns()
        watched.dog._looks.look()
        await watched.run("weather", "search")
        await watched.turns()
        assert [(one.op, bool(one.stack)) for one in watched.told] == [("search", True), ("search", True)]

    async def test_after_another_handler_in_the_same_turn_is_not_that_ones(self) -> None:
        watched = Watched()
        profiler = Profiler(clock=watched.clock)
        watched.api.observe(profiler)
        watched.api.register(watched.holding(0.5), "weather", "hold")
        watched.api.register(lambda jid, node, ifrom, args: watched.is_kept(0.5, 0.4), "weather", "search")
        await watched.turns()
        await watched.api.run("weather", "hold")
        await watched.api.run("weather", "search")
        watched.passes(2 * LOOK)  # the loop has not answered yet
        await asyncio.sleep(0)
        await watched.turns()
        found = [(one.op, one.seconds) for one in watched.dog.holds()]
        assert [op for op, _ in found] == ["hold", "search"]
        assert [seconds for _, seconds in found] == [pytest.approx(0.5, abs=3 * LOOK)] * 2
        assert [one.held for one in profiler.profiles()] == [pytest.approx(0.0, abs=2 * LOOK)] * 2

    async def test_again_and_again_is_told_of_each(self) -> None:
        watched = Watched()
        watched.api.observe(Profiler(clock=watched.clock))
        watched.api.register(lambda jid, node, ifrom, args: watched.is_kept(0.5, 0.4), "weather", "search")
        await watched.turns()
        for _ in range(3):
            await watched.api.run("weather", "search")
            watched.passes(LOOK)
        await asyncio.sleep(0)
        await watched.turns()
        holds = watched.dog.holds()
        assert [one.op for one in holds] == ["search"] * 3
        assert [one.seconds for one in holds] == [pytest.approx(0.5, abs=2 * LOOK)] * 3

    async def test_that_was_seen_is_not_told_twice(self) -> None:
        watched = Watched()
        profiler = Profiler(clock=watched.clock)
        watched.api.observe(profiler)

        def hold(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            watched.passes(0.3)
            watched.is_kept(0.4, 0.4)

        gate = asyncio.get_running_loop().create_future()

        async def wait(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            await gate

        watched.api.register(hold, "weather", "hold")
        watched.api.register(wait, "weather", "wait")
        await watched.turns()
        future = watched.api.run("weather", "wait")
        await watched.turns()
        await watched.run("weather", "hold")
        gate.set_result(None)
        await future
        await watched.turns()
        assert [one.op for one in watched.dog.holds()] == ["hold"]
        (waited,) = [one for one in profiler.slowest() if one.op == "wait"]
        assert waited.held <= waited.seconds
        assert waited.held == pytest.approx(0.7, abs=3 * LOOK)

    async def test_is_told_though_the_watchdog_stops_at_once(self) -> None:
        watched = Watched()
        await watched.turns()
        watched.is_kept(0.7, 0.4)
        watched.dog._looks.end()
        assert told(watched.told) == [(None, False, 0.7), (None, True, 0.7)]

    async def test_without_a_profiler_is_told_without_a_handler(self) -> None:
        watched = Watched()
        await watched.turns()
        watched.is_kept(0.7, 0.4)
        await watched.turns()
        assert told(watched.told) == [(None, False, 0.7), (None, True, 0.7)]

    async def test_that_no_handler_covers_is_nobodys(self) -> None:
        watched = Watched()
        watched.api.observe(Profiler(clock=watched.clock))
        watched.api.register(watched.holding(0.5), "weather", "get")
        await watched.turns()
        await watched.run("weather", "get")
        await watched.turns()
        watched.is_kept(0.7, 0.4)
        await watched.turns()
        assert [one.op for one in watched.dog.holds()] == ["get", None]

    async def test_of_the_shortest_call_that_covers_it(self) -> None:
        watched = Watched()
        watched.api.observe(Profiler(clock=watched.clock))
        gate = asyncio.get_running_loop().create_future()

        async def innocent(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            await gate

        watched.api.register(innocent, "weather", "wait")
        watched.api.register(lambda jid, node, ifrom, args: watched.is_kept(0.7, 0.4), "weather", "sort")
        await watched.turns()
        future = watched.api.run("weather", "wait")
        await watched.turns()
        await watched.run("weather", "sort")
        gate.set_result(None)
        await future
        await watched.turns()
        assert [one.op for one in watched.dog.holds()] == ["sort"]

    @pytest.mark.parametrize(("seconds", "busy"), [(1.0, 0.0), (0.3, 0.01), (0.06, 0.06)])
    async def test_is_not_what_happens_in_a_process_that_did_not_run(self, seconds: float, busy: float) -> None:
        watched = Watched()
        for is_asked in (False, True):
            await watched.turns()
            if is_asked:
                watched.dog._looks.look()
            watched.is_kept(seconds, busy)
            await watched.turns()
        assert watched.told == []


class TestVictims:
    """A handler that waits, while another holds the loop, is slow by no fault of its own."""

    async def held_for_four_seconds(self, watched: Watched, victims: int) -> Profiler:
        profiler = Profiler(clock=watched.clock)
        watched.api.observe(profiler)
        gate = asyncio.get_running_loop().create_future()

        async def innocent(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            await gate

        watched.api.register(innocent, "weather", "wait")
        watched.api.register(watched.holding(4), "weather", "hold")
        await watched.turns()
        futures = [watched.api.run("weather", "wait") for _ in range(victims)]
        await watched.turns()
        await watched.run("weather", "hold")
        gate.set_result(None)
        await asyncio.gather(*futures)
        await watched.turns()
        return profiler

    async def test_are_marked_and_do_not_hide_who_did_it(self) -> None:
        profiler = await self.held_for_four_seconds(Watched(), 60)
        culprit, *others = profiler.slowest()
        assert (culprit.op, culprit.held) == ("hold", 0.0)
        assert culprit.seconds == pytest.approx(4.0, abs=0.1)
        assert {one.op for one in others} == {"wait"}
        assert min(one.held for one in others) == pytest.approx(4.0, abs=0.2)

    async def test_are_below_in_the_table_too(self) -> None:
        profiler = await self.held_for_four_seconds(Watched(), 5)
        for window in ("start", "minute"):
            culprit, victim = profiler.profiles(window)
            assert (culprit.op, culprit.held, victim.op) == ("hold", 0.0, "wait")
            assert victim.held == pytest.approx(5 * 4.0, abs=1)

    async def test_of_more_than_a_minute_ago_are_none_of_the_last(self) -> None:
        watched = Watched()
        profiler = await self.held_for_four_seconds(watched, 5)
        watched.api.register(lambda jid, node, ifrom, args: None, "weather", "wait")
        for _ in range(12):
            watched.clock.now += 10
            profiler.profiles()
        await watched.run("weather", "wait")
        assert [(one.op, one.held) for one in profiler.profiles("minute")] == [("wait", 0.0)]

    async def test_are_told_while_the_loop_is_held(self) -> None:
        watched = Watched()
        profiler = Profiler(clock=watched.clock)
        watched.api.observe(profiler)

        async def inner(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            """Answer, in the call that holds the loop."""

        def outer(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            watched.passes(1)
            watched.api.run("weather", "inner")

        watched.api.register(inner, "weather", "inner")
        watched.api.register(outer, "weather", "outer")
        await watched.turns()
        await watched.run("weather", "outer")
        assert [(one.op, one.held) for one in profiler.slowest()] == [("outer", 0.0), ("inner", 0.0)]


class TestLoop:
    """It may be off, change, or be idle."""

    def test_that_is_off_is_not_asked(self) -> None:
        loop = asyncio.new_event_loop()
        watched = Watched()
        watched.api.xmpp.loop = loop
        watched.passes(1)
        assert watched.told == []
        loop.close()

    async def test_that_went_is_forgotten_with_its_hold(self) -> None:
        watched = Watched()

        def hold(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            watched.passes(0.5)
            here, watched.api.xmpp.loop = watched.api.xmpp.loop, asyncio.new_event_loop()
            watched.passes(0.5)
            watched.api.xmpp.loop.close()
            watched.api.xmpp.loop = here

        watched.api.register(hold, "weather", "get")
        await watched.turns()
        await watched.run("weather", "get")
        await watched.turns()
        assert told(watched.told) == [("get", False, 0.1), ("get", True, 0.5)]

    async def test_that_closes_while_it_is_asked_is_left_alone(self) -> None:
        class Closing:
            def is_running(self) -> bool:
                return True

            def call_soon_threadsafe(self, *_: Any) -> None:
                raise RuntimeError("Event loop is closed")

        watched = Watched()
        here = watched.api.xmpp.loop
        watched.api.xmpp.loop = Closing()
        watched.passes(1)
        watched.api.xmpp.loop = here
        await watched.turns()
        assert watched.told == []

    async def test_that_is_idle_holds_nothing(self) -> None:
        watched = Watched()
        event = threading.Event()
        thread = threading.Thread(target=event.wait)
        thread.start()
        watched.dog._looks._loop_thread = thread.ident or 0
        watched.passes(1)  # the loop does not answer, and its thread is at no callback
        assert watched.told == []
        event.set()
        thread.join()

    def test_whose_thread_is_gone_runs_nothing(self) -> None:
        assert running(None) is None


async def test_seconds_are_counted_by_op() -> None:
    reader = InMemoryMetricReader()
    watched = Watched(meter_provider=MeterProvider([reader]))
    watched.api.register(watched.holding(0.5), "weather", "get")
    await watched.turns()
    await watched.run("weather", "get")
    await watched.turns()
    found: Any = reader.get_metrics_data()
    (metric,) = found.resource_metrics[0].scope_metrics[0].metrics
    (point,) = metric.data.data_points
    assert (metric.name, metric.unit) == ("xmpp.api.loop.held", "s")
    assert dict(point.attributes) == {"xmpp.api.ctype": "weather", "xmpp.api.op": "get"}
    assert point.value == pytest.approx(0.5, abs=3 * LOOK)


async def test_holds_are_logged_as_calls_are() -> None:
    watched = Watched(tell=None)
    watched.api.register(watched.holding(0.5), "weather", "get")
    await watched.turns()
    with structlog.testing.capture_logs() as events:
        await watched.run("weather", "get")
        await watched.turns()
        asyncio.get_running_loop().call_soon(watched.passes, 0.5)
        await watched.turns()
    of_handler, of_other = events[:2], events[2:]
    assert [(one["event"], one["ctype"], one["op"]) for one in of_handler] == [
        ("call.held", "weather", "get"), ("call.released", "weather", "get")
    ]  # fmt: skip
    assert of_handler[0].keys() >= {"handler", "tier", "duration", "stack", "left_out", "log_level"}
    assert of_handler[1].keys() == {"event", "ctype", "op", "handler", "tier", "duration", "log_level"}
    assert [(one["event"], one["ctype"], one["op"]) for one in of_other] == [
        ("call.held", "_OTHER", "_OTHER"), ("call.released", "_OTHER", "_OTHER")
    ]  # fmt: skip


async def test_who_is_told_may_fail(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_hold: Hold) -> None:
        raise LookupError

    watched = Watched(tell=fail)
    watched.api.register(watched.holding(0.5), "weather", "get")
    await watched.turns()
    with caplog.at_level(logging.ERROR, "slixmpp_inspector"):
        await watched.run("weather", "get")
        await watched.turns()
    assert [one.getMessage() for one in caplog.records] == ["a hold could not be told"] * 2
    assert len(watched.dog.holds()) == 1


class TestThread:
    """The thread that looks."""

    @pytest.fixture
    def api(self) -> Iterator[PipelineRegistry]:
        before = set(threading.enumerate())
        yield install(FakeClient())
        assert set(threading.enumerate()) == before

    async def test_tells_of_a_handler_while_that_holds_the_loop(self) -> None:
        api = install(FakeClient())
        holds: list[Hold] = []

        def spin(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            until = time.monotonic() + 20
            while not holds and time.monotonic() < until:
                pass

        api.register(spin, "weather", "get")
        with Watchdog(api, 0.05, tell=holds.append):
            await api.run("weather", "get")
        assert [(one.op, one.is_over) for one in holds] == [("get", False), ("get", True)]
        assert holds[0].stack[0].endswith("spin")

    def test_begins_once_and_ends(self, api: PipelineRegistry) -> None:
        dog = Watchdog(api)
        dog.stop()
        dog.start()
        with pytest.raises(RuntimeError, match="started already"):
            dog.start()
        dog.stop()
        with dog:
            assert dog.held is None

    def test_that_fails_says_so(self, api: PipelineRegistry, caplog: pytest.LogCaptureFixture) -> None:
        def broken() -> float:
            if threading.current_thread() is not threading.main_thread():
                raise LookupError
            return 0.0

        with caplog.at_level(logging.ERROR, "slixmpp_inspector"):
            dog = Watchdog(api, 0.01, cpu_clock=broken)
            dog.start()
            thread = dog._thread
            assert thread is not None
            thread.join(20)
            dog.stop()
        assert [one.getMessage() for one in caplog.records] == ["the watchdog failed, and looks no more"]

    def test_holds_no_registry_after_its_end(self) -> None:
        api = install(FakeClient())
        with Watchdog(api):
            pass
        alive = weakref.ref(api)
        api.xmpp.api = None
        del api
        gc.collect()
        assert alive() is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"threshold": "1"}, "threshold: '1' is str; seconds are allowed"),
        ({"threshold": True}, "threshold: True is bool"),
        ({"threshold": 0}, "threshold: 0 is not allowed"),
        ({"threshold": float("inf")}, "threshold: inf is not allowed"),
        ({"tell": 5}, "tell: 5 is int; a function is allowed"),
        ({"clock": None}, "clock: None is NoneType"),
        ({"meter_provider": 5}, "meter_provider: 5 is int; a MeterProvider or None is allowed"),
    ],
)
def test_it_says_what_is_allowed(given: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        Watchdog(install(FakeClient()), **given)
    with pytest.raises(TypeError, match="api: 5 is int"):
        Watchdog(5, **given)  # type: ignore[arg-type]


async def test_calls_that_wait_are_shown_with_the_line() -> None:
    async def query() -> None:
        await asyncio.sleep(3600)

    async def get(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        await query()

    api = install(FakeClient(), passing)
    api.register(get, "weather", "get")
    future = api.run("weather", "get")
    (one,) = waiting_calls(api)
    assert (one.ctype, one.op, one.handler) == ("weather", "get", f"{__name__}.{get.__qualname__}")
    assert [line.rpartition(".")[2].rpartition(" ")[2] for line in one.stack][-3:] == [
        "get",
        "query",
        "py:653 sleep"[-5:],
    ]
    assert one.stack[-2].startswith(f"{__file__}:")
    assert one.age < 60
    future.cancel()
    with pytest.raises(TypeError, match="api: 5 is int"):
        waiting_calls(5)  # type: ignore[arg-type]


async def test_stack_is_shown_from_the_handler_and_to_the_end() -> None:
    watched = Watched()

    def deep(level: int) -> None:
        if level:
            deep(level - 1)
        else:
            watched.passes(0.5)

    watched.api.register(lambda jid, node, ifrom, args: deep(40), "weather", "get")
    await watched.turns()
    await watched.run("weather", "get")
    stack = watched.told[0].stack
    assert len(stack) == 20
    assert "<lambda>" in stack[0]
    assert stack[-2].endswith(("Watched.passes", "Looks.look"))
    assert sys.getrecursionlimit() > 40


async def test_places_where_calls_wait_are_counted() -> None:
    async def wait(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        await gate

    api, gate, waits = install(FakeClient()), asyncio.get_running_loop().create_future(), Waits()
    api.register(wait, "weather", "get")
    waits.look(api, 0.0)
    futures = [api.run("weather", "get") for _ in range(3)]
    waits.look(api, 0.0)
    waits.look(api, 60.0)  # none is so old
    ((place, share),) = waits.most(5)
    assert (place.op, place.age) == ("get", 0.0)
    assert share == pytest.approx(1 / 3)
    assert place.stack[-1].endswith(".wait")
    gate.set_result(None)
    await asyncio.gather(*futures)


async def test_places_are_bounded() -> None:
    waits = Waits()
    for number in range(250):
        api = install(FakeClient())

        async def wait(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            await asyncio.sleep(3600)

        api.register(wait, "weather", f"get{number}")
        future = api.run("weather", f"get{number}")
        waits.look(api, 0.0)
        future.cancel()
    assert len(waits.most(1000)) == 200


async def test_looking_on_and_off_under_load_loses_nothing(tmp_path: Path) -> None:
    asked: Counter[str] = Counter()

    async def get_hash(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        asked[jid.user] += 1
        await asyncio.sleep(0)
        return f"sha1 of {jid.user}"

    async def ask(number: int) -> str:
        answer: str = await api.run("xep_0153", "get_hash", f"user{number % 20}@montague.example")
        return answer

    threads = set(threading.enumerate())
    caching = Caching(60)
    api = install(FakeClient(), caching, Timeout(5))
    api.register(get_hash, "xep_0153", "get_hash")
    calls: list[asyncio.Task[str]] = []
    for turn in range(10):
        profiler = Profiler()
        api.observe(profiler)
        with Watchdog(api, 0.05, tell=lambda _: None), profiler.write(tmp_path / "calls.jsonl"):
            calls += [asyncio.create_task(ask(number)) for number in range(100)]
            await asyncio.sleep(0)
        api.observe(None)
        calls += [asyncio.create_task(ask(number)) for number in range(100)]
        await asyncio.sleep(0 if turn % 2 else 0.001)
    answers = await asyncio.gather(*calls)
    assert answers == [f"sha1 of user{number % 20}" for number in [*range(100)] * 20]
    assert set(asked.values()) == {1}
    statistics = caching.statistics(api)
    assert statistics.hits + statistics.misses + statistics.joined + statistics.passed == 2000
    assert set(threading.enumerate()) == threads
    assert asyncio.all_tasks() == {asyncio.current_task()}
