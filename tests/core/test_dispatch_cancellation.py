"""Rule 4: cancellation passes through every layer; a `CancelledError` that nobody asked for is a failure."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from slixmpp_middleware import Logging, Timeout
from slixmpp_pipeline import Call, CallAborted, CallNext, PipelineRegistry, install, own_task
from slixmpp_pipeline.testing import FakeClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from slixmpp import JID

    from slixmpp_pipeline import Layer


class Watching:
    """Tells what went through it; `taskless` or not, as the test wants it."""

    def __init__(self, taskless: bool) -> None:
        self.taskless = taskless
        self.heard: list[str] = []

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        try:
            return await call_next(call)
        except BaseException as error:
            self.heard.append(type(error).__name__)
            raise
        finally:
            self.heard.append("finally")


STACKS: dict[str, Callable[[Watching], tuple[Layer, ...]]] = {
    "alone": lambda watching: (watching,),
    "inside built-in layers": lambda watching: (Logging(), Timeout(5), watching),
    "outside built-in layers": lambda watching: (watching, Logging(), Timeout(5)),
}


@pytest.fixture(params=[True, False], ids=["taskless", "in a task"])
def watching(request: pytest.FixtureRequest) -> Watching:
    return Watching(request.param)


@pytest.fixture(params=STACKS)
async def api(request: pytest.FixtureRequest, watching: Watching) -> PipelineRegistry:
    return install(FakeClient(), *STACKS[request.param](watching))


class Stuck:
    """A handler that waits for ever, as a coroutine function or as a plain one that returns a coroutine."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def coroutine(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except BaseException as error:
            self.heard.append(type(error).__name__)
            raise
        finally:
            self.heard.append("finally")

    def plain(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
        return self.coroutine(jid, node, ifrom, args)


@pytest.mark.parametrize("turns", [0, 1, 2])
@pytest.mark.parametrize("kind", ["coroutine", "plain"])
async def test_cancelling_the_future_cancels_the_call(
    api: PipelineRegistry, watching: Watching, kind: str, turns: int
) -> None:
    stuck = Stuck()
    api.register(getattr(stuck, kind), "x", "get")

    future = api.run("x", "get")
    for _ in range(turns):
        await asyncio.sleep(0)
    future.cancel()
    await asyncio.wait([future])

    assert future.cancelled()
    assert stuck.heard == ["CancelledError", "finally"]
    assert watching.heard == ["CancelledError", "finally"]
    assert api.pending == 0


async def test_cancellation_reaches_a_task_that_the_handler_waits_for(api: PipelineRegistry) -> None:
    heard: list[str] = []

    async def part() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            heard.append("finally")

    async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        task = asyncio.create_task(part())
        await asyncio.sleep(0)
        await task

    api.register(handler, "x", "get")
    future = api.run("x", "get")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    future.cancel()
    await asyncio.wait([future])

    assert (future.cancelled(), heard) == (True, ["finally"])


async def test_cancellation_at_once_reaches_a_task_that_the_handler_waits_for(api: PipelineRegistry) -> None:
    part = asyncio.ensure_future(asyncio.sleep(3600))
    await asyncio.sleep(0)

    async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        await part

    api.register(handler, "x", "get")
    future = api.run("x", "get")
    future.cancel("enough")
    await asyncio.wait([future, part])

    assert (future.cancelled(), part.cancelled()) == (True, True)


@pytest.mark.parametrize("kind", ["coroutine", "plain"])
async def test_cleanup_that_waits_is_waited_for(api: PipelineRegistry, kind: str) -> None:
    steps: list[str] = []

    async def coroutine(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            steps.append("closing")
            await asyncio.sleep(0)
            steps.append("closed")

    def plain(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
        return coroutine(jid, node, ifrom, args)

    api.register({"coroutine": coroutine, "plain": plain}[kind], "x", "get")
    future = api.run("x", "get")
    future.cancel()
    await asyncio.wait([future])

    assert (future.cancelled(), steps) == (True, ["closing", "closed"])


async def test_cancelled_waiter_cancels_the_call(api: PipelineRegistry) -> None:
    stuck = Stuck()
    api.register(stuck.coroutine, "x", "get")

    async def waiter() -> None:
        await api.run("x", "get")

    task = asyncio.create_task(waiter())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])

    assert (task.cancelled(), stuck.heard) == (True, ["CancelledError", "finally"])


def test_call_cancelled_before_the_loop_starts_runs_nothing(idle_loop: asyncio.AbstractEventLoop) -> None:
    watching, stuck = Watching(taskless=True), Stuck()
    api = install(FakeClient(loop=idle_loop), watching)
    api.register(stuck.coroutine, "x", "get")

    future = api.run("x", "get")
    future.cancel()
    with pytest.raises(asyncio.CancelledError):
        idle_loop.run_until_complete(future)

    assert (watching.heard, stuck.heard, api.pending) == ([], [], 0)


@pytest.mark.parametrize("taskless", [True, False])
def test_begun_call_cancelled_before_the_loop_starts_runs_its_finally_blocks(
    idle_loop: asyncio.AbstractEventLoop, taskless: bool
) -> None:
    watching, stuck = Watching(taskless), Stuck()
    api = install(FakeClient(loop=idle_loop), watching, Timeout(5))
    api.register(stuck.plain, "x", "get")

    future = api.run("x", "get")
    future.cancel()
    with pytest.raises(asyncio.CancelledError):
        idle_loop.run_until_complete(future)

    assert (watching.heard, api.pending) == (["CancelledError", "finally"], 0)


def test_waiting_layer_cancelled_before_the_loop_starts_runs_its_finally_blocks(
    idle_loop: asyncio.AbstractEventLoop,
) -> None:
    watching = Watching(taskless=False)

    async def waiting(call: Call, call_next: CallNext) -> Any:
        await idle_loop.create_future()

    api = install(FakeClient(loop=idle_loop), Timeout(5), watching, waiting)

    future = api.run("x", "get")
    future.cancel()
    with pytest.raises(asyncio.CancelledError):
        idle_loop.run_until_complete(future)

    assert (watching.heard, api.pending) == (["CancelledError", "finally"], 0)


def abort_plain(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
    raise asyncio.CancelledError


async def abort_coroutine(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
    raise asyncio.CancelledError


async def abort_waiting(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
    gone = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(gone.cancel)
    await gone


def abort_returned(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
    return abort_waiting(jid, node, ifrom, args)


def abort_future(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
    gone = asyncio.get_running_loop().create_future()
    gone.cancel()
    return gone


@pytest.mark.parametrize(
    "handler", [abort_plain, abort_coroutine, abort_waiting, abort_returned, abort_future], ids=lambda one: one.__name__
)
@pytest.mark.parametrize("bare", [True, False], ids=["no layers", "layers"])
async def test_stray_cancellation_of_a_handler_becomes_call_aborted(
    api: PipelineRegistry, watching: Watching, handler: Any, bare: bool
) -> None:
    if bare:
        api = install(FakeClient())
    api.register(handler, "x", "get")

    with pytest.raises(CallAborted) as raised:
        await api.run("x", "get")

    assert isinstance(raised.value.__cause__, asyncio.CancelledError)
    assert (raised.value.call.ctype, raised.value.call.op) == ("x", "get")
    if not bare:
        assert watching.heard == ["CallAborted", "finally"]


@pytest.mark.parametrize("waits", ["for nothing", "for a turn", "for a future that somebody cancels"])
async def test_stray_cancellation_of_a_layer_becomes_call_aborted(waits: str) -> None:
    class Aborting:
        taskless = True

        async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
            if waits != "for nothing":
                await own_task()
                await asyncio.sleep(0)
            if waits == "for a future that somebody cancels":
                gone = asyncio.get_running_loop().create_future()
                asyncio.get_running_loop().call_soon(gone.cancel)
                await gone
            raise asyncio.CancelledError

    async def aborting(call: Call, call_next: CallNext) -> Any:
        return await Aborting()(call, call_next)

    for layer in (Aborting(), aborting):
        api = install(FakeClient(), layer)
        with pytest.raises(CallAborted):
            await api.run("x", "get")


async def test_stray_cancellation_of_a_plain_handler_leaves_at_the_call_even_while_the_caller_is_cancelled() -> None:
    outcomes: list[str] = []
    api = install(FakeClient(), Timeout(5))
    api.register(abort_plain, "x", "get")

    async def caller() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            try:
                api.run("x", "get")
            except CallAborted:
                outcomes.append("aborted")

    task = asyncio.create_task(caller())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])

    assert (task.cancelled(), outcomes) == (True, ["aborted"])


async def test_layer_that_cancels_its_own_task_is_cancelled(watching: Watching) -> None:
    async def resigning(call: Call, call_next: CallNext) -> Any:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    api = install(FakeClient(), watching, resigning)
    future = api.run("x", "get")
    await asyncio.wait([future])

    assert (future.cancelled(), watching.heard) == (True, ["CancelledError", "finally"])


async def test_call_that_was_cancelled_but_ends_before_it_suspends_is_cancelled() -> None:
    async def resigning(call: Call, call_next: CallNext) -> Any:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        return "too late"

    api = install(FakeClient(), resigning)
    future = api.run("x", "get")
    await asyncio.wait([future])

    assert future.cancelled()


async def test_layer_may_cancel_a_part_of_the_call_and_go_on() -> None:
    async def hedging(call: Call, call_next: CallNext) -> Any:
        attempt = asyncio.ensure_future(call_next(call))
        await asyncio.sleep(0)
        attempt.cancel()
        await asyncio.wait([attempt])
        return "hedged" if attempt.cancelled() else "answered"

    stuck = Stuck()
    api = install(FakeClient(), hedging)
    api.register(stuck.coroutine, "x", "get")

    assert await api.run("x", "get") == "hedged"
    assert stuck.heard == ["CancelledError", "finally"]


async def test_layer_that_answers_a_cancellation_keeps_its_answer() -> None:
    async def shielding(call: Call, call_next: CallNext) -> Any:
        try:
            return await call_next(call)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
            return "answered all the same"

    stuck = Stuck()
    api = install(FakeClient(), shielding)
    api.register(stuck.coroutine, "x", "get")
    future = api.run("x", "get")
    await asyncio.sleep(0)
    future.cancel()

    assert await future == "answered all the same"
