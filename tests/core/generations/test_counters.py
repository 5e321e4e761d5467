"""Generations: what a cache looks at to know whether a kept answer is still good."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from slixmpp import JID

from slixmpp_middleware import Caching, Retry
from slixmpp_pipeline import Call, CallAborted, CallNext, Entry, PipelineRegistry, Route, install
from slixmpp_pipeline.catalogue import Resource, bare_jid, every
from slixmpp_pipeline.testing import FakeClient
from tests.layers import passing

if TYPE_CHECKING:
    from slixmpp_pipeline import Layer

ROMEO, NURSE = "romeo@montague.example", "nurse@capulet.example"


class Watch:
    """A cache that keeps nothing, and tells the generations of whatever a test asks for."""

    role: ClassVar[str] = "cache"
    taskless: ClassVar[bool] = True

    def __init__(self) -> None:
        self.routes: dict[tuple[str, str], Route] = {}

    def for_route(self, route: Route) -> Layer:
        self.routes[route.ctype, route.op] = route
        return self

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        return await call_next(call)

    def now(self, jid: str = ROMEO, node: str = "", args: Any = None, op: str = "xep_0054 get_vcard") -> Any:
        ctype, _, name = op.partition(" ")
        return self.routes[ctype, name].generations(Call(ctype, name, JID(jid), node, None, args))

    def latest_generation(self, op: str = "xep_0054 get_vcard") -> int | None:
        ctype, _, name = op.partition(" ")
        return self.routes[ctype, name].latest_generation(Call(ctype, name, JID(ROMEO), "", None, None))


READS = [
    ("xep_0054", "get_vcard"),
    ("xep_0030", "get_info"),
    ("xep_0115", "get_caps"),
    ("xep_0231", "get_bob"),
    ("weather", "all"),
]


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
async def api(watch: Watch) -> PipelineRegistry:
    """A registry whose cache stands on a few reads only; nothing else has layers."""
    api = install(FakeClient("juliet@capulet.example/balcony"))
    for ctype, op in READS:
        api.use(watch, ctype=ctype, op=op)
        api.register(lambda jid, node, ifrom, args: None, ctype, op)
        assert api.run(ctype, op).done()
    for ctype, op in [("xep_0054", "set_vcard"), ("xep_0231", "set_bob"), ("xep_0128", "add_extended_info")]:
        api.register(lambda jid, node, ifrom, args: None, ctype, op)
    return api


async def test_stand_still_while_nothing_is_written(api: PipelineRegistry, watch: Watch) -> None:
    before = watch.now()

    assert api.run("xep_0054", "get_vcard", ROMEO).done()

    assert before == watch.now() is not None


async def test_write_moves_what_it_names_by_bare_jid_and_nothing_else(api: PipelineRegistry, watch: Watch) -> None:
    romeo, nurse = watch.now(ROMEO), watch.now(NURSE)

    assert api.run("xep_0054", "set_vcard", f"{ROMEO}/orchard").done()

    assert watch.now(ROMEO) != romeo
    assert watch.now(f"{ROMEO}/garden") == watch.now(ROMEO)
    assert watch.now(NURSE) == nurse


async def test_write_moves_when_it_begins_and_when_it_ends(api: PipelineRegistry, watch: Watch) -> None:
    async def slow(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        await asyncio.sleep(0)

    api.register(slow, "xep_0054", "set_vcard")
    before = watch.now()

    future = api.run("xep_0054", "set_vcard", ROMEO)
    during = watch.now()
    await future

    assert len({before, during, watch.now()}) == 3


@pytest.mark.parametrize("how", ["fails", "fails later", "is cancelled"])
async def test_write_that_does_not_succeed_moves_too(api: PipelineRegistry, watch: Watch, how: str) -> None:
    def fail(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        during.append(watch.now())
        raise LookupError

    async def fail_later(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        during.append(watch.now())
        await asyncio.sleep(0)
        raise LookupError

    during: list[Any] = []
    api.register(fail if how == "fails" else fail_later, "xep_0054", "set_vcard")
    if how == "fails":
        with pytest.raises(LookupError):
            api.run("xep_0054", "set_vcard", ROMEO)
    else:
        future = api.run("xep_0054", "set_vcard", ROMEO)
        if how == "is cancelled":
            future.cancel()
        await asyncio.wait([future])
        assert future.cancelled() or future.exception() is not None

    assert during != [watch.now()]


@pytest.mark.parametrize(
    ("role", "is_counted"), [("CACHE".lower(), True), ("retry", True), ("", False), ("cache, almost", False)]
)
def test_generations_are_counted_for_a_cache_or_a_retry_and_nothing_else(role: str, is_counted: bool) -> None:
    watch: Any = Watch()
    watch.role = role
    api = install(FakeClient(), watch)
    assert api.run("xep_0054", "get_vcard").done()
    assert (watch.now() is not None) is is_counted


@pytest.mark.parametrize(("layers", "is_counted"), [((Caching(60),), False), ((Caching(60), Retry()), True)])
def test_writes_of_what_no_cache_reads_cost_nothing_unless_they_may_be_repeated(
    layers: tuple[Any, ...], is_counted: bool
) -> None:
    api = install(FakeClient(), *layers)
    assert bool(api._compiler.glance(api, "xep_0047", "del_stream").written) is is_counted


@pytest.mark.parametrize("how", ["is answered", "fails", "is cancelled"])
async def test_write_that_a_plain_function_puts_off_moves_when_it_ends(
    api: PipelineRegistry, watch: Watch, how: str
) -> None:
    gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    api.register(lambda jid, node, ifrom, args: gate, "xep_0054", "set_vcard")
    before = watch.now()
    future = api.run("xep_0054", "set_vcard", ROMEO)
    assert watch.now() is None
    if how == "is answered":
        gate.set_result(None)
    elif how == "fails":
        gate.set_exception(LookupError())
    else:
        future.cancel()
    await asyncio.wait([future])
    assert watch.now() not in (None, before)


async def test_writes_that_plain_functions_put_off_are_under_way_until_the_last_has_ended(
    api: PipelineRegistry, watch: Watch
) -> None:
    gates: list[asyncio.Future[None]] = [asyncio.get_running_loop().create_future() for _ in range(3)]
    waiting = iter(gates)
    api.register(lambda jid, node, ifrom, args: next(waiting), "xep_0054", "set_vcard")
    futures = [api.run("xep_0054", "set_vcard", ROMEO) for _ in gates]
    for gate, future in zip(gates, futures, strict=True):
        assert watch.now() is None
        gate.set_result(None)
        await future
    assert watch.now() is not None


async def test_write_that_a_layer_aborts_moves_too_and_is_told_apart_from_a_cancellation(
    api: PipelineRegistry, watch: Watch
) -> None:
    async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        """Act, in a task."""

    async def aborting(call: Call, call_next: CallNext) -> Any:
        await call_next(call)
        raise asyncio.CancelledError

    api.register(handler, "xep_0054", "set_vcard")
    api.use(aborting, ctype="xep_0054", op="set_vcard")
    before = watch.now()
    with pytest.raises(CallAborted):
        await api.run("xep_0054", "set_vcard", ROMEO)
    assert watch.now() != before


def test_write_moves_while_the_loop_is_off() -> None:
    watch = Watch()
    api = install(FakeClient())
    api.use(watch, ctype="xep_0054", op="get_vcard")
    assert api.run("xep_0054", "get_vcard").done()
    before = watch.now()

    assert api.run("xep_0054", "del_vcard", ROMEO).done()

    assert watch.now() != before


async def test_write_that_bypasses_the_cache_moves_too(watch: Watch) -> None:
    api = install(FakeClient(), watch)
    assert api.run("xep_0054", "get_vcard", ROMEO).done()
    before = watch.now()

    with api.bypass(Watch):
        assert api.run("xep_0054", "set_vcard", ROMEO).done()

    assert watch.now() != before


@pytest.mark.parametrize("how", ["replace", "_replace"])  # the second is every NamedTuple's own, and is no secret
async def test_write_that_a_layer_sends_elsewhere_moves_both(api: PipelineRegistry, watch: Watch, how: str) -> None:
    @api.layer(ctype="xep_0054", op="set_vcard")
    async def to_the_nurse(call: Call, call_next: CallNext) -> Any:
        return await call_next(getattr(call, how)(jid=JID(NURSE)))

    assert api.run("xep_0054", "get_vcard").done()
    romeo, nurse = watch.now(ROMEO), watch.now(NURSE)

    assert api.run("xep_0054", "set_vcard", ROMEO).done()

    assert watch.now(ROMEO) != romeo
    assert watch.now(NURSE) != nurse


async def test_write_of_another_ctype_moves_what_it_touches(api: PipelineRegistry, watch: Watch) -> None:
    """xep_0128 writes xep_0030's info, in place: every info, and every caps that share it."""
    info = watch.now(NURSE, "n", {}, "xep_0030 get_info")
    caps = watch.now(args={"verstring": "v"}, op="xep_0115 get_caps")
    vcard = watch.now()

    assert api.run("xep_0128", "add_extended_info", ROMEO, args={}).done()

    assert watch.now(NURSE, "n", {}, "xep_0030 get_info") != info
    assert watch.now(args={"verstring": "v"}, op="xep_0115 get_caps") != caps
    assert watch.now() == vcard


async def test_key_in_args_is_used(api: PipelineRegistry, watch: Watch) -> None:
    one, other = (watch.now(args={"verstring": ver}, op="xep_0115 get_caps") for ver in ("one", "other"))

    assert api.run("xep_0115", "cache_caps", NURSE, args={"verstring": "one"}).done()

    assert watch.now(args={"verstring": "one"}, op="xep_0115 get_caps") != one
    assert watch.now(args={"verstring": "other"}, op="xep_0115 get_caps") == other


async def test_key_that_is_a_jid_is_the_one_it_was(watch: Watch) -> None:
    api = install(FakeClient(), watch)
    place = (Resource("weather", "forecast"), lambda call: call.jid)
    api.declare("weather", "get", Entry(reads=(place,), cacheable=True))
    api.declare("weather", "set", Entry(writes=(place,)))

    def set_for_the_nurse(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        jid.bare = NURSE

    api.register(set_for_the_nurse, "weather", "set")
    assert api.run("weather", "get").done()
    romeo, nurse = watch.now(ROMEO, op="weather get"), watch.now(NURSE, op="weather get")

    assert api.run("weather", "set", ROMEO).done()

    assert watch.now(ROMEO, op="weather get") != romeo
    assert watch.now(NURSE, op="weather get") == nurse


async def test_write_whose_key_cannot_be_told_moves_everything(api: PipelineRegistry, watch: Watch) -> None:
    other = watch.now(args="other", op="xep_0231 get_bob")

    assert api.run("xep_0231", "set_bob", args=None).done()

    assert watch.now(args="other", op="xep_0231 get_bob") != other


@pytest.mark.parametrize("args", [["unhashable"], {}])
async def test_read_whose_key_cannot_be_told_is_not_to_be_kept(api: PipelineRegistry, watch: Watch, args: Any) -> None:
    assert watch.now(args=args, op="xep_0231 get_bob") is None


async def test_read_of_everything_moves_with_any_key(api: PipelineRegistry, watch: Watch) -> None:
    forecast = Resource("weather", "forecast")
    api.declare("weather", "all", Entry(reads=((forecast, every),), cacheable=True))
    api.declare("weather", "set", Entry(writes=((forecast, bare_jid),)))
    assert api.run("weather", "all").done()
    before = watch.now(op="weather all")

    assert api.run("weather", "set", ROMEO).done()

    assert None is not before != watch.now(op="weather all")


@pytest.mark.parametrize("op", ["xep_0012 get_last_activity", "xep_0054 set_vcard"])
async def test_answer_of_an_op_that_is_not_cacheable_is_not_to_be_kept(watch: Watch, op: str) -> None:
    api = install(FakeClient(), watch)
    ctype, _, name = op.partition(" ")
    assert api.run(ctype, name).done()

    assert watch.now(op=op) is None


# Handlers


@pytest.mark.parametrize("change", ["register", "unregister", "restore"])
async def test_changing_a_handler_for_a_jid_moves_that_jids(api: PipelineRegistry, watch: Watch, change: str) -> None:
    def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        """Answer nothing."""

    api.register_default(handler, "xep_0054", "get_vcard")
    romeo, nurse = watch.now(ROMEO), watch.now(NURSE)

    if change == "register":
        api.register(handler, "xep_0054", "get_vcard", f"{ROMEO}/orchard")
    elif change == "unregister":
        api.unregister("xep_0054", "get_vcard", ROMEO)
    else:
        api.restore_default("xep_0054", "get_vcard", ROMEO)

    assert watch.now(ROMEO) != romeo
    assert watch.now(NURSE) == nurse


async def test_changing_a_handler_for_all_moves_all(api: PipelineRegistry, watch: Watch) -> None:
    romeo, info = watch.now(ROMEO), watch.now(op="xep_0030 get_info", args={})

    api.register(lambda jid, node, ifrom, args: "new", "xep_0054", "get_vcard")
    assert watch.now(ROMEO) != romeo

    romeo = watch.now(ROMEO)
    api.purge("xep_0054")
    assert watch.now(ROMEO) != romeo
    assert watch.now(op="xep_0030 get_info", args={}) == info


async def test_changing_a_handler_for_a_node_moves_that_node(api: PipelineRegistry, watch: Watch) -> None:
    one, other = (watch.now(ROMEO, node, {}, "xep_0030 get_info") for node in ("one", "other"))

    api.register(lambda jid, node, ifrom, args: "new", "xep_0030", "get_info", ROMEO, "one")

    assert watch.now(ROMEO, "one", {}, "xep_0030 get_info") != one
    assert watch.now(ROMEO, "other", {}, "xep_0030 get_info") == other


# By hand


async def test_invalidate_moves_one_jid_or_all(api: PipelineRegistry, watch: Watch) -> None:
    romeo, nurse = watch.now(ROMEO), watch.now(NURSE)

    api.invalidate("xep_0054", "get_vcard", f"{ROMEO}/orchard")
    assert watch.now(ROMEO) != romeo
    assert watch.now(NURSE) == nurse

    api.invalidate("xep_0054", "set_vcard")
    assert watch.now(NURSE) != nurse


async def test_invalidate_of_a_jid_with_any_node_moves_every_node(api: PipelineRegistry, watch: Watch) -> None:
    before = watch.now(ROMEO, "n", {}, "xep_0030 get_info")

    api.invalidate("xep_0030", "get_info", ROMEO)

    assert watch.now(ROMEO, "n", {}, "xep_0030 get_info") != before


async def test_op_that_is_not_in_the_catalogue_moves_with_its_handlers_and_by_hand(
    api: PipelineRegistry, watch: Watch
) -> None:
    seen = [watch.now(op="weather all")]

    api.invalidate("weather", "all", ROMEO)
    seen.append(watch.now(op="weather all"))
    api.register(lambda jid, node, ifrom, args: "new", "weather", "all")
    seen.append(watch.now(op="weather all"))

    assert None not in seen
    assert len(set(seen)) == 3


async def test_invalidate_without_a_cache_does_nothing() -> None:
    install(FakeClient()).invalidate("xep_0054", "get_vcard", ROMEO)


# From when on


async def test_nothing_is_to_be_kept_until_calls_from_before_the_cache_have_ended(watch: Watch) -> None:
    api = install(FakeClient())
    gate = asyncio.get_running_loop().create_future()

    async def slow(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        await gate

    api.register(slow, "xep_0054", "set_vcard")
    uncounted = api.run("xep_0054", "set_vcard", ROMEO)
    api.use(watch)
    assert api.run("xep_0054", "get_vcard").done()

    assert watch.now() is None
    gate.set_result(None)
    await uncounted
    assert watch.now() is not None


def test_calls_of_a_loop_that_was_closed_hold_up_nothing(watch: Watch) -> None:
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
    first.set_exception_handler(lambda loop, context: None)  # a pending task is destroyed, on purpose
    client = FakeClient(loop=first)
    api = install(client)

    async def hang(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        await asyncio.Event().wait()

    api.register(hang, "xep_0054", "set_vcard")
    uncounted = [api.run("xep_0054", "set_vcard", ROMEO) for _ in range(2)]
    first.run_until_complete(asyncio.sleep(0))
    api.use(watch)
    assert api.run("xep_0054", "get_vcard").done()
    assert watch.now() is None

    first.close()
    client.loop = second
    assert watch.now() is not None
    assert not any(future.done() for future in uncounted)
    second.close()


@pytest.mark.parametrize("ends", ["one", "other", "both"])
async def test_there_are_none_while_any_write_is_under_way(watch: Watch, ends: str) -> None:
    api = install(FakeClient(), watch)
    gates = {name: asyncio.Event() for name in ("one", "other")}

    async def write(jid: JID, node: str, ifrom: JID | None, args: str) -> None:
        await gates[args].wait()

    api.register(write, "xep_0054", "set_vcard")
    assert api.run("xep_0054", "get_vcard").done()
    before, nurse = watch.now(ROMEO), watch.now(NURSE)

    writes = {name: api.run("xep_0054", "set_vcard", ROMEO, args=name) for name in gates}
    assert watch.now(ROMEO) is None
    assert watch.now(NURSE) == nurse
    for name in gates if ends == "both" else [ends]:
        gates[name].set()
        await writes[name]
    assert (watch.now(ROMEO) is None) == (ends != "both")
    assert watch.now(ROMEO) != before
    for gate in gates.values():
        gate.set()
    await asyncio.wait(writes.values())


async def test_there_are_none_until_the_last_of_three_writes_has_ended(watch: Watch) -> None:
    api = install(FakeClient(), watch)
    gates = [asyncio.Event() for _ in range(3)]

    async def write(jid: JID, node: str, ifrom: JID | None, args: asyncio.Event) -> None:
        await args.wait()

    api.register(write, "xep_0054", "set_vcard")
    assert api.run("xep_0054", "get_vcard").done()
    writes = [api.run("xep_0054", "set_vcard", ROMEO, args=gate) for gate in gates]

    told = []
    for gate, future in zip(gates, writes, strict=True):
        gate.set()
        await future
        told.append(watch.now() is not None)

    assert told == [False, False, True]


async def test_there_are_none_of_any_key_while_nobody_can_tell_which_is_written(
    api: PipelineRegistry, watch: Watch
) -> None:
    gate = asyncio.Event()

    async def write(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        await gate.wait()

    api.register(write, "xep_0231", "set_bob")
    future = api.run("xep_0231", "set_bob", args=None)
    assert watch.now(args="one", op="xep_0231 get_bob") is None

    gate.set()
    await future
    assert watch.now(args="one", op="xep_0231 get_bob") is not None


async def test_nothing_is_to_be_kept_without_a_cache_and_what_was_kept_is_no_good_after(watch: Watch) -> None:
    api = install(FakeClient(), watch)
    assert api.run("xep_0054", "get_vcard").done()
    before = watch.now()

    api.remove(watch)
    assert watch.now() is None
    assert api.run("xep_0054", "set_vcard", ROMEO).done()
    api.use(watch)

    assert None is not watch.now() != before


def test_more_keys_than_are_remembered_move_all_of_a_resource(watch: Watch) -> None:
    api = install(FakeClient(), watch)
    assert api.run("xep_0054", "get_vcard", ROMEO).done()
    before = watch.now()

    for index in range(65_536):
        api.run("xep_0054", "set_vcard", f"user{index}@montague.example")
    assert watch.now() == before

    api.run("xep_0054", "set_vcard", "one.more@montague.example")
    assert watch.now() != before


class TestLastMove:
    async def test_is_the_same_while_no_key_moves(self, api: PipelineRegistry, watch: Watch) -> None:
        before = watch.latest_generation()

        assert api.run("xep_0054", "get_vcard", NURSE).done()
        assert api.run("xep_0231", "set_bob", args={"cid": "one"}).done()
        assert None is not before == watch.latest_generation()

        assert api.run("xep_0054", "set_vcard", NURSE).done()
        assert None is not before != watch.latest_generation()

    async def test_is_the_later_one_of_two_resources(self, api: PipelineRegistry, watch: Watch) -> None:
        one, other = Resource("weather", "one"), Resource("weather", "other")
        api.declare("weather", "all", Entry(reads=((one, bare_jid), (other, bare_jid)), cacheable=True))
        for resource in (one, other):
            api.declare("weather", resource.name, Entry(writes=((resource, bare_jid),)))
        assert api.run("weather", "all").done()
        seen = [watch.latest_generation("weather all")]

        for resource in (one, other, one):
            assert api.run("weather", resource.name).done()
            seen.append(watch.latest_generation("weather all"))

        assert None not in seen
        assert len(set(seen)) == 4

    async def test_is_none_while_any_key_is_written(self, api: PipelineRegistry, watch: Watch) -> None:
        gate = asyncio.Event()

        async def write(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            await gate.wait()

        api.register(write, "xep_0054", "set_vcard")
        future = api.run("xep_0054", "set_vcard", NURSE)
        assert watch.latest_generation() is None

        gate.set()
        await future
        assert watch.latest_generation() is not None

    async def test_is_none_until_calls_from_before_the_cache_have_ended(self, watch: Watch) -> None:
        api = install(FakeClient())
        gate = asyncio.Event()

        async def slow(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            await gate.wait()

        api.register(slow, "xep_0054", "set_vcard")
        uncounted = api.run("xep_0054", "set_vcard", ROMEO)
        api.use(watch)
        assert api.run("xep_0054", "get_vcard").done()
        assert watch.latest_generation() is None

        gate.set()
        await uncounted
        assert watch.latest_generation() is not None

    async def test_is_none_without_a_cache(self, api: PipelineRegistry, watch: Watch) -> None:
        api.remove(watch)

        assert watch.latest_generation() is None

    async def test_is_none_for_an_op_that_is_not_cacheable(self, watch: Watch) -> None:
        api = install(FakeClient(), watch)
        assert api.run("xep_0054", "set_vcard").done()

        assert watch.latest_generation("xep_0054 set_vcard") is None


async def test_there_are_none_for_a_call_that_bypasses_layers() -> None:
    told: list[Any] = []

    class Telling(Watch):
        async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
            route = self.routes[call.ctype, call.op]
            told.append((route.generations(call) is None, route.latest_generation(call) is None))
            return await call_next(call)

    api = install(FakeClient(), Telling(), passing)
    assert api.run("xep_0054", "get_vcard").done()
    with api.bypass(passing):
        assert api.run("xep_0054", "get_vcard").done()

    assert told == [(False, False), (True, True)]
