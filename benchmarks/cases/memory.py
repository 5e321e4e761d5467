"""How much memory do handlers, calls that wait, and a cache need? Nothing is timed.

tracemalloc counts, but for handlers: slixmpp keeps their JIDs, which are for the most part not in Python's memory. So
the pages of a process that does nothing else are counted there.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import sys
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from slixmpp import JID

from cases.question import Budget, Question, Row, Table, against
from cases.rounds import Case, Timer
from cases.stacks import READ, ROMEO, STACKS, WRITE, Stack, idle_telemetry, plain, plain_read, registry
from slixmpp_middleware import Caching

HANDLERS = [10_000, 100_000, 1_000_000]
CALLS = [1, 100, 10_000]
JIDS = [10_000, 30_000]
WHOSE: dict[str, Stack | None] = {"slixmpp": None, **{name: STACKS[name] for name in ("no layers", "five", "six")}}


def traced(fill: Callable[[Any], AbstractAsyncContextManager[None]], make: Stack | None) -> Timer:
    """Return what tells how many bytes more there are within `fill` than before, of a registry."""

    async def counter(loops: int) -> float:
        idle_telemetry()
        tracemalloc.start()
        api = registry(None if make is None else make())
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        async with fill(api):
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return max(1, after - before)

    return counter


def handlers(whose: str, count: int) -> Timer:
    """Prepare the registering of so many handlers, each for a JID of its own, in a process of their own."""

    async def counter(loops: int) -> float:
        done = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", __name__, whose, str(count)),
            cwd=Path(__file__).parents[1],
            stdout=asyncio.subprocess.PIPE,
        )
        answer, _ = await done.communicate()
        return max(1, int(answer))

    return counter


def register(whose: str, count: int) -> int:
    """Register so many handlers, and return how much more memory this process has in use then."""
    api = registry(None if whose == "slixmpp" else ())
    gc.collect()
    before = resident_bytes()
    for index in range(count):
        api.register(plain, *WRITE, JID(f"user{index}@montague.example"))
    return resident_bytes() - before


def resident_bytes() -> int:
    """Return how much memory this process has in use, from Linux's /proc."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()


def calls(whose: str, count: int) -> Timer:
    """Prepare so many calls that wait."""

    @asynccontextmanager
    async def fill(api: Any) -> AsyncIterator[None]:
        gate = asyncio.get_running_loop().create_future()

        async def waiting(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            await gate

        api.register(waiting, *WRITE)
        futures = [api.run(*WRITE, ROMEO) for _ in range(count)]
        await asyncio.sleep(0)  # slixmpp's handlers begin here
        yield
        gate.set_result(None)
        for future in futures:
            await future

    return traced(fill, WHOSE[whose])


def jids(count: int) -> Timer:
    """Prepare reads of so many JIDs through a cache that keeps ten thousand answers."""

    @asynccontextmanager
    async def fill(api: Any) -> AsyncIterator[None]:
        api.register(plain_read, *READ)
        for index in range(count):
            api.run(*READ, JID(f"user{index}@montague.example"))
        yield

    return traced(fill, lambda: (Caching(ttl=3600, max_entries=10_000),))


def cases(quick: bool) -> list[Case]:
    """Return them; fewer of all for a quick answer."""
    found = [
        Case(f"{count:,} handlers, {whose}", partial(handlers, whose, count), calls=count, loops=1, unit="byte")
        for count in (HANDLERS[:1] if quick else HANDLERS)
        for whose in ("slixmpp", "no layers")
    ]
    found += [
        Case(f"{count:,} calls, {whose}", partial(calls, whose, count), calls=count, loops=1, unit="byte")
        for count in (CALLS[:2] if quick else CALLS)
        for whose in WHOSE
    ]
    found += [
        Case(f"{count:,} JIDs", partial(jids, count), loops=1, unit="byte") for count in (JIDS[:1] if quick else JIDS)
    ]
    return found


def of_handlers(count: int) -> Row:
    """Return the row of a handler, of so many."""
    budget = Budget(1.0) if count == HANDLERS[-1] else None
    return against(f"a handler, of {count:,}", f"{count:,} handlers, no layers", f"{count:,} handlers, slixmpp", budget)


def of_calls(whose: str, count: int) -> Row:
    """Return the row of a call, of so many at once."""
    return against(f"a call, of {count:,}: {whose}", f"{count:,} calls, {whose}", f"{count:,} calls, slixmpp")


QUESTION = Question(
    name="memory",
    asks="How much memory do handlers, calls that wait, and a cache need?",
    cases=cases,
    tables=[
        Table("memory-handlers", "Memory of a handler", [of_handlers(count) for count in HANDLERS], unit="bytes"),
        Table(
            "memory-calls",
            "Memory of a call that waits",
            [of_calls(whose, count) for whose in list(WHOSE)[1:] for count in CALLS],
            unit="bytes",
        ),
        Table(
            "memory-jids",
            "Memory of a cache that keeps ten thousand answers",
            [against(f"after {count:,} JIDs", f"{count:,} JIDs", f"{JIDS[0]:,} JIDs") for count in JIDS],
            f"× after {JIDS[0]:,}",
            unit="bytes",
        ),
    ],
    processes=1,
    rounds=1,
    seconds=25,
)


if __name__ == "__main__":
    print(register(sys.argv[1], int(sys.argv[2])))
