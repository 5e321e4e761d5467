"""Cache, retry, timeout and a user's layer in every order, over handlers of every kind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any, ClassVar

import pytest
import structlog
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from slixmpp import JID

from slixmpp_middleware import Caching, Logging, Metrics, Retry, Timeout, Tracing
from slixmpp_pipeline import Call, CallNext, CallTimeout, Handler, Layer, PipelineRegistry, install
from slixmpp_pipeline.catalogue.slixmpp_ops import SLIXMPP_OPS
from slixmpp_pipeline.testing import FakeClient, check_layer

ROMEO, NURSE = "romeo@montague.example", "nurse@capulet.example"


async def no_sleep(seconds: float) -> None:
    assert seconds >= 0


@dataclass(frozen=True, slots=True)
class Passing:
    """A user's layer, which needs a task of its own."""

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        return await call_next(call)


@dataclass(frozen=True, slots=True)
class Taskless(Passing):
    """A user's layer, which needs none."""

    taskless: ClassVar[bool] = True


def caching() -> Layer:
    return Caching(60)


def retry() -> Layer:
    return Retry(attempts=2, sleep=no_sleep)


def timeout() -> Layer:
    return Timeout(2, clock=lambda: asyncio.get_running_loop().time())


Makers = tuple[Callable[[], Layer], ...]

every_order = pytest.mark.parametrize(
    "makers",
    [
        pytest.param(order, id=" > ".join(make.__name__ for make in order))
        for user_layer in (Passing, Taskless)
        for order in permutations((caching, timeout, retry, user_layer))
    ],
)


@dataclass
class Cards:
    """A database that fails at the first call for each JID, node and requester."""

    asked: list[tuple[str, str, str | None]] = field(default_factory=list)

    def get(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        key = (jid.full, node, None if ifrom is None else ifrom.full)
        self.asked.append(key)
        if self.asked.count(key) == 1:
            raise ConnectionError
        return f"{jid} at {node!r} for {ifrom}"

    async def get_at_once(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        return self.get(jid, node, ifrom, args)

    async def get_slowly(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        await asyncio.sleep(0.5)
        return self.get(jid, node, ifrom, args)

    def get_later(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
        return self.get_slowly(jid, node, ifrom, args)

    def get_as_of_old(self, jid: JID, node: str, args: Any) -> str:
        return self.get(jid, node, None, args)


KINDS = ["get", "get_at_once", "get_slowly", "get_later"]


def serve(makers: Makers) -> PipelineRegistry:
    return install(FakeClient(), *(make() for make in makers))


async def get(api: PipelineRegistry, jid: str = ROMEO, node: str | None = None, ifrom: str | None = None) -> Any:
    return await api.run("xep_0054", "get_vcard", jid, node, None if ifrom is None else JID(ifrom))


async def require_nothing_left(api: PipelineRegistry) -> None:
    for _ in range(3):
        await asyncio.sleep(0)
    assert api.pending == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.looptime
@every_order
class TestEveryOrder:
    @pytest.mark.parametrize("kind", KINDS)
    async def test_repeats_what_failed_and_keeps_the_answer(self, makers: Makers, kind: str) -> None:
        api, cards = serve(makers), Cards()
        api.register(getattr(cards, kind), "xep_0054", "get_vcard")
        for ifrom in (None, NURSE):
            cards.asked.clear()
            assert [await get(api, ifrom=ifrom) for _ in range(2)] == [f"{ROMEO} at '' for {ifrom}"] * 2
            assert cards.asked == [(ROMEO, "", ifrom)] * 2
        await require_nothing_left(api)

    @pytest.mark.parametrize("kind", ["get_slowly", "get_later"])
    async def test_asks_once_for_all_who_ask_at_once(self, makers: Makers, kind: str) -> None:
        api, cards = serve(makers), Cards()
        cards.asked.append((ROMEO, "", None))  # the failure is over
        api.register(getattr(cards, kind), "xep_0054", "get_vcard")
        assert await asyncio.gather(*(get(api) for _ in range(10))) == [f"{ROMEO} at '' for None"] * 10
        assert len(cards.asked) == 2
        await require_nothing_left(api)

    async def test_finds_the_winner_of_each_tier(self, makers: Makers) -> None:
        api, cards = serve(makers), Cards()
        api.register(cards.get, "xep_0054", "get_vcard")
        api.register(cards.get_slowly, "xep_0054", "get_vcard", ROMEO)
        api.register(cards.get_as_of_old, "xep_0054", "get_vcard", node="news")
        api.register(cards.get_later, "xep_0054", "get_vcard", ROMEO, "news")
        questions = [(NURSE, "", NURSE), (ROMEO, "", NURSE), (NURSE, "news", None), (ROMEO, "news", NURSE)]
        for _ in range(2):
            answers = await asyncio.gather(*(get(api, *question) for question in questions))
            assert answers == [f"{jid} at {node!r} for {ifrom}" for jid, node, ifrom in questions]
            assert sorted(cards.asked, key=str) == sorted(questions * 2, key=str)
        tiers = [str(api.explain("xep_0054", "get_vcard", jid, node).tier) for jid, node, _ in questions]
        assert tiers == ["global", "jid", "node", "jid+node"]
        await require_nothing_left(api)

    async def test_ends_what_hangs(self, makers: Makers) -> None:
        api, asked = serve(makers), 0

        async def hang_once(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
            nonlocal asked
            asked += 1
            await asyncio.sleep(1000 if asked == 1 else 0)
            return "answer"

        api.register(hang_once, "xep_0054", "get_vcard")
        if makers.index(timeout) < makers.index(retry):
            with pytest.raises(CallTimeout):
                await get(api)
            assert asked == 1
        assert [await get(api) for _ in range(2)] == ["answer"] * 2
        assert asked == 2
        assert asyncio.get_running_loop().time() == 2
        await require_nothing_left(api)

    @pytest.mark.parametrize("kind", ["get_slowly", "get_later"])
    async def test_cancels_all_the_way_in_and_keeps_nothing(self, makers: Makers, kind: str) -> None:
        api, cards = serve(makers), Cards()
        api.register(getattr(cards, kind), "xep_0054", "get_vcard")
        future = api.run("xep_0054", "get_vcard", ROMEO)
        await asyncio.sleep(0.25)
        assert future.cancel()
        await asyncio.wait([future])
        assert future.cancelled()
        assert cards.asked == []
        await require_nothing_left(api)
        assert await get(api) == f"{ROMEO} at '' for None"

    async def test_sees_what_was_written(self, makers: Makers) -> None:
        api, kept = serve(makers), {ROMEO: "old"}

        async def set_slowly(jid: JID, node: str, ifrom: JID | None, args: str) -> None:
            await asyncio.sleep(0.5)
            kept[jid.bare] = args

        api.register(lambda jid, node, ifrom, args: kept[jid.bare], "xep_0054", "get_vcard")
        api.register(set_slowly, "xep_0054", "set_vcard")
        writing = api.run("xep_0054", "set_vcard", f"{ROMEO}/orchard", args="new")
        assert await get(api) == "old"
        await writing
        assert await get(api) == "new"
        await require_nothing_left(api)


@pytest.fixture(scope="module")
def logger() -> Any:
    return structlog.wrap_logger(
        structlog.testing.ReturnLogger(), processors=[], wrapper_class=structlog.make_filtering_bound_logger(0)
    )


def documented(logger: Any) -> list[Layer]:
    """Return the six layers in the order that the documentation gives."""
    return [
        Logging(logger=logger),
        Tracing(TracerProvider(shutdown_on_exit=False)),
        Metrics(MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)),
        Caching(60),
        Timeout(1000),
        Retry(attempts=2, sleep=no_sleep),
    ]


class TestLint:
    @pytest.mark.parametrize("between", [(), (Passing(),)])
    @pytest.mark.parametrize(
        ("outer", "inner", "reason"),
        [
            (Retry(), Retry(attempts=2), "retries nested in retries multiply the attempts"),
            (Timeout(1), Timeout(5), "the inner timeout can never end a call: the outer one is not longer"),
            (Caching(60), Logging(), "telemetry inside a cache misses the hits"),
            (Retry(), Logging(), "telemetry inside a retry reports attempts as calls"),
            (Timeout(5), Logging(), "telemetry inside a timeout reports a timeout as cancelled"),
            (Caching(60), Tracing(), "telemetry inside a cache misses the hits"),
            (Retry(), Metrics(), "telemetry inside a retry reports attempts as calls"),
        ],
    )
    def test_names_what_hurts(self, outer: Layer, inner: Layer, reason: str, between: tuple[Layer, ...]) -> None:
        api = install(FakeClient(), outer, *between, inner)
        reasons = [finding.reason for finding in api.lint()]
        assert [one for one in reasons if "no timeout" not in one and "without a role" not in one] == [reason]

    def test_finds_nothing_in_the_documented_order(self, logger: Any) -> None:
        api = install(FakeClient(), *documented(logger))
        for op in ("get_vcard", "set_vcard", "del_vcard"):
            api.register(lambda jid, node, ifrom, args: None, "xep_0054", op)
        api.declare("xep_0054", "get_vcard", SLIXMPP_OPS["xep_0054", "get_vcard"])  # it is right
        assert api.lint() == []

    @every_order
    def test_finds_nothing_in_any_order_without_telemetry_but_what_a_cache_hides(self, makers: Makers) -> None:
        reasons = [finding.reason for finding in serve(makers).lint()]
        assert [reason for reason in reasons if "without a role inside a cache" not in reason] == []

    def test_names_each_telemetry_in_each_layer_it_stands_in(self, logger: Any) -> None:
        outside = documented(logger)
        api = install(FakeClient(), *outside[3:], *outside[:3])
        assert len(api.lint()) == 9


class TestEffectsBeforeReturn:
    """With all six on."""

    def check(self, logger: Any) -> None:
        acted: list[str] = []

        def acting(name: str) -> Handler:
            def act(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
                acted.append(name)
                return f"{name} {args}"

            return act

        api = install(FakeClient(), *documented(logger))
        for op in ("get_vcard", "set_vcard", "del_vcard"):
            api.register(acting(op), "xep_0054", op)
        expected: list[str] = []
        for op in ("set_vcard", "get_vcard", "del_vcard", "get_vcard"):
            future = api.run("xep_0054", op, ROMEO, args=1)
            expected.append(op)
            assert future.done()
            assert acted == expected
            assert future.result() == f"{op} 1"
        hit = api.run("xep_0054", "get_vcard", ROMEO, args=1)
        assert hit.done()
        assert acted == expected
        assert api.pending == 0

    async def test_with_the_loop_on(self, logger: Any) -> None:
        self.check(logger)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    def test_with_the_loop_off(self, logger: Any) -> None:
        self.check(logger)

    async def test_of_a_coroutine_that_does_not_wait(self, logger: Any) -> None:
        acted: list[str] = []

        async def act(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            acted.append("acted")

        api = install(FakeClient(), *documented(logger))
        api.register(act, "xep_0054", "set_vcard")
        future = api.run("xep_0054", "set_vcard", ROMEO)
        assert acted == ["acted"]
        assert future.done()
        await require_nothing_left(api)

    def test_and_errors_at_the_call_with_the_loop_off(self, logger: Any) -> None:
        error = ConnectionError()

        def fail(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            raise error

        api = install(FakeClient(), *documented(logger))
        api.register(fail, "xep_0054", "get_vcard")
        with pytest.raises(ConnectionError) as raised:
            api.run("xep_0054", "get_vcard", ROMEO)
        assert raised.value is error
        assert api.pending == 0


@pytest.mark.parametrize("kind", [Logging, Tracing, Metrics, Caching, Timeout, Retry])
def test_layer_keeps_the_laws(kind: type[Any], logger: Any) -> None:
    op = "set_vcard" if kind is Caching else "get_vcard"  # a cache answers reads from memory, by design

    def make() -> Layer:
        (layer,) = (one for one in documented(logger) if type(one) is kind)
        return layer

    check_layer(make, ctype="xep_0054", op=op, jid=ROMEO, ifrom=JID(NURSE))
