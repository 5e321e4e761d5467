"""`Suspended`, for layers that take the first step of what is inside themselves."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from slixmpp_middleware import Timeout
from slixmpp_pipeline import Call, CallNext, Suspended, install, own_task
from slixmpp_pipeline.testing import FakeClient


async def two_steps(heard: list[str]) -> str:
    try:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    except BaseException as error:
        heard.append(type(error).__name__)
        raise
    return "answer"


def begin(heard: list[str]) -> Suspended:
    coroutine = two_steps(heard)
    return Suspended(coroutine, coroutine.send(None))


def begin_waiting(future: asyncio.Future[str]) -> Suspended:
    async def waiting() -> str:
        return await future

    coroutine = waiting()
    return Suspended(coroutine, coroutine.send(None))


async def test_goes_on_where_it_is_awaited() -> None:
    assert await begin([]) == "answer"


async def test_goes_on_as_a_task() -> None:
    assert await asyncio.ensure_future(begin([])) == "answer"


def test_send_hands_over_what_it_waits_for_and_then_takes_steps() -> None:
    """A Task written in Python calls send(), one written in C asks for the next item."""
    begun = begin([])

    assert [begun.send(None), begun.send(None)] == [None, None]
    with pytest.raises(StopIteration) as ended:
        begun.send(None)
    assert ended.value.value == "answer"


def test_close_ends_it_where_it_stands() -> None:
    heard: list[str] = []
    begin(heard).close()

    assert heard == ["GeneratorExit"]


def test_is_named_for_its_coroutine() -> None:
    begun = begin([])

    assert begun.__name__ == "two_steps"
    begun.close()


async def test_error_thrown_before_its_own_first_step_is_raised_where_it_stands() -> None:
    """Only a cancellation goes to what it waits for."""
    heard: list[str] = []
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def waiting() -> None:
        try:
            await future
        except LookupError:
            heard.append("LookupError")

    coroutine = waiting()
    begun = Suspended(coroutine, coroutine.send(None))
    with pytest.raises(StopIteration):
        begun.throw(LookupError())

    assert (heard, future.cancelled()) == (["LookupError"], False)


async def test_cancellation_when_what_it_waits_for_has_ended_is_raised_where_it_stands() -> None:
    heard: list[str] = []
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def waiting() -> None:
        try:
            await future
        except asyncio.CancelledError:
            heard.append("CancelledError")
            raise

    coroutine = waiting()
    begun = Suspended(coroutine, coroutine.send(None))
    future.set_result("too late")
    with pytest.raises(asyncio.CancelledError):
        begun.throw(asyncio.CancelledError())

    assert heard == ["CancelledError"]


async def test_cancellation_before_its_own_first_step_goes_to_what_it_waits_for() -> None:
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    begun = begin_waiting(future)

    assert begun.throw(asyncio.CancelledError()) is future
    assert future.cancelled()
    with pytest.raises(asyncio.CancelledError):
        begun.send(None)


class TestOwnTask:
    async def test_is_the_one_that_runs_and_costs_no_turn_of_the_loop(self) -> None:
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        begun = begin_waiting(future)

        with pytest.raises(StopIteration) as ended:
            begun.ensure_task().send(None)

        assert ended.value.value is True
        asyncio.get_running_loop().call_soon(future.set_result, "answer")
        assert await begun == "answer"

    def test_is_asked_for_where_none_runs(self, idle_loop: asyncio.AbstractEventLoop) -> None:
        begun = begin_waiting(idle_loop.create_future())
        asking = begun.ensure_task()
        assert asking.send(None) is None

        with pytest.raises(StopIteration) as ended:
            asking.send(None)

        assert ended.value.value is True
        begun.close()

    def test_says_that_the_call_was_cancelled_meanwhile(self, idle_loop: asyncio.AbstractEventLoop) -> None:
        begun = begin_waiting(idle_loop.create_future())
        asking = begun.ensure_task()
        assert asking.send(None) is None

        with pytest.raises(StopIteration) as ended:
            asking.throw(asyncio.CancelledError())

        assert ended.value.value is False
        begun.close()


def test_begun_over_a_begun_is_called_as_what_is_inside() -> None:
    async def weather() -> None:
        await asyncio.sleep(0)

    inside = weather()
    outer = Suspended(Suspended(inside, inside.send(None)), None)
    assert outer.__name__.endswith("weather")
    outer.close()


class Gate:
    """A layer that waits for a future, as it promises, or not, to need no task for."""

    def __init__(self, future: Any, *, taskless: bool) -> None:
        self.future = future
        self.taskless = taskless

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        await self.future
        return await call_next(call)


async def test_layer_that_breaks_its_promise_still_gets_what_it_waits_for() -> None:
    gate = asyncio.get_running_loop().create_future()
    api = install(FakeClient(), Gate(gate, taskless=True))
    api.register(lambda jid, node, ifrom, args: "rain", "weather", "get")
    future = api.run("weather", "get")
    assert not future.done()
    gate.set_result(None)
    assert await future == "rain"


def test_cancellation_before_the_loop_begins_reaches_what_the_call_waits_for() -> None:
    loop = asyncio.new_event_loop()
    gate = loop.create_future()
    api = install(FakeClient(loop=loop), Timeout(5), Gate(gate, taskless=False))
    future = api.run("weather", "get")
    future.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(future)
    assert gate.cancelled()
    loop.close()


def test_call_goes_on_in_the_turn_in_which_its_task_begins() -> None:
    order: list[str] = []

    class Waits:
        taskless = True

        async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
            await own_task()
            order.append("the call")
            return await call_next(call)

    loop = asyncio.new_event_loop()
    api = install(FakeClient(loop=loop), Waits())
    loop.call_soon(lambda: loop.call_soon(order.append, "the second turn"))
    future = api.run("weather", "get")
    loop.run_until_complete(asyncio.wait_for(future, None))
    assert order[0] == "the call"
    loop.close()


async def test_layer_that_waits_for_what_is_no_future_gets_the_tasks_own_error() -> None:
    class Five:
        def __await__(self) -> Any:
            yield 5

    api = install(FakeClient(), Gate(Five(), taskless=True))
    api.register(lambda jid, node, ifrom, args: "rain", "weather", "get")
    with pytest.raises(RuntimeError, match="Task got bad yield: 5"):
        await api.run("weather", "get")


class OtherFuture:
    """A future of another library: asyncio takes for one whatever has this attribute."""

    _asyncio_future_blocking = False

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.inside: asyncio.Future[None] = loop.create_future()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inside, name)

    def __await__(self) -> Any:
        if not self.inside.done():
            self._asyncio_future_blocking = True
            yield self
        return self.inside.result()


def test_future_of_another_library_may_be_awaited_by_others_meanwhile() -> None:
    async def other() -> None:
        await gate

    loop = asyncio.new_event_loop()
    gate = OtherFuture(loop)
    waits = loop.create_task(other())
    api = install(FakeClient(loop=loop), Timeout(5), Gate(gate, taskless=False))
    future = api.run("weather", "get")
    loop.call_later(0.01, gate.inside.set_result, None)
    loop.run_until_complete(asyncio.wait([waits, future]))
    assert future.result() is None
    loop.close()
