"""Writes behind layers that redirect, commit later and repeat: nothing old is served, and nothing newer is undone."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import random
from typing import Any

import pytest
from slixmpp import JID

from slixmpp_middleware import Caching, Retry
from slixmpp_pipeline import Attempts, Call, CallNext, Entry, PipelineRegistry, install
from slixmpp_pipeline.catalogue import Key, Resource, bare_jid, every
from slixmpp_pipeline.generations import attempts, counters
from slixmpp_pipeline.generations.attempts import note_beginning
from slixmpp_pipeline.generations.counters import Counter
from slixmpp_pipeline.testing import FakeClient

DATA = Resource("weather", "data")
READ = Entry(reads=((DATA, bare_jid),), cacheable=True, repeatable=True)
WRITE = Entry(writes=((DATA, bare_jid),), repeatable=True)
VERONA, MANTUA = "verona.example", "mantua.example"


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def no_sleep(_seconds: float) -> None:
    """Wait for a turn of the loop, in which others may write."""
    await asyncio.sleep(0)


def made(*layers: Any, write: Entry = WRITE) -> PipelineRegistry:
    api = install(FakeClient(), *layers)
    api.declare("weather", "get", READ)
    api.declare("weather", "set", write)
    return api


class Aliases:
    """A layer that writes to another JID than it was asked to, and commits when the handler has ended."""

    def __init__(self, committed: dict[str, Any]) -> None:
        self.committed = committed
        self.staged: dict[str, Any] = {}

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        if call.op != "set":
            return await call_next(call)
        await call_next(call.replace(jid=MANTUA))
        await turns(3)
        self.committed.update(self.staged)
        return None


@pytest.mark.parametrize("waits", [False, True])
async def test_what_was_redirected_is_written_until_the_call_has_ended(waits: bool) -> None:
    committed = {MANTUA: "old"}
    aliases = Aliases(committed)
    caching = Caching(60)
    api = made(caching, aliases)

    def put(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
        aliases.staged[jid.bare] = args
        return asyncio.sleep(0) if waits else None

    api.register(lambda jid, node, ifrom, args: committed.get(jid.bare), "weather", "get")
    api.register(put, "weather", "set")
    writing = api.run("weather", "set", VERONA, args="new")
    seen = []
    while not writing.done():
        seen.append(await api.run("weather", "get", MANTUA))
        await asyncio.sleep(0)

    assert set(seen) == {"old"}
    assert await api.run("weather", "get", MANTUA) == "new"


class ToMantua:
    """A layer without a task that redirects each write."""

    taskless = True

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        return await call_next(call.replace(jid=MANTUA) if call.op == "set" else call)


def serving_later(api: PipelineRegistry) -> None:
    """Let plain functions answer for a store that has been written when what they return has ended."""
    committed = {MANTUA: "old"}

    def put(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
        async def later() -> None:
            await asyncio.sleep(0)
            committed[jid.bare] = args

        return later()

    api.register(lambda jid, node, ifrom, args: committed.get(jid.bare), "weather", "get")
    api.register(put, "weather", "set")


async def test_what_a_layer_redirects_at_once_waits_with_a_call_that_waits() -> None:
    api = made(Caching(60), ToMantua())
    serving_later(api)
    writing = api.run("weather", "set", VERONA, args="new")
    assert [api.run("weather", "get", MANTUA).result() for _ in range(2)] == ["old", "old"]
    await writing
    assert api.run("weather", "get", MANTUA).result() == "new"


async def test_what_a_layer_redirects_while_the_loop_is_off_waits_with_its_call(
    idle_loop: asyncio.AbstractEventLoop,
) -> None:
    api = install(FakeClient(loop=idle_loop), Caching(60), ToMantua())
    api.declare("weather", "get", READ)
    api.declare("weather", "set", WRITE)
    serving_later(api)
    writing = await asyncio.to_thread(api.run, "weather", "set", VERONA, None, None, "new")
    assert [api.run("weather", "get", MANTUA).result() for _ in range(2)] == ["old", "old"]
    await asyncio.to_thread(idle_loop.run_until_complete, writing)
    assert api.run("weather", "get", MANTUA).result() == "new"


class Store:
    """A handler whose first writes fail, and which may write to other places."""

    def __init__(self, failures: int = 1, *, nested: str = "") -> None:
        self.kept: dict[str, Any] = {}
        self.failures = failures
        self.nested = nested
        self.api: Any = None

    async def put(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        await asyncio.sleep(0)
        if self.nested and args != "nested":
            await self.api.run("weather", "set", self.nested, args="nested")
        if args != "second" and self.failures:
            self.failures -= args == "first"
            if args == "first":
                raise ConnectionError(f"{jid}")
        self.kept[jid.bare] = args


@pytest.mark.parametrize(("other", "is_repeated"), [(VERONA, False), (MANTUA, True)])
@pytest.mark.parametrize("when", ["meanwhile", "in the pause"])
async def test_write_is_not_repeated_over_a_newer_one_of_the_same_key(other: str, is_repeated: bool, when: str) -> None:
    store = Store()

    paused, go_on = asyncio.Event(), asyncio.Event()

    async def pause(_seconds: float) -> None:
        paused.set()
        await go_on.wait()

    api = made(Retry(2, sleep=pause))
    api.register(store.put, "weather", "set")
    first = api.run("weather", "set", VERONA, args="first")
    if when == "in the pause":
        await paused.wait()
    await api.run("weather", "set", other, args="second")
    go_on.set()
    await asyncio.wait([first])
    error = first.exception()

    if is_repeated:
        assert error is None
        assert store.kept == {VERONA: "first", MANTUA: "second"}
    else:
        assert isinstance(error, ConnectionError)
        assert error.__notes__ == ["weather set is not repeated: another write of the same data has begun"]
        assert store.kept == {VERONA: "second"}


def unknown(call: Call) -> str:
    raise KeyError(call.op)


@pytest.mark.parametrize("key", [every, unknown])
async def test_where_the_key_cannot_be_told_any_write_of_the_resource_counts(key: Key) -> None:
    store = Store()
    api = made(Retry(2, sleep=no_sleep), write=Entry(writes=((DATA, key),), repeatable=True))
    api.register(store.put, "weather", "set")
    first = api.run("weather", "set", VERONA, args="first")
    await api.run("weather", "set", MANTUA, args="second")
    await asyncio.wait([first])

    assert isinstance(first.exception(), ConnectionError)


@pytest.mark.parametrize("nested", [VERONA, MANTUA])
async def test_what_an_attempt_writes_itself_is_no_other_write(nested: str) -> None:
    store = Store(nested=nested)
    api = store.api = made(Retry(2, sleep=no_sleep))
    api.register(store.put, "weather", "set")
    await api.run("weather", "set", VERONA, args="first")

    assert store.kept[VERONA] == "first"


async def test_another_write_of_what_an_attempt_wrote_nested_counts() -> None:
    store = Store(nested=MANTUA)
    api = store.api = made(Retry(2, sleep=no_sleep))
    api.register(store.put, "weather", "set")
    first = api.run("weather", "set", VERONA, args="first")
    await turns(1)
    await api.run("weather", "set", MANTUA, args="second")
    await asyncio.wait([first])

    assert isinstance(first.exception(), ConnectionError)


async def test_nothing_is_counted_without_a_retry_and_the_counts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "_MAX_KEYS", 3)
    retry = Retry()
    api = made(Caching(60))
    api.register(lambda jid, node, ifrom, args: None, "weather", "set")
    counter = api._counters._counter(DATA)
    assert api.run("weather", "set", VERONA).done()
    assert counter.begun is None
    api.use(retry)
    watches = [route_watch(api) for _ in range(2)]
    for number in range(5):
        assert api.run("weather", "set", f"u{number}@verona.example").done()
        assert counter.begun is not None
        assert len(counter.begun.last) <= 3
    assert all(watch.is_overtaken(call(MANTUA)) for watch in watches)  # for which place is not known any more
    api.remove(retry)
    assert counter.begun is None
    assert watches[0].is_overtaken(call(MANTUA)) is False  # nobody will ask: its layer is gone


def call(jid: str) -> Call:
    return Call("weather", "set", JID(jid), "", None, None)


def route_watch(api: PipelineRegistry) -> Attempts:
    watch = api._compiler.glance(api, "weather", "set").route.attempts()
    assert watch is not None
    return watch


@pytest.mark.parametrize(
    ("own", "others", "asked", "is_overtaken"),
    [
        ("a", "", "a", False),
        ("a", "a", "a", True),
        ("*", "a", "a", True),
        ("*", "a", "b", True),  # `*` was written inside, and touches all
        ("b", "a", "a", True),
        ("b", "a", "c", False),
        ("", "*", "a", True),
        ("", "a", "*", True),
        ("a", "", "*", False),
        ("*", "", "a", False),
    ],
)
@pytest.mark.parametrize("first", ["own", "others"])
def test_watch_tells_own_writes_from_others(own: str, others: str, asked: str, is_overtaken: bool, first: str) -> None:
    begun = attempts.Begun()
    counter = Counter(begun=begun)

    def key(name: str) -> Any:
        return every if name == "*" else name

    watch = Attempts(lambda call: [(begun, key(asked))])
    for who in ("own", "others") if first == "own" else ("others", "own"):
        if who == "own" and own:
            with watch:
                note_beginning([counter], key(own))
        if who == "others" and others:
            note_beginning([counter], key(others))
    assert watch.is_overtaken(call(VERONA)) is is_overtaken


def test_nested_watches_both_know_their_own() -> None:
    begun = attempts.Begun()
    outer, inner = (Attempts(lambda call: [(begun, "a")]) for _ in range(2))
    with outer:
        with inner:
            note_beginning([Counter(begun=begun)], "a")
        note_beginning([Counter(begun=begun)], "a")
    assert not outer.is_overtaken(call(VERONA))
    assert inner.is_overtaken(call(VERONA))  # the second is none of its own


def test_watch_holds_none_that_has_ended() -> None:
    """A layer that asks again and again would keep all it ever made."""

    def are_there() -> int:
        gc.collect()
        return sum(isinstance(one, Attempts) for one in gc.get_objects())

    def many(count: int) -> int:
        for _ in range(count):
            with Attempts(lambda call: []):
                pass
        return are_there()

    # The context, and the variable's cache, may keep the last.
    assert contextvars.copy_context().run(many, 20) - contextvars.copy_context().run(many, 1) < 3


def test_watch_may_be_left_in_another_context() -> None:
    """As when only the garbage collector ends a coroutine."""
    watch = Attempts(lambda call: [])
    contextvars.copy_context().run(watch.__enter__)
    watch.__exit__()


async def test_loop_that_was_closed_under_a_write_leaves_its_key_free() -> None:
    def writing() -> None:
        loop = asyncio.new_event_loop()
        xmpp.loop = loop

        async def main() -> None:
            held.append(api.run("weather", "set", VERONA, args="new"))
            await turns(2)

        loop.run_until_complete(main())
        loop.close()

    async def put(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        await asyncio.get_running_loop().create_future()

    held: list[Any] = []
    asked: list[str] = []
    xmpp, here = FakeClient(), asyncio.get_running_loop()
    caching = Caching(60)
    api = install(xmpp, caching)
    api.declare("weather", "get", READ)
    api.declare("weather", "set", WRITE)
    api.register(put, "weather", "set")
    api.register(lambda jid, node, ifrom, args: asked.append(jid.bare), "weather", "get")
    await asyncio.to_thread(writing)
    xmpp.loop = here
    for _ in range(3):
        api.run("weather", "get", VERONA)
    assert asked == [VERONA]
    held[0]._log_destroy_pending = False
    held[0].get_coro().close()
    api.run("weather", "get", VERONA)
    assert len(asked) == 2  # its end counts, too


@pytest.mark.parametrize("key", ["one", every])
def test_reader_in_another_thread_never_sees_the_latest_generation_before_that_of_the_key(key: Any) -> None:
    counter = counters.Counter()
    seen = []

    class Keys(dict[Any, int]):
        def __setitem__(self, name: Any, generation: int) -> None:
            seen.append(counter.latest)
            super().__setitem__(name, generation)

        def clear(self) -> None:
            seen.append(counter.latest)
            assert counter.all > counter.latest
            super().clear()

    counter.keys, before = Keys(), counter.latest
    counter.advance(key)

    assert seen == [before]
    assert counter.latest > before


class Random:
    """Handlers and a layer that wait, fail, redirect and commit as a seed says."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.committed: dict[str, int] = {}
        self.begun: dict[str, int] = {}

    async def later(self, call: Call, call_next: CallNext, /) -> Any:
        """Redirect some writes, and commit what the handler took after a while, unless there is a newer one."""
        if call.op != "set":
            return await call_next(call)
        target = MANTUA if call.args % 3 == 0 else call.jid.bare
        self.begun[target] = call.args
        await call_next(call.replace(jid=target))
        await turns(self.chance.randrange(3))
        if self.begun[target] == call.args:
            self.committed[target] = call.args
        return None

    async def put(self, jid: JID, node: str, ifrom: JID | None, args: int) -> None:
        await turns(self.chance.randrange(3))
        if self.chance.random() < 0.3:
            raise ConnectionError

    async def get(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> int | None:
        value = self.committed.get(jid.bare)
        await turns(self.chance.randrange(2))
        return value


@pytest.mark.parametrize("start", range(0, 300, 50))
async def test_no_read_is_older_than_what_was_committed(start: int) -> None:
    for seed in range(start, start + 50):
        program = Random(seed)
        api = made(Caching(60), program.later, Retry(3, sleep=no_sleep))
        api.register(program.put, "weather", "set")
        api.register(program.get, "weather", "get")
        calls = []
        for number in range(1, program.chance.randrange(4, 20)):
            place = program.chance.choice((VERONA, MANTUA))
            is_write = program.chance.random() < 0.5
            calls.append(api.run("weather", "set" if is_write else "get", place, args=number if is_write else None))
            await turns(program.chance.randrange(3))
        await asyncio.gather(*calls, return_exceptions=True)
        for place in (VERONA, MANTUA):
            assert await api.run("weather", "get", place) == program.committed.get(place), f"seed {seed}"


@pytest.mark.parametrize("start", range(0, 300, 50))
async def test_no_attempt_undoes_a_write_that_began_after_the_one_before(start: int) -> None:
    for seed in range(start, start + 50):
        chance = random.Random(seed)
        attempts_of: list[tuple[str, int]] = []

        async def put(
            jid: JID, node: str, ifrom: JID | None, args: int, chance: Any = chance, done: Any = attempts_of
        ) -> None:
            done.append((jid.bare, args))
            await turns(chance.randrange(4))
            if chance.random() < 0.5:
                raise ConnectionError

        api = made(Retry(3, sleep=no_sleep))
        api.register(put, "weather", "set")
        calls = []
        for number in range(chance.randrange(3, 10)):
            calls.append(api.run("weather", "set", chance.choice((VERONA, MANTUA)), args=number))
            await turns(chance.randrange(5))
        await asyncio.gather(*calls, return_exceptions=True)
        for place in (VERONA, MANTUA):
            numbers = [number for one, number in attempts_of if one == place]
            assert numbers == sorted(numbers), f"seed {seed}"
