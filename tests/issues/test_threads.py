"""Questions come from any thread; changes come from the client's own while its loop runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from slixmpp_middleware import Caching, Logging, Retry, Timeout, Tracing
from slixmpp_pipeline import Entry, Layer, PipelineRegistry, install, uninstall, waits_at
from slixmpp_pipeline.testing import FakeClient, Recorder
from tests.layers import passing

RECORDER = Recorder()


def handler(jid: Any, node: Any, ifrom: Any, args: Any) -> str:
    return "rain"


CHANGES: dict[str, Callable[[PipelineRegistry], object]] = {
    "register": lambda api: api.register(handler, "weather", "get"),
    "register_default": lambda api: api.register_default(handler, "weather", "get"),
    "unregister": lambda api: api.unregister("weather", "get"),
    "restore_default": lambda api: api.restore_default("weather", "get"),
    "purge": lambda api: api.purge("weather"),
    "declare": lambda api: api.declare("weather", "get", Entry()),
    "use": lambda api: api.use(passing),
    "override": lambda api: api.override(passing, "weather", instead_of=RECORDER),
    "exclude": lambda api: api.exclude(RECORDER, ctype="weather"),
    "remove": lambda api: api.remove(RECORDER),
}


@pytest.mark.parametrize("method", CHANGES)
async def test_change_from_another_thread_is_refused_and_changes_nothing(method: str) -> None:
    api = install(FakeClient(), RECORDER)
    api.register(handler, "weather", "get", default=True)
    before = str(api.explain("weather", "get"))
    with pytest.raises(RuntimeError, match=rf"{method}\(\): the client's loop runs in another thread"):
        await asyncio.to_thread(CHANGES[method], api)
    assert str(api.explain("weather", "get")) == before
    CHANGES[method](api)


@pytest.mark.parametrize("method", CHANGES)
def test_change_may_come_from_any_thread_while_the_loop_is_off(method: str) -> None:
    api = install(FakeClient(), RECORDER)
    api.register(handler, "weather", "get", default=True)
    with asyncio.Runner() as runner:
        runner.run(asyncio.to_thread(CHANGES[method], api))


async def test_invalidate_and_questions_may_come_from_any_thread() -> None:
    api = install(FakeClient(), Caching(60))
    api.register(handler, "weather", "get")
    for ask in (
        lambda: api.invalidate("weather", "get"),
        lambda: str(api.explain("weather", "get")),
        lambda: str(api.lint()),
        lambda: repr(api),
        api.calls,
        lambda: api.pending,
    ):
        await asyncio.to_thread(ask)


def test_registry_has_all_it_needs_at_each_moment_of_an_installation() -> None:
    """As a call in another thread finds it, between two steps."""
    xmpp = FakeClient()
    seen: list[str] = []

    class Watched(dict[str, Any]):
        """A dict of attributes, of which a call is made whenever one goes."""

        def __delitem__(self, name: str) -> None:
            seen.append(name)
            super().__delitem__(name)
            assert xmpp.api.run("weather", "get").done()

    xmpp.api.register(handler, "weather", "get")
    for change in (install, uninstall):
        xmpp.api.__dict__ = Watched(xmpp.api.__dict__)
        change(xmpp)
        assert xmpp.api.run("weather", "get").result() == "rain"
    assert "_handlers" in seen
    assert "_compiler" in seen


async def no_sleep(_seconds: float) -> None: ...


STACKS: list[tuple[Layer, ...]] = [
    (),
    (passing,),
    (Logging(),),
    (Tracing(),),
    (Caching(60),),
    (Timeout(5),),
    (Retry(sleep=no_sleep),),
    (Logging(), Tracing(), Caching(60), Timeout(5), Retry(sleep=no_sleep)),
]


@pytest.mark.parametrize("layers", STACKS, ids=lambda layers: " > ".join(type(one).__name__ for one in layers))
@pytest.mark.parametrize("kind", ["a coroutine function", "a plain function"])
async def test_frames_say_where_a_call_waits(layers: tuple[Layer, ...], kind: str) -> None:
    gates = [asyncio.Event(), asyncio.Event()]

    async def wait(jid: Any, node: Any, ifrom: Any, args: Any) -> None:
        await gates[0].wait()
        await gates[1].wait()

    def plain(jid: Any, node: Any, ifrom: Any, args: Any) -> Any:
        return wait(jid, node, ifrom, args)

    api = install(FakeClient(), *layers)
    api.register(wait if kind == "a coroutine function" else plain, "xep_0054", "get_vcard")
    future = api.run("xep_0054", "get_vcard")
    lines = []
    for gate in gates:
        for _ in range(3):
            await asyncio.sleep(0)
        frames = waits_at(future)
        assert [frame.f_code.co_name for frame in frames][-2:] == ["wait", "wait"]
        assert not any("stepper" in frame.f_code.co_filename for frame in frames)
        lines.append(frames[-2].f_lineno - wait.__code__.co_firstlineno)
        gate.set()
    await future

    assert lines == [1, 2]
    assert waits_at(future) == []


def test_what_is_no_future_waits_nowhere() -> None:
    with pytest.raises(TypeError, match=r"what api\.run"):
        waits_at("a call")  # type: ignore[arg-type]  # it is about that


async def test_calls_under_way_are_listed_with_the_oldest_first() -> None:
    async def wait(jid: Any, node: Any, ifrom: Any, args: Any) -> None:
        await gate.wait()

    gate = asyncio.Event()
    api = install(FakeClient())
    api.register(wait, "weather", "get")
    futures = [api.run("weather", "get") for _ in range(2)]
    first, second = api.calls()
    assert first.age >= second.age >= 0
    assert [one.future for one in (first, second)] == futures
    name = f"{__name__}.{wait.__qualname__}"
    assert (first.ctype, first.op, first.handler) == ("weather", "get", name)
    gate.set()
    await asyncio.gather(*futures)
    assert api.calls() == []


async def test_call_that_waits_for_a_layer_alone_has_no_handler() -> None:
    async def wait(call: Any, call_next: Any) -> None:
        await gate.wait()

    gate = asyncio.Event()
    api = install(FakeClient(), wait)
    future = api.run("weather", "get")
    assert [one.handler for one in api.calls()] == [None]
    gate.set()
    await future


@pytest.mark.parametrize(
    ("asked", "match"),
    [
        (([], "get"), r"ctype: \[\] is list; a string is allowed"),
        (("weather", {}), r"op: \{\} is dict; a string is allowed"),
        (("weather", "get", "a@b", []), r"node: \[\] is list; a string or None is allowed"),
    ],
)
def test_what_cannot_be_hashed_is_named(asked: Any, match: str) -> None:
    api = install(FakeClient())
    api.register(handler, "weather", "get", "a@b", "node")
    with pytest.raises(TypeError, match=match):
        api.run(*asked)


def test_text_that_cannot_be_encoded_is_no_jid() -> None:
    api = install(FakeClient())
    with pytest.raises(ValueError, match=r"jid: .* is not a JID"):
        api.run("weather", "get", "\udcff@b")


class Odd(str):
    """Text that has no hash."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]


def test_text_without_a_hash_is_refused_too() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        install(FakeClient()).run(Odd("weather"), "get")


def test_call_of_a_loop_that_was_closed_is_no_more_under_way() -> None:
    async def wait(jid: Any, node: Any, ifrom: Any, args: Any) -> None: ...

    loop = asyncio.new_event_loop()
    api = install(FakeClient(loop=loop))
    api.register(wait, "weather", "get")
    future: Any = api.run("weather", "get")
    loop.close()
    assert api.calls() == []
    assert api.pending == 0
    future._log_destroy_pending = False
    future.get_coro().close()
