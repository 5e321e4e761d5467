"""What the field reported: answers of another op, a cancellation that became a timeout, questions from threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from slixmpp import JID

from slixmpp_middleware import Caching, Timeout
from slixmpp_pipeline import Call, CallTimeout, Entry, install
from slixmpp_pipeline.catalogue import Resource, bare_jid
from slixmpp_pipeline.execution.pending import PendingCalls
from slixmpp_pipeline.generations.counters import Counters
from slixmpp_pipeline.handlers.names import short_path
from slixmpp_pipeline.testing import FakeClient

DATA = Resource("weather", "data")
READ = Entry(reads=((DATA, bare_jid),), cacheable=True)


def test_ops_whose_names_join_to_one_text_do_not_share_answers() -> None:
    api = install(FakeClient(), Caching(60))
    for ctype, op in (("weather", "get now"), ("weather get", "now")):
        api.declare(ctype, op, READ)
        api.register(lambda jid, node, ifrom, args, answer=(ctype, op): answer, ctype, op)

    answers = [api.run("weather", "get now").result(), api.run("weather get", "now").result()]

    assert answers == [("weather", "get now"), ("weather get", "now")]


@pytest.mark.parametrize("waits_for", ["a future", "a bare yield"])
async def test_call_that_was_cancelled_in_a_first_step_that_overran_is_cancelled(waits_for: str) -> None:
    clock = iter((0.0, 1.0))

    async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await (asyncio.sleep(0) if waits_for == "a bare yield" else asyncio.Event().wait())

    api = install(FakeClient(), Timeout(0.01, clock=lambda: next(clock)))
    api.register(handler, "weather", "get")
    future = api.run("weather", "get")
    await asyncio.wait([future])

    assert future.cancelled()


async def test_call_whose_first_step_overran_and_was_not_cancelled_is_a_timeout() -> None:
    clock = iter((0.0, 1.0))

    async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        await asyncio.Event().wait()

    api = install(FakeClient(), Timeout(0.01, clock=lambda: next(clock)))
    api.register(handler, "weather", "get")
    with pytest.raises(CallTimeout):
        await api.run("weather", "get")


class Meanwhile(asyncio.Future[object]):
    """A future that does something each time that its loop is asked for: what another thread may do at that moment."""

    def __init__(self, loop: asyncio.AbstractEventLoop, act: Callable[[], object]) -> None:
        super().__init__(loop=loop)
        self.act = act

    def get_loop(self) -> asyncio.AbstractEventLoop:
        self.act()
        return super().get_loop()


def test_calls_can_begin_while_another_thread_counts_them(idle_loop: asyncio.AbstractEventLoop) -> None:
    pending = PendingCalls()
    call = Call("weather", "get", JID("romeo@montague.example"), "", None, None)
    pending.hold(Meanwhile(idle_loop, lambda: pending.hold(idle_loop.create_future(), call)), call)

    assert len(pending) == 1


def test_calls_can_end_while_another_thread_asks_whether_a_cache_may_store(
    idle_loop: asyncio.AbstractEventLoop,
) -> None:
    """A call that was not counted is over, and while the others are looked at, one more comes."""
    counters = Counters()
    read = counters.counted_keys(READ.reads)
    over = [idle_loop.create_future() for _ in range(20)]
    for future in over:
        future.set_result(None)
    counters.start([Meanwhile(idle_loop, lambda: counters.start([idle_loop.create_future()])), *over])

    assert counters.generations(read, Call("weather", "get", JID("romeo@montague.example"), "", None, None)) is None


@pytest.mark.parametrize("jid", ["", 0, [], {}])
def test_invalidating_an_empty_jid_is_refused_and_forgets_nothing(jid: Any) -> None:
    caching, answers = Caching(60), ["new", "old"]
    api = install(FakeClient(), caching)
    api.declare("weather", "get", READ)
    api.register(lambda jid, node, ifrom, args: answers.pop(), "weather", "get")
    assert api.run("weather", "get").result() == "old"

    with pytest.raises(ValueError, match=r"jid: .* is empty"):
        api.invalidate("weather", "get", jid)

    assert api.run("weather", "get").result() == "old"


@pytest.mark.parametrize("wrong", [None, FakeClient(), "api"])
def test_statistics_of_another_object_are_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"api: .* the registry that install\(\) returns is allowed"):
        Caching(60).statistics(wrong)


@pytest.mark.parametrize("name", ["reads", "writes"])
@pytest.mark.parametrize(
    "touched", [(DATA, bare_jid), [(DATA, bare_jid)], ((DATA,),), ((DATA, "key"),), (("a", bare_jid),), 5]
)
def test_entry_whose_brackets_are_forgotten_is_refused_at_once(name: str, touched: Any) -> None:
    with pytest.raises(TypeError, match=rf"{name}: .* is not allowed; pairs \(Resource, key\)"):
        Entry(**{name: touched})


def test_entry_that_varies_by_no_function_is_refused() -> None:
    wrong: Any = "unit"
    with pytest.raises(TypeError, match="vary_by: 'unit' is no function"):
        Entry(vary_by=wrong)


@pytest.mark.parametrize("change", ["unregister", "restore_default"])
def test_text_that_is_no_jid_takes_no_handler_away(change: str) -> None:
    """slixmpp's xep_0115 passes an op for a JID when it is disabled, which its JID in pure Python does not take."""
    api = install(FakeClient())
    api.register(lambda jid, node, ifrom, args: "answer", "weather", "get", default=True)

    getattr(api, change)("weather", "get", jid="a@b@c")

    assert api.run("weather", "get").result() == "answer"


def test_restoring_a_default_that_is_not_there_is_an_error_for_text_that_is_no_jid_as_well() -> None:
    with pytest.raises(KeyError, match="has no default handler"):
        install(FakeClient()).restore_default("weather", "get", jid="a@b@c")


def test_function_among_the_settings_is_explained_by_its_place() -> None:
    def of_nothing(call: Call) -> None: ...

    api = install(FakeClient(), Caching(60, key=of_nothing))
    explanation = str(api.explain("weather", "get"))

    assert f"of_nothing, {short_path(__file__)}:{of_nothing.__code__.co_firstlineno}" in explanation
    assert "0x" not in explanation
