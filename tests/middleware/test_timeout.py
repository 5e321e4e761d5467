"""Timeout ends what takes too long, and only that."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from slixmpp import JID
from slixmpp.exceptions import XMPPError

from slixmpp_middleware import Timeout
from slixmpp_pipeline import Call, CallNext, CallTimeout, Handler, Layer, PipelineRegistry, install
from slixmpp_pipeline.testing import FakeClient, Recorder
from tests.layers import passing
from tests.middleware.clock import Clock


def time() -> float:
    """Return the loop's time, which is virtual in these tests and starts at 0."""
    return asyncio.get_running_loop().time()


async def sleep(jid: JID, node: str, ifrom: JID | None, args: float) -> str:
    await asyncio.sleep(args)
    return f"slept {args}"


def sleep_plainly(jid: JID, node: str, ifrom: JID | None, args: float) -> Any:
    return sleep(jid, node, ifrom, args)


def sleep_as_a_task(jid: JID, node: str, ifrom: JID | None, args: float) -> Any:
    return asyncio.create_task(sleep(jid, node, ifrom, args))


class SleepyObject:
    async def __call__(self, jid: JID, node: str, ifrom: JID | None, args: float) -> str:
        return await sleep(jid, node, ifrom, args)


HANDLERS: list[Handler] = [sleep, sleep_plainly, sleep_as_a_task, SleepyObject()]

# Alone, Timeout is driven by hand in front of a plain function; a user's layer makes the whole call a Task.
AROUND = [pytest.param([], id="alone"), pytest.param([passing], id="in a user's layer")]


def timed(handler: Handler, seconds: float, *around: Layer, op: tuple[str, str] = ("c", "x")) -> PipelineRegistry:
    """Return a registry with a timeout on the loop's time, in front of `handler`."""
    api = install(FakeClient(), *around, Timeout(seconds, clock=asyncio.get_running_loop().time))
    api.register(handler, *op)
    return api


@pytest.mark.looptime
@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("handler", HANDLERS)
class TestTime:
    async def test_too_long_ends_the_call(self, around: list[Layer], handler: Handler) -> None:
        api = timed(handler, 2, *around)
        with pytest.raises(CallTimeout) as raised:
            await api.run("c", "x", args=10)
        assert time() == 2
        assert (raised.value.seconds, raised.value.call.name) == (2, "c x")
        assert api.pending == 0

    async def test_short_enough_leaves_the_answer(self, around: list[Layer], handler: Handler) -> None:
        api = timed(handler, 2, *around)
        assert await api.run("c", "x", args=1.5) == "slept 1.5"
        assert time() == 1.5
        await asyncio.sleep(10)  # a timer left armed would have nothing good to do

    async def test_is_counted_for_each_call(self, around: list[Layer], handler: Handler) -> None:
        api = timed(handler, 2, *around)
        first = api.run("c", "x", args=10)
        await asyncio.sleep(1)
        second = api.run("c", "x", args=10)
        with pytest.raises(CallTimeout):
            await first
        assert (time(), second.done()) == (2, False)
        with pytest.raises(CallTimeout):
            await second
        assert time() == 3

    async def test_never_cancels_the_caller(self, around: list[Layer], handler: Handler) -> None:
        api = timed(handler, 2, *around)
        caller = asyncio.current_task()
        assert caller is not None
        future = api.run("c", "x", args=10)
        await asyncio.sleep(5)
        assert caller.cancelling() == 0
        assert isinstance(future.exception(), CallTimeout)

    async def test_of_the_caller_is_the_callers_own(self, around: list[Layer], handler: Handler) -> None:
        api = timed(handler, 2, *around)
        with pytest.raises(TimeoutError) as raised:
            async with asyncio.timeout(1):
                await api.run("c", "x", args=10)
        assert type(raised.value) is TimeoutError
        assert time() == 1
        await api.drain()
        assert time() == 1

    async def test_is_not_what_ends_a_call_that_the_user_cancels(self, around: list[Layer], handler: Handler) -> None:
        api = timed(handler, 2, *around)
        for seconds in (0, 1):
            future = api.run("c", "x", args=10)
            await asyncio.sleep(seconds)
            future.cancel()
            await asyncio.wait([future])
            assert future.cancelled()

    async def test_is_not_what_ends_a_call_that_is_cancelled_at_once(
        self, around: list[Layer], handler: Handler
    ) -> None:
        api = timed(handler, 2, *around)
        future = api.run("c", "x", args=10)
        future.cancel()
        await asyncio.wait([future])
        assert future.cancelled()
        assert time() == 0


@pytest.mark.looptime
class TestError:
    async def test_says_what_happened_and_what_a_peer_should_see(self) -> None:
        api = timed(sleep, 0.5, op=("xep_0054", "get_vcard"))
        with pytest.raises(CallTimeout) as raised:
            await api.run("xep_0054", "get_vcard", args=1)
        error = raised.value
        assert str(error) == "xep_0054 get_vcard did not end within 0.5 s"
        assert (error.condition, error.etype, error.text) == ("remote-server-timeout", "wait", "")
        assert isinstance(error, TimeoutError)
        assert isinstance(error, XMPPError)
        assert type(error.__cause__) is TimeoutError

    @pytest.mark.parametrize("error", [TimeoutError("mine"), TimeoutError(), LookupError()])
    @pytest.mark.parametrize("seconds", [0, 1])
    async def test_of_the_handler_passes_as_it_is(self, error: Exception, seconds: float) -> None:
        async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            if seconds:
                await asyncio.sleep(seconds)
            raise error

        api = timed(handler, 2)
        with pytest.raises(type(error)) as raised:
            await api.run("c", "x")
        assert raised.value is error

    async def test_of_a_plain_function_passes_as_it_is_at_the_call(self) -> None:
        error = TimeoutError("mine")

        def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            raise error

        api = timed(handler, 2)
        with pytest.raises(TimeoutError) as raised:
            _ = api.run("c", "x")
        assert raised.value is error

    async def test_of_a_call_inside_the_handler_passes_as_it_is(self) -> None:
        api = timed(sleep, 5, op=("c", "inner"))
        api.override(Timeout(1, clock=asyncio.get_running_loop().time), "c", "inner")
        inner: list[BaseException | None] = []

        async def outer(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            future = api.run("c", "inner", args=10)
            await asyncio.wait([future])
            inner.append(future.exception())
            await future

        api.register(outer, "c", "outer")
        with pytest.raises(CallTimeout) as raised:
            await api.run("c", "outer")
        assert time() == 1
        assert [raised.value] == inner
        assert raised.value.call.op == "inner"


@pytest.mark.looptime
class TestNested:
    @pytest.mark.parametrize(("outer", "inner"), [(5, 2), (2, 5), (2, 2)])
    @pytest.mark.parametrize("handler", [sleep, sleep_plainly])
    async def test_the_shorter_ends_the_call_once(self, outer: float, inner: float, handler: Handler) -> None:
        clock = asyncio.get_running_loop().time
        api = install(FakeClient(), Timeout(outer, clock=clock), Timeout(inner, clock=clock))
        api.register(handler, "c", "x")
        with pytest.raises(CallTimeout) as raised:
            await api.run("c", "x", args=10)
        assert (time(), raised.value.seconds) == (2, 2)

    async def test_the_outer_does_not_take_the_inners_error_for_its_own(self) -> None:
        clock = asyncio.get_running_loop().time
        recorder = Recorder()
        api = install(FakeClient(), Timeout(5, clock=clock), recorder, Timeout(2, clock=clock))
        api.register(sleep, "c", "x")
        with pytest.raises(CallTimeout) as raised:
            await api.run("c", "x", args=10)
        assert recorder.outcomes == [raised.value]

    async def test_outside_a_repetition_is_the_total_and_inside_one_attempt(self) -> None:
        attempts: list[float] = []

        async def repeating(call: Call, call_next: CallNext, /) -> Any:
            while True:
                attempts.append(time())
                try:
                    return await call_next(call)
                except CallTimeout:
                    continue

        clock = asyncio.get_running_loop().time
        api = install(FakeClient(), Timeout(5, clock=clock), repeating, Timeout(2, clock=clock))
        api.register(sleep, "c", "x")
        with pytest.raises(CallTimeout) as raised:
            await api.run("c", "x", args=10)
        assert (time(), raised.value.seconds) == (5, 5)
        assert attempts == [0, 2, 4]

    async def test_time_before_the_first_suspension_counts_for_the_outer(self) -> None:
        """A plain function that blocks: its time is gone when the timers are armed."""
        clock = Blocking()

        def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
            clock.blocked += 3
            return asyncio.sleep(10)

        api = install(FakeClient(), Timeout(5, clock=clock))
        api.register(handler, "c", "x")
        with pytest.raises(CallTimeout):
            await api.run("c", "x")
        assert time() == 2  # and 3 seconds of the function

    async def test_time_that_is_up_before_the_first_suspension_ends_the_call_then(self) -> None:
        clock = Blocking()

        def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
            clock.blocked += 30
            return asyncio.sleep(10)

        api = install(FakeClient(), Timeout(5, clock=clock))
        api.register(handler, "c", "x")
        with pytest.raises(CallTimeout):
            await api.run("c", "x")
        assert time() == 0


@dataclass
class Blocking:
    """The loop's time, and what was spent while the loop could not turn."""

    blocked: float = 0

    def __call__(self) -> float:
        return time() + self.blocked


class TestPlainFunction:
    @pytest.mark.looptime
    async def test_cannot_be_interrupted_and_its_late_answer_counts(self) -> None:
        clock = Blocking()

        def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
            clock.blocked += 30
            return "late"

        api = install(FakeClient(), Timeout(5, clock=clock))
        api.register(handler, "c", "x")
        assert api.run("c", "x").result() == "late"

    @pytest.mark.looptime
    async def test_may_answer_with_a_future_that_is_done(self) -> None:
        def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
            future = asyncio.get_running_loop().create_future()
            future.set_result("answer")
            return future

        api = timed(handler, 5)
        assert api.run("c", "x").result() == "answer"

    async def test_behind_it_sees_the_callers_task(self) -> None:
        """Most calls do not suspend, and these cost no Task and no timer."""
        api = timed(lambda jid, node, ifrom, args: (asyncio.current_task(),), 5)
        assert api.run("c", "x").result() == (asyncio.current_task(),)


@pytest.mark.looptime
@pytest.mark.parametrize("around", AROUND)
class TestHandler:
    async def test_has_its_finally_blocks_run_when_time_is_up(self, around: list[Layer]) -> None:
        ended: list[str] = []

        async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                ended.append("cancelled")
                raise
            finally:
                await asyncio.sleep(1)
                ended.append("cleaned up")

        api = timed(handler, 2, *around)
        with pytest.raises(CallTimeout):
            await api.run("c", "x")
        assert ended == ["cancelled", "cleaned up"]
        assert time() == 3

    async def test_has_its_finally_blocks_run_when_it_is_cancelled_at_once(self, around: list[Layer]) -> None:
        ended: list[float] = []

        async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            try:
                await asyncio.sleep(10)
            finally:
                ended.append(time())

        api = timed(handler, 2, *around)
        future = api.run("c", "x")
        future.cancel()
        await asyncio.wait([future])
        assert future.cancelled()
        assert ended == [0]

    async def test_that_swallows_the_cancellation_has_its_answer_counted(self, around: list[Layer]) -> None:
        async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                await asyncio.sleep(1)
            return "late"

        api = timed(handler, 2, *around)
        assert await api.run("c", "x") == "late"
        assert time() == 3

    async def test_that_makes_its_own_error_of_the_cancellation_raises_that(self, around: list[Layer]) -> None:
        error = LookupError()

        async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                raise error from None
            return "late"

        api = timed(handler, 2, *around)
        with pytest.raises(LookupError) as raised:
            await api.run("c", "x")
        assert raised.value is error

    @pytest.mark.parametrize("first", [0, 0.5])
    async def test_that_cleans_up_for_long_after_the_user_cancelled_is_cancelled(
        self, around: list[Layer], first: float
    ) -> None:
        """The time is up while the handler still cleans up: the user has cancelled, and hears no other word."""

        async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            try:
                await asyncio.sleep(first)
                await asyncio.sleep(10)
            finally:
                await asyncio.sleep(60)

        api = timed(handler, 2, *around)
        future = api.run("c", "x")
        future.cancel()
        await asyncio.wait([future])
        assert future.cancelled()

    async def test_may_use_a_shorter_timeout_of_its_own(self, around: list[Layer]) -> None:
        async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
            try:
                async with asyncio.timeout(1):
                    await asyncio.sleep(10)
            except TimeoutError:
                return "gave up"
            return "slept"

        api = timed(handler, 2, *around)
        assert await api.run("c", "x") == "gave up"
        assert time() == 1

    async def test_may_raise_its_own_timeouts_error(self, around: list[Layer]) -> None:
        async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            async with asyncio.timeout(1):
                await asyncio.sleep(10)

        api = timed(handler, 2, *around)
        with pytest.raises(TimeoutError) as raised:
            await api.run("c", "x")
        assert type(raised.value) is TimeoutError
        assert time() == 1

    async def test_is_ended_also_inside_a_longer_timeout_of_its_own(self, around: list[Layer]) -> None:
        async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            async with asyncio.timeout(5):
                await asyncio.sleep(10)

        api = timed(handler, 2, *around)
        with pytest.raises(CallTimeout):
            await api.run("c", "x")
        assert time() == 2

    async def test_may_run_a_task_group_which_ends_with_it(self, around: list[Layer]) -> None:
        ended: list[float] = []

        async def work() -> None:
            try:
                await asyncio.sleep(10)
            finally:
                ended.append(time())

        async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(work())
                group.create_task(work())

        api = timed(handler, 2, *around)
        with pytest.raises(CallTimeout):
            await api.run("c", "x")
        assert ended == [2, 2]

    async def test_that_wakes_up_often_is_ended_all_the_same(self, around: list[Layer]) -> None:
        async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            while True:
                await asyncio.sleep(0)
                await asyncio.sleep(0.25)

        api = timed(handler, 2, *around)
        with pytest.raises(CallTimeout):
            await api.run("c", "x")
        assert time() == 2


class TestLoopOff:
    @pytest.mark.parametrize("around", AROUND)
    @pytest.mark.parametrize("plain", [False, True])
    def test_time_before_the_loop_starts_is_not_counted(
        self, around: list[Layer], plain: bool, clock: Clock, idle_loop: asyncio.AbstractEventLoop
    ) -> None:
        api = install(FakeClient(loop=idle_loop), *around, Timeout(5, clock=clock))

        async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
            for _ in range(10):
                await asyncio.sleep(0)
            return "answer"

        def returning(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
            return handler(jid, node, ifrom, args)

        api.register(returning if plain else handler, "c", "x")
        future = api.run("c", "x")
        clock.now += 1000
        assert idle_loop.run_until_complete(future) == "answer"

    def test_plain_function_has_acted_when_run_returns(self, idle_loop: asyncio.AbstractEventLoop) -> None:
        api = install(FakeClient(loop=idle_loop), Timeout(5))
        api.register(lambda jid, node, ifrom, args: "answer", "c", "x")
        assert api.run("c", "x").result() == "answer"

    @pytest.mark.parametrize("plain", [False, True])
    def test_call_cancelled_before_the_loop_starts_is_cancelled(
        self, plain: bool, idle_loop: asyncio.AbstractEventLoop
    ) -> None:
        api = install(FakeClient(loop=idle_loop), Timeout(5))
        api.register(sleep_plainly if plain else sleep, "c", "x")
        future = api.run("c", "x", args=10)
        future.cancel()
        idle_loop.run_until_complete(asyncio.wait([future]))
        assert future.cancelled()


class TestSettings:
    def test_show_in_the_repr(self) -> None:
        assert repr(Timeout(5, clock=lambda: 0.0)) == "Timeout(seconds=5)"

    def test_cannot_be_changed(self) -> None:
        timeout: Any = Timeout(5)
        with pytest.raises(AttributeError):
            timeout.seconds = 6
