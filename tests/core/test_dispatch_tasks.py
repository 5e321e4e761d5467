"""Rules 3 and 7: the task and the context that layers and handlers see."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from slixmpp_middleware import Logging, Timeout
from slixmpp_pipeline import Call, CallAborted, CallNext, PipelineRegistry, install, own_task
from slixmpp_pipeline.testing import FakeClient, Recorder
from tests.layers import passing

if TYPE_CHECKING:
    from slixmpp import JID

shade: ContextVar[str] = ContextVar("shade", default="none")


async def current_task_of(jid: JID, node: str, ifrom: JID | None, args: Any) -> object:
    return asyncio.current_task()


def current_task_seen(jid: JID, node: str, ifrom: JID | None, args: Any) -> object:
    return (asyncio.current_task(),)


async def waiting(jid: JID, node: str, ifrom: JID | None, args: Any) -> object:
    await asyncio.sleep(0)
    return asyncio.current_task()


@pytest.mark.parametrize(
    "layers", [(), (passing,), (Recorder(),), (passing, Timeout(5))], ids=["none", "a user's", "built in", "both"]
)
@pytest.mark.parametrize("handler", [current_task_of, waiting])
async def test_coroutine_handler_sees_a_task_of_the_call(layers: Any, handler: Any) -> None:
    api = install(FakeClient(), *layers)
    api.register(handler, "x", "get")

    task = await api.run("x", "get")

    assert task is not asyncio.current_task()
    assert task.get_name() == "x get"
    assert task.get_loop() is api.xmpp.loop


async def test_layer_sees_the_task_that_its_handler_sees() -> None:
    seen: list[object] = []

    async def looking(call: Call, call_next: CallNext) -> Any:
        seen.append(asyncio.current_task())
        return await call_next(call)

    api = install(FakeClient(), looking)
    api.register(current_task_of, "x", "get")
    api.register(current_task_seen, "x", "look")

    assert await api.run("x", "get") is seen[0] is not asyncio.current_task()
    assert await api.run("x", "look") == (seen[1],)


async def test_suspended_call_is_the_task_that_run_returned() -> None:
    api = install(FakeClient(), passing)
    api.register(waiting, "x", "get")

    future = api.run("x", "get")

    assert await future is future


async def test_plain_handler_behind_built_in_layers_sees_the_callers_task() -> None:
    api = install(FakeClient(), Logging(slow=1), Timeout(5))
    api.register(current_task_seen, "x", "look")

    assert api.run("x", "look").result() == (asyncio.current_task(),)


async def test_callers_task_is_current_again_after_a_call() -> None:
    me = asyncio.current_task()
    api = install(FakeClient(), passing)
    api.register(waiting, "x", "wait")
    api.register(current_task_of, "x", "get")

    pending = api.run("x", "wait")
    assert asyncio.current_task() is me
    api.run("x", "get")
    assert asyncio.current_task() is me
    await pending


async def test_call_from_a_callback_of_the_loop_has_a_task() -> None:
    api = install(FakeClient(), passing)
    api.register(current_task_of, "x", "get")
    answered = asyncio.get_running_loop().create_future()

    def callback() -> None:
        assert asyncio.current_task() is None
        answered.set_result(api.run("x", "get").result())
        assert asyncio.current_task() is None

    asyncio.get_running_loop().call_soon(callback)

    assert (await answered).get_name() == "x get"


async def test_nested_calls_have_tasks_of_their_own() -> None:
    api = install(FakeClient(), passing)

    async def outer(jid: JID, node: str, ifrom: JID | None, args: Any) -> tuple[object, object]:
        return asyncio.current_task(), await api.run("x", "inner")

    api.register(outer, "x", "outer")
    api.register(current_task_of, "x", "inner")

    outside, inside = await api.run("x", "outer")

    assert outside is not inside
    assert (outside.get_name(), inside.get_name()) == ("x outer", "x inner")


@pytest.mark.looptime
@pytest.mark.parametrize("inner", [current_task_of, current_task_seen, waiting])
async def test_layers_own_timeout_never_cancels_the_caller(inner: Any) -> None:
    async def impatient(call: Call, call_next: CallNext) -> Any:
        async with asyncio.timeout(1):
            await asyncio.sleep(5)
        return await call_next(call)

    api = install(FakeClient(), impatient)
    api.register(inner, "x", "get")

    with pytest.raises(TimeoutError):
        await api.run("x", "get")

    me = asyncio.current_task()
    assert me is not None
    assert me.cancelling() == 0
    await asyncio.sleep(10)  # a timer left behind would cancel this


async def test_layer_may_use_a_task_group_before_it_suspends() -> None:
    async def grouped(call: Call, call_next: CallNext) -> Any:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(call_next(call))
        return task.result()

    api = install(FakeClient(), grouped)
    api.register(lambda jid, node, ifrom, args: "plain", "x", "plain")
    api.register(waiting, "x", "waiting")

    assert await api.run("x", "plain") == "plain"
    assert (await api.run("x", "waiting")).get_name() != "x waiting"


async def test_failing_task_group_in_a_layer_does_not_touch_the_caller() -> None:
    async def failing() -> None:
        raise KeyError("romeo")

    async def grouped(call: Call, call_next: CallNext) -> Any:
        async with asyncio.TaskGroup() as group:
            group.create_task(failing())
            return await call_next(call)

    api = install(FakeClient(), grouped)
    api.register(waiting, "x", "get")

    with pytest.raises(ExceptionGroup):
        await api.run("x", "get")

    me = asyncio.current_task()
    assert me is not None
    assert me.cancelling() == 0


def test_layer_that_needs_a_task_gets_the_loops_own_error_while_it_is_off(
    idle_loop: asyncio.AbstractEventLoop,
) -> None:
    async def impatient(call: Call, call_next: CallNext) -> Any:
        async with asyncio.timeout(1):
            return await call_next(call)

    api = install(FakeClient(loop=idle_loop), impatient)

    with pytest.raises(RuntimeError, match="no running event loop"):
        api.run("x", "get")


@pytest.mark.parametrize(
    "layers", [(passing,), (Timeout(5),), (Recorder(), Timeout(5))], ids=["a user's", "built in", "two built in"]
)
@pytest.mark.parametrize("handler", ["plain", "coroutine", "waiting"])
async def test_context_variable_set_by_a_layer_is_seen_inside_and_never_by_the_caller(
    layers: Any, handler: str
) -> None:
    async def shading(call: Call, call_next: CallNext) -> Any:
        shade.set("red")
        return await call_next(call)

    def plain(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        return shade.get()

    async def coroutine(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        return shade.get()

    async def waiting_first(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        await asyncio.sleep(0)
        return shade.get()

    api = install(FakeClient(), shading, *layers)
    api.register({"plain": plain, "coroutine": coroutine, "waiting": waiting_first}[handler], "x", "get")

    assert await api.run("x", "get") == "red"
    assert shade.get() == "none"


def test_context_variable_does_not_leak_while_the_loop_is_off(idle_loop: asyncio.AbstractEventLoop) -> None:
    async def shading(call: Call, call_next: CallNext) -> Any:
        shade.set("red")
        return await call_next(call)

    api = install(FakeClient(loop=idle_loop), shading)
    api.register(lambda jid, node, ifrom, args: shade.get(), "x", "get")

    assert api.run("x", "get").result() == "red"
    assert shade.get() == "none"


def test_deferred_call_runs_in_the_context_of_the_call(idle_loop: asyncio.AbstractEventLoop) -> None:
    async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        return shade.get()

    api = install(FakeClient(loop=idle_loop), passing)
    api.register(handler, "x", "get")
    token = shade.set("at the call")
    future = api.run("x", "get")
    shade.reset(token)

    assert idle_loop.run_until_complete(future) == "at the call"


async def test_taskless_layer_that_waits_first_gets_a_task_of_its_own() -> None:
    class Pausing:
        taskless = True
        task: object = None

        async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
            await own_task()
            self.task = asyncio.current_task()
            async with asyncio.timeout(5):
                await asyncio.sleep(0)
            return await call_next(call)

    layer = Pausing()
    api = install(FakeClient(), Timeout(5), layer, Timeout(5))
    api.register(lambda jid, node, ifrom, args: "answer", "x", "get")

    future = api.run("x", "get")

    assert (future.done(), api.pending) == (False, 1)
    assert await future == "answer"
    assert layer.task is future


async def test_own_task_in_a_task_costs_a_turn_and_nothing_else() -> None:
    class Polite:
        taskless = True

        async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
            await own_task()
            return await call_next(call)

    api = install(FakeClient(), passing, Timeout(5), Polite())
    api.register(current_task_of, "x", "get")

    assert (await api.run("x", "get")).get_name() == "x get"


async def test_handler_replaced_by_a_coroutine_function_on_the_way_has_a_task() -> None:
    api = install(FakeClient())

    class Redirecting:
        taskless = True

        async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
            return await call_next(call.replace(node="async"))

    api.use(Redirecting())
    api.register(current_task_seen, "x", "get")
    api.register(current_task_of, "x", "get", node="async")

    future = api.run("x", "get")

    assert future.done()
    assert (await future).get_name() == "x get"


async def test_cancelling_a_call_before_its_handler_was_awaited_leaves_nothing_unawaited(
    idle_loop: asyncio.AbstractEventLoop,
) -> None:
    """The plain function has returned a coroutine; the call is cancelled before the loop starts."""

    async def never() -> None:
        raise AssertionError("not reached")

    api = PipelineRegistry(FakeClient(loop=idle_loop))
    api.use(Timeout(5))
    api.register(lambda jid, node, ifrom, args: never(), "x", "get")

    future = api.run("x", "get")
    future.cancel()

    def finish() -> None:
        with pytest.raises(asyncio.CancelledError):
            idle_loop.run_until_complete(future)

    await asyncio.to_thread(finish)
    assert api.pending == 0


class TestAnswering:
    """A taskless cache in front of a coroutine handler: a hit needs no task, and all else is as with one."""

    @staticmethod
    def serve(layer: Any, handler: Any) -> PipelineRegistry:
        @dataclass(frozen=True)
        class Cache:
            taskless = True
            role = "cache"

            async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
                return await layer(call, call_next)

        api = install(FakeClient(), Cache())
        api.register(handler, "c", "x")
        return api

    async def test_hit_makes_no_task(self) -> None:
        async def hit(call: Call, call_next: CallNext) -> str:
            return "hit"

        async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
            return "handler"

        future = self.serve(hit, handler).run("c", "x")
        assert not isinstance(future, asyncio.Task)
        assert future.result() == "hit"

    @pytest.mark.parametrize("error", [LookupError("x"), asyncio.CancelledError("x")])
    async def test_error_before_the_handler_comes_through_the_future(self, error: BaseException) -> None:
        async def refuse(call: Call, call_next: CallNext) -> str:
            raise error

        async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
            return "handler"

        future = self.serve(refuse, handler).run("c", "x")
        assert future.done()
        with pytest.raises((LookupError, CallAborted)) as raised:
            await future
        assert error in (raised.value, raised.value.__cause__)

    async def test_cancellation_that_nobody_asked_for_is_none_of_a_caller_that_is_being_cancelled(self) -> None:
        async def refuse(call: Call, call_next: CallNext) -> str:
            raise asyncio.CancelledError

        async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
            return "handler"

        api = self.serve(refuse, handler)

        async def clean_up() -> BaseException | None:
            try:
                await asyncio.Event().wait()
            finally:
                return api.run("c", "x").exception()  # noqa: B012  # the caller swallows its own cancellation

        caller = asyncio.create_task(clean_up())
        await asyncio.sleep(0)
        caller.cancel()
        assert isinstance(await caller, CallAborted)

    async def test_handler_has_a_task_of_its_own_from_its_first_step(self) -> None:
        async def miss(call: Call, call_next: CallNext) -> Any:
            return await call_next(call)

        tasks: list[Any] = []

        async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            tasks.append(asyncio.current_task())
            await asyncio.sleep(0)
            tasks.append(asyncio.current_task())

        future = self.serve(miss, handler).run("c", "x")
        assert len(tasks) == 1
        await future
        assert tasks == [future, future]
        assert future is not asyncio.current_task()

    async def test_layer_that_breaks_its_promise_is_waited_for(self) -> None:
        gate = asyncio.get_running_loop().create_future()

        async def wait(call: Call, call_next: CallNext) -> Any:
            await gate  # without own_task()
            return await call_next(call)

        async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
            await asyncio.sleep(0)
            return "handler"

        future = self.serve(wait, handler).run("c", "x")
        gate.set_result(None)
        assert await future == "handler"
