"""Rule 1, while the client's loop runs in another thread, or is closed, or is not the loop that runs here."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from slixmpp_middleware import Logging, Timeout
from slixmpp_pipeline import Call, CallNext, CallRefused, PipelineError, install
from slixmpp_pipeline.testing import FakeClient
from tests.layers import passing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slixmpp import JID


async def coroutine(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
    return "answer"


class BusyLoop:
    """A loop that runs in another thread, once it is started: changes are made before."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)

    def start(self) -> None:
        started = threading.Event()
        self.loop.call_soon(started.set)
        self.thread.start()
        assert started.wait(10)


@pytest.fixture
def busy_loop() -> Iterator[BusyLoop]:
    busy = BusyLoop()
    yield busy
    busy.loop.call_soon_threadsafe(busy.loop.stop)
    busy.thread.join(10)
    busy.loop.close()


LAYERS = [(), (passing,), (Logging(), Timeout(5))]


@pytest.mark.parametrize("layers", LAYERS, ids=["no layers", "a user's layer", "built-in layers"])
def test_plain_handler_answers_in_the_calling_thread(busy_loop: BusyLoop, layers: Any) -> None:
    api = install(FakeClient(loop=busy_loop.loop), *layers)
    api.register(lambda jid, node, ifrom, args: threading.get_ident(), "x", "get")

    busy_loop.start()
    assert api.run("x", "get").result() == threading.get_ident()


@pytest.mark.parametrize("layers", LAYERS, ids=["no layers", "a user's layer", "built-in layers"])
def test_coroutine_handler_is_refused(busy_loop: BusyLoop, layers: Any) -> None:
    api = install(FakeClient(loop=busy_loop.loop), *layers)
    api.register(coroutine, "x", "get")

    busy_loop.start()
    with pytest.raises(CallRefused, match="call_soon_threadsafe") as raised:
        api.run("x", "get")

    assert isinstance(raised.value, RuntimeError)
    assert isinstance(raised.value, PipelineError)
    assert api.pending == 0


@pytest.mark.parametrize("layers", LAYERS, ids=["no layers", "a user's layer", "built-in layers"])
def test_awaitable_of_a_plain_function_is_refused_and_closed(busy_loop: BusyLoop, layers: Any) -> None:
    api = install(FakeClient(loop=busy_loop.loop), *layers)
    api.register(lambda jid, node, ifrom, args: coroutine(jid, node, ifrom, args), "x", "get")

    busy_loop.start()
    with pytest.raises(CallRefused):
        api.run("x", "get")

    assert api.pending == 0


@pytest.mark.parametrize("layers", LAYERS, ids=["no layers", "a user's layer", "built-in layers"])
def test_future_of_a_plain_function_is_left_alone_when_the_call_is_refused(busy_loop: BusyLoop, layers: Any) -> None:
    work = busy_loop.loop.create_future()
    api = install(FakeClient(loop=busy_loop.loop), *layers)
    api.register(lambda jid, node, ifrom, args: work, "x", "get")

    busy_loop.start()
    with pytest.raises(CallRefused):
        api.run("x", "get")

    assert not work.cancelled()


def test_layer_that_suspends_is_refused_and_its_finally_blocks_run(busy_loop: BusyLoop) -> None:
    steps: list[str] = []

    async def waiting(call: Call, call_next: CallNext) -> Any:
        try:
            await busy_loop.loop.create_future()
        finally:
            steps.append("finally")

    api = install(FakeClient(loop=busy_loop.loop), Timeout(5), waiting)

    busy_loop.start()
    with pytest.raises(CallRefused):
        api.run("x", "get")

    assert steps == ["finally"]


def test_call_handed_over_to_the_loop_is_answered(busy_loop: BusyLoop) -> None:
    api = install(FakeClient(loop=busy_loop.loop), passing)
    api.register(coroutine, "x", "get")

    busy_loop.start()

    async def call() -> Any:
        return await api.run("x", "get")

    assert asyncio.run_coroutine_threadsafe(call(), busy_loop.loop).result(10) == "answer"


@pytest.mark.parametrize("layers", LAYERS, ids=["no layers", "a user's layer", "built-in layers"])
def test_closed_loop_refuses_a_coroutine_handler_with_its_own_error(layers: Any) -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    api = install(FakeClient(loop=loop), *layers)
    api.register(coroutine, "x", "get")
    api.register(lambda jid, node, ifrom, args: coroutine(jid, node, ifrom, args), "x", "returned")

    for op in ("get", "returned"):
        with pytest.raises(RuntimeError, match="closed"):
            api.run("x", op)

    assert api.pending == 0


async def test_another_loop_running_here_is_not_the_clients(idle_loop: asyncio.AbstractEventLoop) -> None:
    """The client's loop is off: a coroutine handler waits for it, and the task that runs here is left alone."""
    api = install(FakeClient(loop=idle_loop), Logging(), Timeout(5))
    api.register(coroutine, "x", "get")
    api.register(lambda jid, node, ifrom, args: coroutine(jid, node, ifrom, args), "x", "returned")
    api.register(lambda jid, node, ifrom, args: "plain", "x", "plain")

    waiting = [api.run("x", "get"), api.run("x", "returned")]

    assert api.run("x", "plain").result() == "plain"
    assert [future.done() for future in waiting] == [False, False]
    await asyncio.to_thread(lambda: [idle_loop.run_until_complete(future) for future in waiting])
    assert [future.result() for future in waiting] == ["answer", "answer"]


async def test_layer_never_takes_the_task_of_another_loop_for_its_own(idle_loop: asyncio.AbstractEventLoop) -> None:

    async def impatient(call: Call, call_next: CallNext) -> Any:
        async with asyncio.timeout(0):
            return await call_next(call)

    api = install(FakeClient(loop=idle_loop), impatient)

    with pytest.raises(RuntimeError, match="inside a task"):
        api.run("x", "get")

    me = asyncio.current_task()
    assert me is not None
    await asyncio.sleep(0)
    assert me.cancelling() == 0


def test_layer_may_make_calls_while_another_loop_runs_a_callback(idle_loop: asyncio.AbstractEventLoop) -> None:
    """There is a loop here, but no task of it."""
    api = install(FakeClient(loop=idle_loop), passing)
    answers: list[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().call_soon(lambda: answers.append(api.run("x", "get").result()))
        await asyncio.sleep(0)

    asyncio.run(main())

    assert answers == [None]


@pytest.mark.parametrize("layers", LAYERS, ids=["no layers", "a user's layer", "built-in layers"])
def test_what_a_plain_function_returned_is_cancelled_with_a_call_that_never_began(
    layers: Any, idle_loop: asyncio.AbstractEventLoop
) -> None:
    work = idle_loop.create_task(asyncio.sleep(3600))
    api = install(FakeClient(loop=idle_loop), *layers)
    api.register(lambda jid, node, ifrom, args: work, "x", "task")
    api.register(lambda jid, node, ifrom, args: coroutine(jid, node, ifrom, args), "x", "coroutine")

    futures = [api.run("x", "task"), api.run("x", "coroutine")]
    for future in futures:
        future.cancel()
    idle_loop.run_until_complete(asyncio.wait([*futures, work]))

    assert [future.cancelled() for future in [*futures, work]] == [True, True, True]
