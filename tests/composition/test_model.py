"""Any sequence of calls, failures and changes through all six layers, against a database that remembers its past."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import structlog
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from slixmpp import JID

from slixmpp_middleware import Caching, Logging, Metrics, Retry, Timeout, Tracing
from slixmpp_pipeline import PipelineRegistry, install
from slixmpp_pipeline.testing import FakeClient
from tests.composition.model_calls import TTL, Calls, Read, Write
from tests.composition.model_vcards import KINDS, MOMENTS, Kind, Moment, Outcome, VCards

ROMEO, ORCHARD, NURSE = "romeo@montague.example", "romeo@montague.example/orchard", "nurse@capulet.example"
OWNERS = [ROMEO, ORCHARD, NURSE]
REQUESTERS = [None, "juliet@capulet.example/balcony", "tybalt@capulet.example"]

# What goes wrong needs several calls of one key: most are of the first.
owners = st.sampled_from([ROMEO, *OWNERS])
requesters = st.sampled_from([None, *REQUESTERS])
outcomes = st.sampled_from(["go on", "go on", "go on", "ConnectionError", "ConnectionError", "LookupError"])
left_out = st.sampled_from([None, None, None, Caching, Logging])
mostly = st.sampled_from([True, True, False])
indexes = st.integers(-1, 2)  # the last one, or one of the first
kinds = st.sampled_from(KINDS)
turns = st.sampled_from([4, 0, 1, 2, 3])

TRACING = Tracing(TracerProvider(shutdown_on_exit=False))
METRICS = Metrics(MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False))
LOGGER = structlog.wrap_logger(
    structlog.testing.ReturnLogger(), processors=[], wrapper_class=structlog.make_filtering_bound_logger(0)
)


async def no_sleep(seconds: float) -> None:
    assert seconds >= 0


class SixLayers(RuleBasedStateMachine):
    """Reads and writes of vCards, whose handlers wait until they may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.complaints: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda loop, context: self.complaints.append(context))
        self.vcards = VCards(self.loop, OWNERS)
        self.numbers = itertools.count(1)
        self.calls = Calls(self.vcards)
        self.latest: deque[tuple[str, str | None]] = deque(maxlen=3)  # what was read
        self.handlers: dict[str | None, int] = {}
        self.api: PipelineRegistry = install(
            FakeClient(loop=self.loop),
            Logging(logger=LOGGER),
            TRACING,
            METRICS,
            Caching(TTL, clock=lambda: self.calls.now),
            Timeout(1e6),
            Retry(attempts=2, sleep=no_sleep),
        )
        self.replace_handler(None, "early")
        self.api.register(self.vcards.set_vcard, "xep_0054", "set_vcard")
        self.api.register(self.vcards.del_vcard, "xep_0054", "del_vcard")

    # Calls

    def here(self, on: bool, begin: Callable[[], None]) -> None:
        """Begin calls while the loop runs, or while it is off."""

        async def begin_in_loop() -> None:
            begin()

        if on:
            self.loop.run_until_complete(begin_in_loop())
        else:
            begin()

    def run(self, op: str, owner: str, ifrom: str | None, args: Any, bypass: type | None) -> asyncio.Future[Any]:
        around: AbstractContextManager[None] = nullcontext() if bypass is None else self.api.bypass(bypass)
        with around:
            return self.api.run("xep_0054", op, owner, None, None if ifrom is None else JID(ifrom), args)

    def turn(self, count: int) -> None:
        async def turn() -> None:
            for _ in range(count):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turn())

    @rule(owner=owners, ifrom=requesters, bypass=left_out, on=mostly)
    def read(self, owner: str, ifrom: str | None, bypass: type | None, on: bool) -> None:
        self.latest.appendleft((owner, ifrom))
        self.here(on, lambda: self.begin_read(owner, ifrom, bypass))

    @precondition(lambda self: self.latest)
    @rule(index=st.integers(0, 2), count=st.integers(1, 3), on=mostly)
    def read_the_same(self, index: int, count: int, on: bool) -> None:
        owner, ifrom = self.latest[index % len(self.latest)]

        def begin_reads() -> None:
            for _ in range(count):
                self.begin_read(owner, ifrom)

        self.here(on, begin_reads)

    def begin_read(self, owner: str, ifrom: str | None, bypass: type | None = None) -> None:
        self.what_has_ended_ended_well()
        started, asked = next(self.vcards.ticks), self.vcards.asked
        future = self.run("get_vcard", owner, ifrom, None, bypass)
        asks = self.vcards.asked > asked
        read = Read(
            future=future,
            owner=owner,
            ifrom=ifrom,
            bypass=bypass,
            on=self.loop.is_running(),
            started=started,
            at=self.calls.now,
            changes=self.calls.changes[JID(owner).bare],
            handlers={self.handler_of(owner)},
            asks=asks,
            is_from_memory=future.done() and not asks,
        )
        self.calls.begun_read(read)

    @rule(
        op=st.sampled_from(["set_vcard", "del_vcard"]),
        owner=owners,
        moment=st.sampled_from(MOMENTS),
        bypass=st.sampled_from([None, Caching]),
        on=mostly,
    )
    def write(self, op: str, owner: str, moment: Moment, bypass: type | None, on: bool) -> None:
        def begin_write() -> None:
            number = next(self.numbers)
            future = self.run(op, owner, None, (number, moment), bypass)
            self.calls.begun_write(Write(future=future, owner=owner, number=number))

        self.here(on, begin_write)

    @precondition(lambda self: self.vcards.gates)
    @rule(index=indexes, outcomes=st.lists(outcomes, min_size=1, max_size=2), turns=turns)
    def let_go_on(self, index: int, outcomes: list[Outcome], turns: int) -> None:
        for outcome in outcomes:
            if gates := [one for one in self.vcards.gates if not one.done()]:
                gates[index % len(gates)].set_result(outcome)
            self.turn(turns)
            index = -1  # where a second attempt waits

    @precondition(lambda self: self.calls.running)
    @rule(turns=turns)
    def let_turn(self, turns: int) -> None:
        self.turn(turns)

    @precondition(lambda self: self.calls.running)
    @rule(index=indexes, turns=turns)
    def cancel(self, index: int, turns: int) -> None:
        running = self.calls.running[index % len(self.calls.running)]
        running.was_cancelled |= running.future.cancel()
        self.turn(turns)

    # Changes

    def handler_of(self, owner: str) -> int:
        return self.handlers.get(owner) or self.handlers[None]

    def changed_handler(self) -> None:
        self.calls.changes.update(self.vcards.versions.keys())
        for read in self.calls.reads():
            read.handlers.add(self.handler_of(read.owner))

    @initialize(kind=kinds)
    def begin_with_a_handler(self, kind: Kind) -> None:
        self.replace_handler(None, kind)

    @precondition(lambda self: self.latest)
    @rule(jid=st.none() | owners, kind=kinds)
    def replace_handler(self, jid: str | None, kind: Kind) -> None:
        self.handlers[jid] = number = next(self.numbers)
        self.api.register(self.vcards.getting(number, kind), "xep_0054", "get_vcard", jid)
        self.changed_handler()

    @precondition(lambda self: self.handlers.keys() - {None})
    @rule(index=indexes)
    def take_handler_away(self, index: int) -> None:
        jids = [jid for jid in self.handlers if jid is not None]
        jid = jids[index % len(jids)]
        del self.handlers[jid]
        self.api.unregister("xep_0054", "get_vcard", jid)
        self.changed_handler()

    @precondition(lambda self: self.latest)
    @rule(owner=owners, op=st.sampled_from(["get_vcard", "set_vcard"]), of_all=st.booleans())
    def change_from_outside(self, owner: str, op: str, of_all: bool) -> None:
        self.vcards.put(JID(owner), f"version {next(self.numbers)}").until = next(self.vcards.ticks)
        self.api.invalidate("xep_0054", op, None if of_all else owner)
        self.calls.changes.update(self.vcards.versions.keys())

    @precondition(lambda self: self.calls.kept)
    @rule(seconds=st.sampled_from([1, TTL - 1, TTL]))
    def step_the_clock(self, seconds: int) -> None:
        self.calls.now += seconds

    # What must hold

    @invariant()
    def what_has_ended_ended_well(self) -> None:
        self.calls.judge_what_has_ended()

    @invariant()
    def pending_calls_are_counted(self) -> None:
        assert self.api.pending == sum(not one.future.done() for one in self.calls.running)

    @invariant()
    def nothing_is_repeated_in_vain(self) -> None:
        assert self.vcards.needless == []

    @precondition(lambda self: len(self.calls.running) > 5)
    @rule()
    def settle(self) -> None:
        """Let everything end: then a read gets the value as it is, and the next one gets it from memory."""
        self.vcards.is_open = True
        for _ in range(20):
            for gate in self.vcards.gates:
                if not gate.done():
                    gate.set_result("go on")
            self.turn(10)
        self.all_have_ended()
        self.read_all()
        asked = self.vcards.asked
        self.read_all()
        assert self.vcards.asked == asked
        self.vcards.is_open = False

    def read_all(self) -> None:
        def begin_reads() -> None:
            for owner, ifrom in itertools.product(OWNERS, REQUESTERS):
                self.begin_read(owner, ifrom)

        self.here(True, begin_reads)
        self.turn(5)
        self.all_have_ended()

    def all_have_ended(self) -> None:
        self.what_has_ended_ended_well()
        assert self.calls.running == []
        assert self.vcards.gates == []
        assert self.api.pending == 0

    def teardown(self) -> None:
        try:
            self.settle()
            self.turn(3)
            assert asyncio.all_tasks(self.loop) == set()
            assert self.complaints == []
        finally:
            self.loop.close()


TestSixLayers = SixLayers.TestCase
TestSixLayers.settings = settings(max_examples=600, stateful_step_count=40, deadline=None)
