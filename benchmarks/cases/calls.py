"""What does a call cost, against slixmpp's own registry on the same handler? And how far is it from the limit?"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from cases.question import Budget, Question, Table, against
from cases.rounds import Case, Timer, timed
from cases.stacks import (
    BATCH,
    READ,
    ROMEO,
    STACKS,
    WRITE,
    calls_through,
    coroutine,
    coroutine_read,
    idle_telemetry,
    plain,
    plain_read,
    registry,
)

HANDLERS = {"plain": plain, "coroutine": coroutine, "plain read": plain_read, "coroutine read": coroutine_read}
SLIXMPP, LIMIT = "slixmpp", "the limit"
FEW = ["no layers", "five", "six"]
READS = ["no layers", "Caching", "five", "six"]


def run(kind: str, stack: str, batch: int = 0) -> Timer:
    """Prepare calls through `run()`: of a plain handler, or of a coroutine handler so many at a time."""
    idle_telemetry()
    ctype, op = READ if "read" in kind else WRITE
    api = registry(None if stack == SLIXMPP else STACKS[stack]())
    api.register(HANDLERS[kind], ctype, op)
    return calls_through(api, (ctype, op), batch)


def wrapper(kind: str, stack: str, batch: int = 0) -> Timer:
    """Prepare calls the way in which plugins make them: `plugin.api["op"](jid)`."""
    idle_telemetry()
    ctype, op = WRITE
    api = registry(None if stack == SLIXMPP else STACKS[stack]()).wrap(ctype)
    api.register(HANDLERS[kind], op)

    async def many(times: int) -> None:
        for _ in range(times):
            api[op](ROMEO)

    async def many_awaited(times: int) -> None:
        for _ in range(times):
            for future in [api[op](ROMEO) for _ in range(batch)]:
                await future

    return timed(many_awaited if batch else many)


def limit(kind: str, stack: str, batch: int = 0) -> Timer:
    """Prepare the cheapest thing that calls the handler and returns a future that is done.

    A coroutine handler that does not suspend takes one step, in no task: whatever that breaks.
    """
    make = asyncio.get_running_loop().create_future
    handle: Callable[..., Any] = plain

    def call(jid: Any, node: Any = "", ifrom: Any = None, args: Any = None) -> Future[Any]:
        future = make()
        future.set_result(handle(jid, node, ifrom, args))
        return future

    def step(jid: Any, node: Any = "", ifrom: Any = None, args: Any = None) -> Future[Any]:
        future = make()
        try:
            coroutine(jid, node, ifrom, args).send(None)
        except StopIteration as stop:
            future.set_result(stop.value)
        return future

    async def many(times: int) -> None:
        for _ in range(times):
            call(ROMEO)  # type: ignore[unused-awaitable]  # it is done

    async def many_awaited(times: int) -> None:
        for _ in range(times):
            for future in [step(ROMEO) for _ in range(batch)]:
                await future

    return timed(many_awaited if batch else many)


def case(form: str, prepare: Callable[[str, str, int], Timer], kind: str, stack: str) -> Case:
    """Return a case; coroutine handlers are called in batches."""
    batch = BATCH if kind.startswith("coroutine") else 0
    return Case(f"{kind}{form}, {stack}", partial(prepare, kind, stack, batch), calls=batch or 1)


def cases(quick: bool) -> list[Case]:
    """Return them, the same for a quick answer."""

    def found() -> Iterator[Case]:
        for kind in ("plain", "coroutine"):
            yield case("", limit, kind, LIMIT)
            for stack in [SLIXMPP, *STACKS]:
                yield case("", run, kind, stack)
            for stack in [SLIXMPP, *FEW]:
                yield case(' api["op"]', wrapper, kind, stack)
            for stack in [SLIXMPP, *READS]:
                yield case("", run, f"{kind} read", stack)
        for stack in [SLIXMPP, *FEW]:
            yield Case(f"one by one, {stack}", partial(run, "coroutine", stack, 1))

    return list(found())


BUDGETS = {
    "plain, no layers": Budget(0.4),
    "plain, five": Budget(1.3),
    "one by one, five": Budget(1.0, since_312=0.4),
    "plain read, five": Budget(1.2),
}


def table(name: str, title: str, form: str, stacks: list[str], base: str = SLIXMPP) -> Table:
    """Return a table of some stacks, each against another called in the same form."""
    budgets = BUDGETS if base == SLIXMPP else {}
    rows = [
        against(stack, f"{form}, {stack}", f"{form}, {base}", budgets.get(f"{form}, {stack}"))
        for stack in [base, *stacks]
    ]
    return Table(name, title, rows, f"× {base}")


QUESTION = Question(
    name="calls",
    asks="What does a call cost, against slixmpp's own registry on the same handler?",
    cases=cases,
    tables=[
        table("plain", "A write, plain handler", "plain", list(STACKS)),
        table("coroutine", "A write, coroutine handler", "coroutine", list(STACKS)),
        table("plain-read", "A read, plain handler; Caching answers it from memory", "plain read", READS),
        table("coroutine-read", "The same, coroutine handler", "coroutine read", READS),
        table("plain-wrapper", 'A write through `plugin.api["op"]`, plain handler', 'plain api["op"]', FEW),
        table("coroutine-wrapper", "The same, coroutine handler", 'coroutine api["op"]', FEW),
        table("one-by-one", "A write, coroutine handler, each call awaited before the next", "one by one", FEW),
        table("plain-limit", "The limit: a write, plain handler", "plain", [SLIXMPP, *STACKS], LIMIT),
        table("coroutine-limit", "The limit: a write, coroutine handler", "coroutine", [SLIXMPP, *STACKS], LIMIT),
    ],
    seconds=10,
)
