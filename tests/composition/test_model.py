"""Any sequence of calls, failures and changes through all six layers, against a database that remembers its past."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import structlog
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from slixmpp import JID

from slixmpp_middleware import Caching, Logging, Metrics, Retry, Timeout, Tracing
from slixmpp_pipeline import PipelineRegistry, install
from slixmpp_pipeline.testing import FakeClient

ROMEO, ORCHARD, NURSE = "romeo@montague.example", "romeo@montague.example/orchard", "nurse@capulet.example"
OWNERS = [ROMEO, ORCHARD, NURSE]
REQUESTERS = [None, "juliet@capulet.example/balcony", "tybalt@capulet.example"]

owners = st.sampled_from(OWNERS)
requesters = st.sampled_from(REQUESTERS)
moments = st.sampled_from(["early", "middle", "late"])
outcomes = st.sampled_from(["go on", "go on", "go on", "ConnectionError", "LookupError"])
indexes = st.integers(0, 11)
turns = st.integers(0, 4)

TRACING = Tracing(TracerProvider(shutdown_on_exit=False))
METRICS = Metrics(MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False))
LOGGER = structlog.wrap_logger(
    structlog.testing.ReturnLogger(), processors=[], wrapper_class=structlog.make_filtering_bound_logger(0)
)


@dataclass
class Version:
    """A value, and when a read that begins must not see it any more: the write that replaced it has ended."""

    value: str | None
    until: int | None = None


@dataclass(eq=False)
class Running:
    """A call under way."""

    future: asyncio.Future[Any]
    was_cancelled: bool = field(default=False, kw_only=True)


@dataclass(eq=False)
class Read(Running):
    owner: str
    ifrom: str | None
    started: int
    handlers: set[int]  # those that were the right ones at some moment since it started


@dataclass(eq=False)
class Write(Running):
    number: int


@dataclass
class Failure:
    """What a handler raised, when, and for whom; `ifrom` is no matter for a write."""

    error: Exception
    at: int
    owner: str
    ifrom: str | None


async def no_sleep(seconds: float) -> None:
    assert seconds >= 0


class SixLayers(RuleBasedStateMachine):
    """vCards by bare JID, whose handlers wait until they may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.complaints: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda loop, context: self.complaints.append(context))
        self.ticks = itertools.count(1)
        self.numbers = itertools.count(1)
        self.now = 0.0
        self.versions = {JID(owner).bare: [Version(f"first of {JID(owner).bare}")] for owner in OWNERS}
        self.gates: list[asyncio.Future[str]] = []
        self.is_open = False  # handlers do not wait
        self.asked = 0
        self.failures: list[Failure] = []
        self.applied: set[int] = set()
        self.running: list[Running] = []
        self.handlers: dict[str | None, int] = {}
        self.caching = Caching(ttl=60, clock=lambda: self.now)
        self.api: PipelineRegistry = install(
            FakeClient(loop=self.loop),
            Logging(logger=LOGGER),
            TRACING,
            METRICS,
            self.caching,
            Timeout(1e6),
            Retry(attempts=2, sleep=no_sleep),
        )
        self.replace_handler(None, "early")
        self.api.register(self.set_vcard, "xep_0054", "set_vcard")
        self.api.register(self.del_vcard, "xep_0054", "del_vcard")

    # The database

    def value(self, jid: JID) -> str | None:
        return self.versions[jid.bare][-1].value

    def put(self, jid: JID, value: str | None) -> Version:
        """Replace the value; return the version before, which is still to be given its end."""
        versions = self.versions[jid.bare]
        versions.append(Version(value))
        return versions[-2]

    async def gate(self, owner: JID, ifrom: JID | None) -> None:
        if self.is_open:
            return
        gate = self.loop.create_future()
        self.gates.append(gate)
        try:
            outcome = await gate
        finally:
            self.gates.remove(gate)
        if outcome == "go on":
            return
        error = ConnectionError() if outcome == "ConnectionError" else LookupError()
        self.failures.append(Failure(error, next(self.ticks), owner.full, None if ifrom is None else ifrom.full))
        raise error

    def answering(self, number: int, reads: str) -> Callable[..., Any]:
        """A handler that reads before it waits, or after, or a plain function, which does not wait."""

        def answer(value: str | None, ifrom: JID | None) -> str:
            return f"{value} for {ifrom} by {number}"

        def get_plainly(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
            self.asked += 1
            return answer(self.value(jid), ifrom)

        async def get(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
            self.asked += 1
            early = self.value(jid)
            await self.gate(jid, ifrom)
            return answer(early if reads == "early" else self.value(jid), ifrom)

        return get_plainly if reads == "plainly" else get

    async def set_vcard(self, jid: JID, node: str, ifrom: JID | None, args: tuple[int, str]) -> None:
        await self.write(jid, ifrom, f"version {args[0]}", *args)

    async def del_vcard(self, jid: JID, node: str, ifrom: JID | None, args: tuple[int, str]) -> None:
        await self.write(jid, ifrom, None, *args)

    async def write(self, jid: JID, ifrom: JID | None, value: str | None, number: int, moment: str) -> None:
        """Act before waiting, after it, or between two waits: then a read may see either value until this ends."""
        if moment != "early":
            await self.gate(jid, ifrom)
        before = self.put(jid, value)
        self.applied.add(number)
        if moment != "middle":
            before.until = next(self.ticks)
        try:
            if moment != "late":
                await self.gate(jid, ifrom)
        finally:
            before.until = before.until or next(self.ticks)

    # Calls

    def run(self, op: str, owner: str, ifrom: str | None, args: Any, *, bypass: bool, on: bool) -> asyncio.Future[Any]:
        def begin() -> asyncio.Future[Any]:
            around: AbstractContextManager[None] = self.api.bypass(Caching) if bypass else nullcontext()
            with around:
                return self.api.run("xep_0054", op, owner, None, None if ifrom is None else JID(ifrom), args)

        async def begin_in_loop() -> list[asyncio.Future[Any]]:
            return [begin()]

        return self.loop.run_until_complete(begin_in_loop())[0] if on else begin()

    def turn(self, count: int) -> None:
        async def turn() -> None:
            for _ in range(count):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turn())

    @rule(owner=owners, ifrom=requesters, bypass=st.sampled_from([False, False, True]), on=st.booleans())
    def read(self, owner: str, ifrom: str | None, bypass: bool, on: bool) -> None:
        started, handlers = next(self.ticks), {self.handler_of(owner)}
        future = self.run("get_vcard", owner, ifrom, None, bypass=bypass, on=on)
        self.running.append(Read(future, owner, ifrom, started, handlers))

    @rule(
        op=st.sampled_from(["set_vcard", "del_vcard"]),
        owner=owners,
        moment=moments,
        bypass=st.booleans(),
        on=st.booleans(),
    )
    def begin_write(self, op: str, owner: str, moment: str, bypass: bool, on: bool) -> None:
        number = next(self.numbers)
        future = self.run(op, owner, None, (number, moment), bypass=bypass, on=on)
        self.running.append(Write(future, number))

    @precondition(lambda self: self.gates)
    @rule(index=indexes, outcome=outcomes, turns=turns)
    def let_go_on(self, index: int, outcome: str, turns: int) -> None:
        gate = self.gates[index % len(self.gates)]
        if not gate.done():
            gate.set_result(outcome)
        self.turn(turns)

    @rule(turns=turns)
    def let_turn(self, turns: int) -> None:
        self.turn(turns)

    @precondition(lambda self: self.running)
    @rule(index=indexes, turns=turns)
    def cancel(self, index: int, turns: int) -> None:
        running = self.running[index % len(self.running)]
        running.was_cancelled |= running.future.cancel()
        self.turn(turns)

    # Changes

    def handler_of(self, owner: str) -> int:
        return self.handlers.get(owner) or self.handlers[None]

    def changed_handler(self) -> None:
        for running in self.running:
            if isinstance(running, Read):
                running.handlers.add(self.handler_of(running.owner))

    @rule(jid=st.none() | owners, reads=st.sampled_from(["early", "late", "plainly"]))
    def replace_handler(self, jid: str | None, reads: str) -> None:
        self.handlers[jid] = number = next(self.numbers)
        self.api.register(self.answering(number, reads), "xep_0054", "get_vcard", jid)
        self.changed_handler()

    @rule(jid=owners)
    def take_handler_away(self, jid: str) -> None:
        self.handlers.pop(jid, None)
        self.api.unregister("xep_0054", "get_vcard", jid)
        self.changed_handler()

    @rule(owner=owners, op=st.sampled_from(["get_vcard", "set_vcard"]), of_all=st.booleans())
    def change_from_outside(self, owner: str, op: str, of_all: bool) -> None:
        self.put(JID(owner), f"version {next(self.numbers)}").until = next(self.ticks)
        self.api.invalidate("xep_0054", op, None if of_all else owner)

    @rule(seconds=st.sampled_from([1, 59, 60]))
    def step_the_clock(self, seconds: int) -> None:
        self.now += seconds

    # What must hold

    @invariant()
    def what_has_ended_ended_well(self) -> None:
        for running in [one for one in self.running if one.future.done()]:
            self.running.remove(running)
            assert running.future.cancelled() == running.was_cancelled
            if running.was_cancelled:
                continue
            error = running.future.exception()
            if isinstance(running, Write):
                assert running.number in self.applied or any(failure.error is error for failure in self.failures)
            elif isinstance(running, Read):
                self.judge(running, error)

    def judge(self, read: Read, error: BaseException | None) -> None:
        if error is not None:
            (failure,) = [one for one in self.failures if one.error is error]
            assert failure.at > read.started
            assert (failure.owner, failure.ifrom) == (read.owner, read.ifrom)
            return
        versions = self.versions[JID(read.owner).bare]
        values = [one.value for one in versions if one.until is None or one.until > read.started]
        right = {f"{value} for {read.ifrom} by {number}" for value in values for number in read.handlers}
        assert read.future.result() in right

    @rule()
    def settle(self) -> None:
        """Let everything end: then a read gets the value as it is, and the next one gets it from memory."""
        self.is_open = True
        for _ in range(20):
            for gate in self.gates:
                if not gate.done():
                    gate.set_result("go on")
            self.turn(10)
        self.what_has_ended_ended_well()
        assert self.running == []
        assert self.gates == []
        assert self.api.pending == 0
        for owner, ifrom in itertools.product(OWNERS, REQUESTERS):
            right = f"{self.value(JID(owner))} for {ifrom} by {self.handler_of(owner)}"
            assert self.answer(owner, ifrom) == right
            asked = self.asked
            assert self.answer(owner, ifrom) == right
            assert self.asked == asked
        self.is_open = False

    def answer(self, owner: str, ifrom: str | None) -> Any:
        return self.loop.run_until_complete(self.run("get_vcard", owner, ifrom, None, bypass=False, on=True))

    def teardown(self) -> None:
        try:
            self.settle()
            self.turn(3)
            assert asyncio.all_tasks(self.loop) == set()
            assert self.complaints == []
        finally:
            self.loop.close()


TestSixLayers = SixLayers.TestCase
TestSixLayers.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
