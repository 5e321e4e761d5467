"""Rules 1 and 2: when a call has acted, what comes back, and how an error comes out."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import types
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from slixmpp_middleware import Logging, Timeout
from slixmpp_pipeline import Call, CallNext, PipelineRegistry, install
from slixmpp_pipeline.testing import FakeClient, Recorder
from tests.layers import passing

if TYPE_CHECKING:
    from collections.abc import Callable

    from slixmpp import JID

    from slixmpp_pipeline import Layer


STACKS: dict[str, Callable[[], tuple[Layer, ...]]] = {
    "no layers": tuple,
    "a user's layer": lambda: (passing,),
    "built-in layers": lambda: (Logging(slow=1), Timeout(5)),
    "a user's layer among built-in ones": lambda: (Logging(slow=1), passing, Timeout(5)),
}


@pytest.fixture(params=STACKS)
def layers(request: pytest.FixtureRequest) -> tuple[Layer, ...]:
    return STACKS[request.param]()


@pytest.fixture
def offline(idle_loop: asyncio.AbstractEventLoop, layers: tuple[Layer, ...]) -> PipelineRegistry:
    return install(FakeClient(loop=idle_loop), *layers)


@pytest.fixture
async def online(layers: tuple[Layer, ...]) -> PipelineRegistry:
    return install(FakeClient(), *layers)


class Store:
    """Handlers of every kind that write, then answer, or fail, as told."""

    def __init__(self, outcome: object = "answer") -> None:
        self.written: list[Any] = []
        self.outcome = outcome

    def plain(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> object:
        self.written.append(args)
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome

    async def coroutine(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> object:
        return self.plain(jid, node, ifrom, args)

    async def waiting(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> object:
        await asyncio.sleep(0)
        return self.plain(jid, node, ifrom, args)

    def returning_coroutine(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> object:
        return self.coroutine(jid, node, ifrom, args)

    def returning_waiting(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> object:
        return self.waiting(jid, node, ifrom, args)

    def returning_done_future(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> object:
        future: asyncio.Future[Any] = asyncio.Future(loop=self.loop)
        try:
            future.set_result(self.plain(jid, node, ifrom, args))
        except Exception as error:
            future.set_exception(error)
        return future

    loop: asyncio.AbstractEventLoop


def test_plain_handler_has_acted_while_the_loop_is_off(offline: PipelineRegistry) -> None:
    store = Store()
    offline.register(store.plain, "x", "set")

    future = offline.run("x", "set", args=1)

    assert (future.done(), future.result(), store.written) == (True, "answer", [1])
    assert future.get_loop() is offline.xmpp.loop
    assert offline.pending == 0


async def test_plain_handler_has_acted_while_the_loop_runs(online: PipelineRegistry) -> None:
    store = Store()
    online.register(store.plain, "x", "set")

    future = online.run("x", "set", args=1)

    assert (future.done(), future.result(), store.written) == (True, "answer", [1])
    assert isinstance(future, asyncio.Future)
    assert future.get_loop() is online.xmpp.loop
    assert online.pending == 0


@pytest.mark.parametrize("kind", ["coroutine", "returning_coroutine"])
async def test_coroutine_that_does_not_suspend_has_acted_while_the_loop_runs(
    online: PipelineRegistry, kind: str
) -> None:
    store = Store()
    online.register(getattr(store, kind), "x", "set")

    future = online.run("x", "set", args=1)

    assert (future.done(), future.result(), store.written) == (True, "answer", [1])
    assert online.pending == 0


async def test_coroutine_that_suspends_has_run_up_to_there(online: PipelineRegistry) -> None:
    steps: list[str] = []

    async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        steps.append("before")
        await asyncio.sleep(0)
        steps.append("after")
        return "answer"

    online.register(handler, "x", "get")

    future = online.run("x", "get")

    assert (steps, future.done(), online.pending) == (["before"], False, 1)
    assert await future == "answer"
    assert (steps, online.pending) == (["before", "after"], 0)


@pytest.mark.parametrize("kind", ["coroutine", "waiting"])
def test_coroutine_handler_starts_with_the_loop(offline: PipelineRegistry, kind: str) -> None:
    store = Store()
    offline.register(getattr(store, kind), "x", "set")

    future = offline.run("x", "set", args=1)

    assert (future.done(), store.written, offline.pending) == (False, [], 1)
    assert offline.xmpp.loop.run_until_complete(future) == "answer"
    assert (store.written, offline.pending) == ([1], 0)


def test_nothing_before_a_coroutine_handler_runs_while_the_loop_is_off(
    idle_loop: asyncio.AbstractEventLoop,
) -> None:
    recorder = Recorder()
    api = install(FakeClient(loop=idle_loop), recorder)
    api.register(Store().coroutine, "x", "get")

    future = api.run("x", "get")

    assert recorder.calls == []
    idle_loop.run_until_complete(future)
    assert len(recorder.calls) == 1


@pytest.mark.parametrize("kind", ["returning_coroutine", "returning_waiting"])
def test_awaitable_of_a_plain_function_goes_on_with_the_loop(offline: PipelineRegistry, kind: str) -> None:
    store = Store()
    offline.register(getattr(store, kind), "x", "set")

    future = offline.run("x", "set", args=1)

    assert (future.done(), offline.pending) == (False, 1)
    assert offline.xmpp.loop.run_until_complete(future) == "answer"
    assert (store.written, offline.pending) == ([1], 0)


def test_finished_future_of_a_plain_function_is_an_answer_while_the_loop_is_off(offline: PipelineRegistry) -> None:
    store = Store()
    store.loop = offline.xmpp.loop
    offline.register(store.returning_done_future, "x", "get")

    future = offline.run("x", "get")

    assert (future.done(), future.result()) == (True, "answer")


def test_handler_may_answer_with_another_call(offline: PipelineRegistry) -> None:
    offline.register(lambda jid, node, ifrom, args: "inner", "x", "inner")
    offline.register(lambda jid, node, ifrom, args: offline.run("x", "inner"), "x", "outer")

    assert offline.run("x", "outer").result() == "inner"


def test_layer_that_suspends_while_the_loop_is_off_goes_on_with_it(idle_loop: asyncio.AbstractEventLoop) -> None:
    steps: list[str] = []

    async def waiting(call: Call, call_next: CallNext) -> Any:
        steps.append("before")
        await asyncio.sleep(0)
        steps.append("after")
        return await call_next(call)

    store = Store()
    api = install(FakeClient(loop=idle_loop), Timeout(5), waiting)
    api.register(store.plain, "x", "set")

    future = api.run("x", "set", args=1)

    assert (steps, store.written, future.done(), api.pending) == (["before"], [], False, 1)
    assert idle_loop.run_until_complete(future) == "answer"
    assert (steps, store.written, api.pending) == (["before", "after"], [1], 0)


def test_nothing_registered_answers_none(offline: PipelineRegistry) -> None:
    future = offline.run("x", "unknown")

    assert (future.done(), future.result()) == (True, None)


async def test_nothing_registered_answers_none_while_the_loop_runs(online: PipelineRegistry) -> None:
    future = online.run("x", "unknown")

    assert (future.done(), future.result()) == (True, None)


async def test_plain_handlers_error_leaves_at_the_call(online: PipelineRegistry) -> None:
    error = KeyError("romeo")
    online.register(Store(error).plain, "x", "get")

    with pytest.raises(KeyError) as raised:
        online.run("x", "get")

    assert raised.value is error
    assert online.pending == 0


def test_plain_handlers_error_leaves_at_the_call_while_the_loop_is_off(offline: PipelineRegistry) -> None:
    error = KeyError("romeo")
    offline.register(Store(error).plain, "x", "get")

    with pytest.raises(KeyError) as raised:
        offline.run("x", "get")

    assert raised.value is error


@pytest.mark.parametrize("kind", ["coroutine", "waiting", "returning_coroutine", "returning_waiting"])
async def test_coroutines_error_comes_through_the_future(online: PipelineRegistry, kind: str) -> None:
    error = KeyError("romeo")
    online.register(getattr(Store(error), kind), "x", "get")

    future = online.run("x", "get")

    with pytest.raises(KeyError) as raised:
        await future
    assert raised.value is error


@pytest.mark.parametrize("kind", ["coroutine", "waiting", "returning_coroutine", "returning_waiting"])
def test_coroutines_error_comes_through_the_future_of_an_idle_loop(offline: PipelineRegistry, kind: str) -> None:
    error = KeyError("romeo")
    offline.register(getattr(Store(error), kind), "x", "get")

    future = offline.run("x", "get")

    with pytest.raises(KeyError) as raised:
        offline.xmpp.loop.run_until_complete(future)
    assert raised.value is error


async def test_failed_future_of_a_plain_function_fails_through_the_future(online: PipelineRegistry) -> None:
    error = KeyError("romeo")
    store = Store(error)
    store.loop = online.xmpp.loop
    online.register(store.returning_done_future, "x", "get")

    future = online.run("x", "get")

    with pytest.raises(KeyError) as raised:
        await future
    assert raised.value is error


@pytest.mark.parametrize(("kind", "at_call"), [("plain", True), ("coroutine", False)])
async def test_layers_error_comes_out_as_the_handlers_kind_says(kind: str, at_call: bool) -> None:
    error = PermissionError("no")

    async def forbidding(call: Call, call_next: CallNext) -> Any:
        raise error

    api = install(FakeClient(), Timeout(5), forbidding)
    store = Store()
    api.register(getattr(store, kind), "x", "get")

    if at_call:
        with pytest.raises(PermissionError) as raised:
            api.run("x", "get")
    else:
        future = api.run("x", "get")
        assert future.done()
        with pytest.raises(PermissionError) as raised:
            await future

    assert raised.value is error
    assert store.written == []


async def test_error_after_a_suspension_comes_through_the_future() -> None:
    async def late(call: Call, call_next: CallNext) -> Any:
        await asyncio.sleep(0)
        return await call_next(call)

    api = install(FakeClient(), late)
    api.register(Store(KeyError("romeo")).plain, "x", "get")

    future = api.run("x", "get")

    with pytest.raises(KeyError):
        await future


async def test_traceback_has_at_most_two_frames_a_layer() -> None:
    def depth(layers: tuple[Layer, ...]) -> int:
        api = install(FakeClient(), *layers)
        api.register(Store(KeyError("romeo")).plain, "x", "get")
        with pytest.raises(KeyError) as raised:
            api.run("x", "get")
        return len(raised.traceback)

    bare = depth((Recorder(),))

    for count in (1, 4):
        assert depth((Recorder(), *[passing] * 1, *[Recorder() for _ in range(count)])) <= bare + 2 * (count + 1)
        assert depth((Recorder(), *[Timeout(5) for _ in range(count)])) <= bare + 2 * count
        assert depth((Recorder(), *[Logging() for _ in range(count)])) <= bare + 2 * count


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)])
def test_what_ends_the_program_leaves_at_once(error: BaseException, layers: tuple[Layer, ...]) -> None:
    async def main() -> None:
        api = install(FakeClient(), *layers)
        api.register(Store(error).plain, "x", "get")
        api.run("x", "get")

    with pytest.raises(type(error)) as raised:
        asyncio.run(main())

    assert raised.value is error


async def test_awaitable_objects_and_generator_coroutines_are_awaited(online: PipelineRegistry) -> None:
    class Later:
        def __await__(self) -> Any:
            yield from asyncio.sleep(0).__await__()
            return "from an object"

    @types.coroutine
    def old_style(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
        yield from asyncio.sleep(0).__await__()
        return "from a generator"

    online.register(lambda jid, node, ifrom, args: Later(), "x", "object")
    online.register(old_style, "x", "generator")

    assert await online.run("x", "object") == "from an object"
    assert await online.run("x", "generator") == "from a generator"


async def test_iterators_and_async_generators_are_plain_answers(online: PipelineRegistry) -> None:
    async def ticks() -> Any:
        yield 1

    numbers, values = (number for number in (1, 2)), ticks()
    online.register(lambda jid, node, ifrom, args: numbers, "x", "numbers")
    online.register(lambda jid, node, ifrom, args: values, "x", "ticks")

    assert online.run("x", "numbers").result() is numbers
    assert online.run("x", "ticks").result() is values


@pytest.mark.parametrize("taskless", [True, False])
async def test_plain_handlers_call_fails_at_the_call_also_if_a_layer_sent_it_to_a_coroutine(taskless: bool) -> None:
    class Redirecting:
        def __init__(self) -> None:
            self.taskless = taskless

        async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
            return await call_next(call.replace(node="n"))

    api = install(FakeClient(), Redirecting())
    store = Store(KeyError("romeo"))
    api.register(store.plain, "x", "get")
    api.register(store.coroutine, "x", "get", node="n")

    with pytest.raises(KeyError):
        api.run("x", "get")


async def test_what_no_task_can_wait_for_is_refused_inside_the_call(layers: tuple[Layer, ...]) -> None:
    heard: list[str] = []

    class Odd:
        def __await__(self) -> Any:
            yield 42

    async def odd(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        try:
            await Odd()
        except RuntimeError as error:
            heard.append(str(error))
            raise

    api = install(FakeClient(), *layers)
    api.register(odd, "x", "get")

    with pytest.raises(RuntimeError, match="bad yield: 42"):
        await api.run("x", "get")
    assert heard == ["Task got bad yield: 42"]


async def test_stop_iteration_leaves_as_it_is_without_layers_and_as_pythons_error_with_them(
    layers: tuple[Layer, ...],
) -> None:
    api = install(FakeClient(), *layers)
    api.register(Store(StopIteration(1)).plain, "x", "get")

    with pytest.raises(RuntimeError if layers else StopIteration):
        api.run("x", "get")


def fail(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
    raise KeyError(str(jid))


async def fail_as_coroutine(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
    raise KeyError(str(jid))


@pytest.mark.parametrize("handler", [fail, fail_as_coroutine])
async def test_failed_call_is_not_kept_by_its_own_traceback(layers: tuple[Layer, ...], handler: Any) -> None:
    """No cycle of error, traceback, frame and future: else stanzas would wait for the garbage collector."""

    class Argument:
        pass

    api = install(FakeClient(), *layers)
    api.register(handler, "x", "get")
    gc.collect()
    gc.disable()
    try:
        argument = Argument()
        kept = weakref.ref(argument)
        with contextlib.suppress(KeyError):
            await api.run("x", "get", args=argument)
        del argument
        for _ in range(3):
            await asyncio.sleep(0)
        assert kept() is None
    finally:
        gc.enable()
