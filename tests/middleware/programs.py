"""Random programs of calls, played in virtual time: what happens when, and how each call ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeAlias

from slixmpp_pipeline import CallNext, CallTimeout, Layer, PipelineRegistry, Suspended, being_cancelled, install
from slixmpp_pipeline.testing import FakeClient

OPS = 4
DEEPEST = 3  # calls that a call makes, which make others

Step: TypeAlias = tuple[Any, ...]
"""What to do, and with what."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time passes when it would wait, and by no more than that."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._clock_resolution = 1e-9
        selector: Any = self._selector  # type: ignore[attr-defined]  # asyncio's own
        select = selector.select

        def pass_time(timeout: float | None) -> Any:
            self.now += timeout or 0.0
            return select(0)

        selector.select = pass_time

    def time(self) -> float:
        return self.now


@dataclass(frozen=True)
class ModelTimeout:
    """A `Timeout` made of `asyncio.timeout`: a timer for each call."""

    seconds: float
    clock: Callable[[], float]
    taskless = True

    async def __call__(self, call: Any, call_next: CallNext, /) -> Any:
        entered = self.clock()
        inside = call_next(call)
        try:
            waits_for = inside.send(None)
        except StopIteration as stop:
            return stop.value
        rest = Suspended(inside, waits_for)
        left = self.seconds - (self.clock() - entered)
        is_wanted = await rest.ensure_task() and not being_cancelled()
        timer = asyncio.timeout(left if is_wanted else None)
        try:
            async with timer:
                return await rest
        except TimeoutError as error:
            if timer.expired():
                raise CallTimeout(call, self.seconds) from error
            raise


@dataclass
class Program:
    """Ops with layers and a body each, and when they are called, and cancelled."""

    bodies: list[list[Step]]
    kinds: list[str]
    limits: list[list[float]]
    is_shared: list[bool]
    shared_limit: float
    calls: list[tuple[float, int, float | None]]
    is_begun_before_the_loop: bool


def make(random: Random) -> Program:
    """Make a program in which no two things are due at one time: their order would be anybody's."""
    moments = iter(random.sample(range(1, 9000), 8999))

    def seconds(most: float) -> float:
        return random.randint(0, int(most * 4)) / 4 + next(moments) * 1e-5

    def body(depth: int) -> list[Step]:
        return [step(depth) for _ in range(random.randint(1, 3))]

    def step(depth: int) -> Step:
        leaves: list[Callable[[], Step]] = [
            *[lambda: ("sleep", seconds(4))] * 4,
            lambda: ("turn",),
            lambda: ("call", random.randrange(OPS), seconds(1)),
            lambda: ("fail", random.choice([LookupError, TimeoutError, ConnectionError, asyncio.CancelledError])),
            lambda: ("cancel itself",),
        ]
        inner: list[Callable[[], Step]] = [
            lambda: ("limit", seconds(4), body(depth - 1)),
            lambda: ("clean up", body(depth - 1), body(depth - 1)),
            lambda: ("swallow", body(depth - 1), random.random() < 0.5),
            lambda: ("convert", body(depth - 1)),
            lambda: ("group", body(depth - 1), body(depth - 1)),
        ]
        return random.choice(leaves if depth == 0 else leaves + inner * 2)()

    calls = [
        (seconds(7), random.randrange(OPS), random.choice([None, None, seconds(5), seconds(7)]))
        for _ in range(random.randint(1, 5))
    ]
    return Program(
        bodies=[body(2) for _ in range(OPS)],
        kinds=[random.choice(["coroutine", "plain", "task"]) for _ in range(OPS)],
        limits=[[seconds(6) for _ in range(random.choice([1, 1, 2]))] for _ in range(OPS)],
        is_shared=[random.random() < 0.4 for _ in range(OPS)],
        shared_limit=2 + seconds(3),
        calls=calls,
        is_begun_before_the_loop=random.random() < 0.2,
    )


@dataclass
class Player:
    """Plays one program with one kind of timeouts."""

    program: Program
    limited: Callable[[float, Callable[[], float]], Layer]
    log: list[tuple[Any, ...]] = field(default_factory=list)

    def play(self) -> tuple[list[tuple[Any, ...]], list[Any], int]:
        """Return what happened, in order of time; how the calls ended; and how many are pending."""
        self.loop = VirtualLoop()
        try:
            self.api = self.prepared()
            futures: list[asyncio.Future[Any]] = []
            if self.program.is_begun_before_the_loop:
                futures.append(self.begin("early", *self.program.calls[0][1:]))
            self.loop.run_until_complete(self.main(futures))
            return sorted(self.log, key=repr), [outcome(one) for one in futures], self.api.pending
        finally:
            self.loop.close()

    def prepared(self) -> PipelineRegistry:
        api = install(FakeClient(loop=self.loop))
        shared = self.limited(self.program.shared_limit, self.loop.time)
        for number in range(OPS):
            layers = [self.limited(seconds, self.loop.time) for seconds in self.program.limits[number]]
            if self.program.is_shared[number]:
                layers.insert(0, shared)
            api.use(self.noting, *layers, ctype="c", op=f"x{number}")
            api.register(self.handler(number), "c", f"x{number}")
        return api

    async def noting(self, call: Any, call_next: CallNext, /) -> Any:
        """Outside the timeouts: whether one of them has left a cancellation behind."""
        try:
            return await call_next(call)
        finally:
            self.note(call.args, "has left")

    def handler(self, number: int) -> Any:
        body = self.program.bodies[number]

        async def coroutine(jid: Any, node: str, ifrom: Any, args: Any) -> Any:
            return await self.run(args, body)

        def plain(jid: Any, node: str, ifrom: Any, args: Any) -> Awaitable[Any]:
            return self.run(args, body)

        def task(jid: Any, node: str, ifrom: Any, args: Any) -> Awaitable[Any]:
            return asyncio.ensure_future(self.run(args, body), loop=self.loop)

        return {"coroutine": coroutine, "plain": plain, "task": task}[self.program.kinds[number]]

    async def main(self, futures: list[asyncio.Future[Any]]) -> None:
        for index, (at, op, cancelled_after) in enumerate(self.program.calls[len(futures) :]):
            self.loop.call_at(at, lambda *call: futures.append(self.begin(*call)), f"call {index}", op, cancelled_after)
        await asyncio.sleep(500)

    def begin(self, name: str, op: int, cancelled_after: float | None) -> asyncio.Future[Any]:
        future = self.api.run("c", f"x{op}", args=name)
        if cancelled_after is not None:
            self.loop.call_at(self.loop.now + cancelled_after, future.cancel)
        return future

    def note(self, name: str, what: str, *more: Any) -> None:
        task = asyncio.current_task()
        self.log.append((round(self.loop.now, 5), name, what, *more, 0 if task is None else task.cancelling()))

    async def run(self, name: str, body: list[Step]) -> str:
        for number, (what, *given) in enumerate(body):
            await getattr(self, what.replace(" ", "_"))(f"{name}.{number}", *given)
        return name

    async def sleep(self, name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.note(name, "has slept")

    async def turn(self, name: str) -> None:
        await asyncio.sleep(0)

    async def call(self, name: str, op: int, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if name.count(">") < DEEPEST:
            try:
                self.note(name, "answered", await self.api.run("c", f"x{op}", args=f"{name} > {op}"))
            except Exception as error:
                self.note(name, "failed", type(error).__name__)
                raise

    async def cancel_itself(self, name: str) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()

    async def limit(self, name: str, seconds: float, body: list[Step]) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.run(name, body)
        except TimeoutError as error:
            self.note(name, "own timeout", type(error).__name__)

    async def clean_up(self, name: str, body: list[Step], after: list[Step]) -> None:
        try:
            await self.run(name, body)
        finally:
            self.note(name, "cleans up")
            await self.run(f"{name} after", after)

    async def swallow(self, name: str, body: list[Step], uncancels: bool) -> None:
        try:
            await self.run(name, body)
        except asyncio.CancelledError:
            self.note(name, "swallowed")
            task = asyncio.current_task()
            if uncancels and task is not None:
                task.uncancel()

    async def convert(self, name: str, body: list[Step]) -> None:
        try:
            await self.run(name, body)
        except asyncio.CancelledError:
            raise LookupError(name) from None

    async def group(self, name: str, one: list[Step], other: list[Step]) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.run(f"{name} one", one))
            group.create_task(self.run(f"{name} other", other))

    async def fail(self, name: str, kind: type[BaseException]) -> None:
        raise kind


def outcome(future: asyncio.Future[Any]) -> Any:
    """Return how a call ended, an error with its causes."""
    if not future.done():
        return "pending"
    if future.cancelled():
        return "cancelled"
    error = future.exception()
    if error is None:
        return future.result()
    causes = []
    while error is not None:
        causes.append(f"{type(error).__name__} {error if isinstance(error, CallTimeout) else ''}".strip())
        error = error.__cause__
    return causes
