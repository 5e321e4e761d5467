"""What a profiler keeps of calls, what it does not, and that no call is another for it."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import weakref
from functools import partial
from typing import Any

import pytest
from slixmpp import JID
from slixmpp.exceptions import XMPPError

from slixmpp_inspector import Profiler, Span
from slixmpp_inspector.profiler import _renew_locks
from slixmpp_middleware import Caching, Retry, Timeout
from slixmpp_pipeline import Call, CallNext, Event, PipelineRegistry, install
from slixmpp_pipeline.testing import FakeClient
from tests.layers import Reporting, passing
from tests.middleware.clock import Clock

ROMEO = "romeo@montague.example"


class Slow:
    """A layer, and a handler, that take time: that of the test's clock."""

    def __init__(self, clock: Clock, seconds: float, error: Exception | None = None) -> None:
        self.clock, self.seconds, self.error = clock, seconds, error

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        self.clock.now += self.seconds
        return await call_next(call)

    def get(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        self.clock.now += self.seconds
        if self.error is not None:
            raise self.error
        return "rain"


def made(clock: Clock, *layers: Any, seconds: float = 0.25, error: Exception | None = None) -> PipelineRegistry:
    api = install(FakeClient(), *layers)
    api.register(Slow(clock, seconds, error).get, "weather", "get")
    return api


def observed(api: PipelineRegistry, clock: Clock) -> Profiler:
    profiler = Profiler(clock=clock)
    api.observe(profiler)
    return profiler


def test_time_is_told_by_handler_and_by_layer() -> None:
    clock = Clock()
    api = made(clock, Slow(clock, 1), passing)
    profiler = observed(api, clock)
    for _ in range(2):
        assert api.run("weather", "get").done()
    (one,) = profiler.profiles()
    assert (one.ctype, one.op, one.tier, one.calls, one.errors) == ("weather", "get", "global", 2, {})
    assert one.handler == "tests.inspector.test_profiler.Slow.get"
    assert (one.seconds, one.in_handler, one.in_layers) == (2.5, 0.5, {"Slow": 2.0, "passing": 0.0})
    assert one.longest == 1.25
    assert one.p50 == pytest.approx(1.25, rel=0.01)
    assert one.p99 == pytest.approx(1.25, rel=0.01)


def test_layer_that_is_called_handler_is_a_layer() -> None:
    async def handler(call: Call, call_next: CallNext, /) -> Any:
        clock.now += 1
        return await call_next(call)

    clock = Clock()
    profiler = observed(api := made(clock, handler), clock)
    assert api.run("weather", "get").done()
    assert [(one.in_handler, one.in_layers) for one in profiler.profiles()] == [(0.25, {"handler": 1.0})]


async def test_what_goes_on_after_the_answer_is_none_of_the_calls_time() -> None:
    clock, left = Clock(), []

    async def answers_first(call: Call, call_next: CallNext, /) -> str:
        left.append(asyncio.ensure_future(call_next(call)))
        return "soon"

    profiler = observed(api := made(clock, answers_first), clock)
    assert await api.run("weather", "get") == "soon"
    assert await left[0] == "rain"
    assert [(one.seconds, one.in_handler) for one in profiler.profiles()] == [(0.0, 0.0)]


def test_handlers_are_told_apart_and_the_one_with_the_most_time_is_first() -> None:
    clock = Clock()
    api = made(clock)
    api.register(Slow(clock, 3).get, "weather", "get", jid=ROMEO)
    api.register(lambda jid, node, ifrom, args: None, "weather", "set")
    profiler = observed(api, clock)
    for jid in (ROMEO, "juliet@capulet.example"):
        assert api.run("weather", "get", jid).done()
    assert api.run("weather", "set").done()
    assert api.run("weather", "forecast").done()
    assert [(one.op, one.tier, one.seconds) for one in profiler.profiles()] == [
        ("get", "jid", 3.0),
        ("get", "global", 0.25),
        ("set", "global", 0.0),
        ("forecast", "none", 0.0),
    ]
    assert [one.handler for one in profiler.profiles()][-1] is None


def test_handlers_that_are_no_functions_have_their_names() -> None:
    clock = Clock()
    api = install(FakeClient())

    class Handler:
        def __call__(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            """Do nothing."""

    profiler = observed(api, clock)
    for handler in (Handler(), lambda jid, node, args: None, partial(Slow.get, Slow(clock, 0))):
        api.register(handler, "weather", "get")
        assert [api.run("weather", "get").done() for _ in range(2)] == [True, True]
    found = {str(one.handler).removeprefix("tests.inspector.test_profiler."): one.calls for one in profiler.profiles()}
    test = "test_handlers_that_are_no_functions_have_their_names.<locals>"
    assert found == {f"{test}.Handler": 2, f"{test}.<lambda>": 2, "Slow.get": 2}


def test_what_answers_is_booked_where_a_layer_replaces_the_call() -> None:
    async def elsewhere(call: Call, call_next: CallNext, /) -> Any:
        return await call_next(call.replace(jid=ROMEO))

    clock = Clock()
    api = made(clock, elsewhere)
    api.register(lambda jid, node, ifrom, args: "sun", "weather", "get", jid=ROMEO)
    profiler = observed(api, clock)
    assert api.run("weather", "get").result() == "sun"
    assert [one.tier for one in profiler.profiles()] == ["jid"]


def test_a_layer_that_makes_a_call_of_its_own_breaks_nothing() -> None:
    async def own(call: Call, call_next: CallNext, /) -> Any:
        return await call_next(call._replace(node="own"))

    clock = Clock()
    profiler = observed(api := made(clock, own), clock)
    assert api.run("weather", "get").result() == "rain"
    assert [(one.calls, one.in_layers) for one in profiler.profiles()] == [(1, {"own": 0.25})]


def test_calls_that_bypass_a_layer_are_of_the_same_handler() -> None:
    clock = Clock()
    profiler = observed(api := made(clock, Slow(clock, 1), Reporting(Event("breaker"))), clock)
    for _ in range(2):
        assert api.run("weather", "get").done()
        with api.bypass(Slow):
            assert api.run("weather", "get").done()
    (one,) = profiler.profiles()
    assert (one.calls, one.in_handler, one.in_layers) == (4, 1.0, {"Slow": 2.0, "Reporting": 0.0})


class Odd(XMPPError):
    """An error that fails when it is asked."""

    etype = property(lambda _error: 1 / 0)

    def __init__(self) -> None: ...


@pytest.mark.parametrize(
    ("error", "outcome", "name"),
    [
        (LookupError(), "error", "LookupError"),
        (TimeoutError(), "timeout", "TimeoutError"),
        (XMPPError("item-not-found", etype="cancel"), "refused", "item-not-found"),
        (Odd(), "error", "Odd"),
    ],
)
def test_errors_are_counted_by_kind_and_leave_as_they_are(error: Exception, outcome: str, name: str) -> None:
    clock = Clock()
    profiler = observed(api := made(clock, passing, error=error), clock)
    with pytest.raises(type(error)) as raised:
        api.run("weather", "get")
    assert raised.value is error
    (one,) = profiler.profiles()
    assert (one.refused if outcome == "refused" else one.errors) == {name: 1}
    assert {} in (one.refused, one.errors)
    assert [(one.outcome, one.error) for one in profiler.slowest()] == [(outcome, name)]


def test_calls_that_fail_are_told_from_those_that_do_not() -> None:
    clock = Clock()
    profiler = observed(api := made(clock), clock)
    assert api.run("weather", "get").done()
    api.register(Slow(clock, 0, LookupError()).get, "weather", "get")
    with pytest.raises(LookupError):
        api.run("weather", "get")
    assert [(one.calls, one.errors) for one in profiler.profiles()] == [(2, {"LookupError": 1})]


def test_kinds_of_errors_are_bounded() -> None:
    clock = Clock()
    profiler = observed(api := made(clock), clock)
    for number in [*range(25), 3]:
        api.register(Slow(clock, 0, type(f"Error{number}", (Exception,), {})()).get, "weather", "get")
        with pytest.raises(Exception, match=r"^$"):
            api.run("weather", "get")
    (one,) = profiler.profiles()
    assert (len(one.errors), one.errors["_OTHER"]) == (21, 5)


def test_hits_misses_and_retries_are_counted() -> None:
    clock, errors = Clock(), [ConnectionError(), ConnectionError()]

    async def get_hash(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        clock.now += 1
        if errors:
            raise errors.pop()
        return "sha1"

    async def no_sleep(_seconds: float) -> None:
        clock.now += 0.5

    async def main() -> Profiler:
        api = install(FakeClient(), Caching(60, clock=clock), Retry(3, sleep=no_sleep))
        api.register(get_hash, "xep_0153", "get_hash")
        profiler = observed(api, clock)
        for _ in range(3):
            await api.run("xep_0153", "get_hash")
        await asyncio.gather(*(api.run("xep_0153", "get_hash", ROMEO) for _ in range(2)))
        return profiler

    profiler = asyncio.run(main())
    (one,) = profiler.profiles()
    assert (one.calls, one.hits, one.retries, one.errors) == (5, 3, 2, {})
    slowest = profiler.slowest()[0]
    assert (slowest.cache, slowest.attempts, slowest.seconds) == ("miss", 3, 4.0)
    assert slowest.spans == (
        Span("Caching", 0.0, 4.0),
        Span("Retry", 0.0, 4.0),
        Span("handler", 0.0, 1.0),
        Span("handler", 1.5, 2.5),
        Span("handler", 3.0, 4.0),
    )
    assert (one.in_handler, one.in_layers) == (4.0, {"Caching": 0.0, "Retry": 1.0})


async def test_calls_that_wait_for_another_are_joined() -> None:
    gate: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def get_hash(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        return await gate

    api = install(FakeClient(), Caching(60))
    api.register(get_hash, "xep_0153", "get_hash")
    profiler = observed(api, Clock())
    futures = [api.run("xep_0153", "get_hash") for _ in range(3)]
    await asyncio.sleep(0)
    gate.set_result("sha1")
    assert await asyncio.gather(*futures) == ["sha1"] * 3
    assert [(one.calls, one.joined) for one in profiler.profiles()] == [(3, 2)]


def test_the_last_minute_forgets_what_is_older() -> None:
    clock = Clock()
    profiler = observed(api := made(clock, seconds=0.0), clock)
    assert api.run("weather", "get").done()
    counted = []
    for _ in range(8):  # as a page that is looked at
        counted.append(sum(one.calls for one in profiler.profiles("minute")))
        clock.now += 10
    assert counted == [1, 1, 1, 1, 1, 1, 1, 0]
    assert [one.calls for one in profiler.profiles()] == [1]


def test_calls_that_nobody_read_for_long_pass_for_new_and_are_gone_after_a_minute_more() -> None:
    clock = Clock()
    profiler = observed(api := made(clock, seconds=0.0), clock)
    for _ in range(2):
        assert api.run("weather", "get").done()
        clock.now += 300
    assert [one.calls for one in profiler.profiles("minute")] == [2]
    clock.now += 80
    assert profiler.profiles("minute") == []
    assert [one.calls for one in profiler.profiles()] == [2]


def test_the_slowest_are_kept_and_those_of_ten_minutes() -> None:
    clock = Clock()
    api = install(FakeClient())
    profiler = observed(api, clock)
    for number in range(120):
        api.register(Slow(clock, number % 60).get, "weather", "get")
        assert api.run("weather", "get").done()
    assert [one.seconds for one in profiler.slowest()][:4] == [59, 59, 58, 58]
    assert len(profiler.slowest()) == 50
    assert max(one.seconds for one in profiler.slowest("recent")) == 59
    clock.now += 601
    assert profiler.slowest("recent") == []
    assert len(profiler.slowest("start")) == 50


def test_handlers_beyond_the_bound_are_one_and_none_is_held() -> None:
    clock = Clock()
    api = install(FakeClient())
    profiler = observed(api, clock)
    kept = []
    for number in range(300):

        def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            """Do nothing."""

        handler.__qualname__ = f"handler{number}"
        kept.append(weakref.ref(handler))
        api.register(handler, "weather", "get")
        assert api.run("weather", "get").done()
    assert api.run("weather", "get").done()  # the last is known by now
    del handler
    api.unregister("weather", "get")
    gc.collect()
    assert [one for one in kept if one() is not None] == []
    profiles = profiler.profiles()
    assert (len(profiles), sum(one.calls for one in profiles)) == (201, 301)
    assert [one.calls for one in profiles if one.handler == "_OTHER"] == [101]


async def test_a_call_that_is_thrown_away_with_its_loop_is_not_recorded() -> None:
    api = made(Clock(), Timeout(5))
    profiler = observed(api, Clock())

    async def wait(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        await asyncio.Event().wait()

    api.register(wait, "weather", "get")
    future: Any = api.run("weather", "get")
    future.get_coro().close()
    assert profiler.profiles() == []
    future.cancel()


async def test_a_cancelled_call_is_recorded_as_that() -> None:
    api = made(Clock())
    profiler = observed(api, Clock())

    async def wait(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        await asyncio.Event().wait()

    api.register(wait, "weather", "get")
    future = api.run("weather", "get")
    await asyncio.sleep(0)
    future.cancel()
    await asyncio.wait([future])
    assert [one.outcome for one in profiler.slowest()] == ["cancelled"]
    assert [one.errors for one in profiler.profiles()] == [{}]


def test_a_profiler_that_fails_breaks_no_call_and_says_so_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    profiler = observed(api := made(clock), clock)
    monkeypatch.setattr(profiler, "_rows", None)  # until the end: a profiler that lives on is heard of by a fork
    with caplog.at_level(logging.ERROR, "slixmpp_inspector"):
        assert [api.run("weather", "get").result() for _ in range(3)] == ["rain"] * 3
    assert [record.getMessage() for record in caplog.records] == ["the profiler failed, and records no more"]


def test_a_clock_that_goes_back_is_no_duration() -> None:
    clock = Clock()
    profiler = observed(api := made(clock, seconds=-5), clock)
    assert api.run("weather", "get").done()
    assert [one.p99 for one in profiler.profiles()] == [pytest.approx(0.0, abs=1e-8)]


def test_it_says_what_is_allowed() -> None:
    profiler: Any = Profiler()
    with pytest.raises(ValueError, match="window: 'hour' is not allowed"):
        profiler.profiles("hour")
    with pytest.raises(ValueError, match="window: 'minute' is not allowed"):
        profiler.slowest("minute")


def test_without_the_extra_it_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ddsketch.mapping", None)
    with pytest.raises(ImportError, match=r"pip install 'slixmpp-pipeline\[inspector\]'"):
        Profiler()


def test_calls_go_on_in_a_fork_although_a_thread_held_a_lock() -> None:
    api, profiler = install(FakeClient()), Profiler()
    api.observe(profiler)
    api.register(lambda *_: "rain", "weather", "get")
    api.run("weather", "get")
    (row,) = profiler._rows.values()
    for lock in (row._lock, profiler._swapping, profiler._recent._lock, profiler._ever._lock):
        lock.acquire()  # and nobody will release it
    _renew_locks()  # what a child does
    for _ in range(100):
        api.run("weather", "get")
    assert profiler.profiles()[0].calls == 101
    assert len(profiler.slowest()) == 50
