"""What a call costs, against slixmpp's own registry on the same handler.

Interleaved rounds; ratios are taken within a round. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import platform
import statistics
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import structlog
from slixmpp import JID
from slixmpp.version import __version__ as slixmpp_version

from slixmpp_middleware import Caching, Logging, Metrics, Retry, Timeout, Tracing
from slixmpp_pipeline import Layer, install
from slixmpp_pipeline.testing import FakeClient

if TYPE_CHECKING:
    from slixmpp_pipeline import Call, CallNext

ROMEO = JID("romeo@montague.example/orchard")
WRITE, READ = ("xep_0054", "set_vcard"), ("xep_0153", "get_hash")


def plain(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
    """Do what a plugin's default handler does at least: nothing that can be measured."""


async def coroutine(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
    """Do the same as a coroutine function; it does not suspend."""


async def passing(call: Call, call_next: CallNext) -> Any:
    """Do nothing, as a user's layer."""
    return await call_next(call)


class TasklessPassing:
    """Do nothing, as a layer that promises to need no task."""

    taskless = True

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Pass the call on."""
        return await call_next(call)


def five() -> tuple[Layer, ...]:
    """Return the layers of the budgets."""
    return Logging(slow=1), Tracing(), Caching(ttl=60), Timeout(5), Retry(3)


@dataclass(frozen=True, slots=True)
class Case:
    """One row: layers in front of a handler, against the row named `base`, or the last that is slixmpp's own."""

    name: str
    layers: Callable[[], tuple[Layer, ...]] | None = None
    handler: Any = plain
    op: tuple[str, str] = WRITE
    handlers: int = 1
    base: str = ""
    budget: float | None = None


NEWEST = sys.version_info >= (3, 12)

CASES = [
    Case("slixmpp, plain handler"),
    Case("no layers", tuple, budget=0.4),
    Case("a user's layer", lambda: (passing,)),
    Case("a taskless layer", lambda: (TasklessPassing(),)),
    Case("Logging alone", lambda: (Logging(slow=1),)),
    Case("Tracing alone", lambda: (Tracing(),)),
    Case("Metrics alone", lambda: (Metrics(),)),
    Case("Caching alone, on a write", lambda: (Caching(ttl=60),)),
    Case("Timeout alone", lambda: (Timeout(5),)),
    Case("Retry alone", lambda: (Retry(3),)),
    Case("Logging, Tracing, Caching, Timeout, Retry; a write", five, budget=1.3),
    Case("the same; a cache hit", five, op=READ, budget=1.2),
    Case("slixmpp, coroutine handler", handler=coroutine),
    Case("no layers, coroutine handler", tuple, coroutine),
    Case("the same five, coroutine handler; a write", five, coroutine, budget=0.4 if NEWEST else 1.0),
    Case("no layers, one handler for a JID", tuple, handlers=1),
    Case("the same, 100,000 handlers", tuple, handlers=100_000, base="no layers, one handler for a JID", budget=1.2),
]


def registry(case: Case) -> Any:
    """Return the registry that a case is about."""
    xmpp = FakeClient()
    api = xmpp.api if case.layers is None else install(xmpp, *case.layers())
    if "for a JID" in case.name or case.handlers > 1:
        api.register(case.handler, *case.op, ROMEO)
        for index in range(case.handlers - 1):
            api.register(case.handler, *case.op, JID(f"user{index}@montague.example"))
    else:
        api.register(case.handler, *case.op)
    return api


async def time_call(api: Any, case: Case, calls: int) -> float:
    """Return the seconds that one call takes."""
    run, (ctype, op) = api.run, case.op
    started = perf_counter()
    if case.handler is coroutine:
        for _ in range(calls):
            await run(ctype, op, ROMEO)
    else:
        for _ in range(calls):
            run(ctype, op, ROMEO)
    seconds = (perf_counter() - started) / calls
    await asyncio.sleep(0)
    return seconds


async def measure(rounds: int, calls: int) -> dict[str, list[tuple[float, float]]]:
    """Return, for each case, the seconds and the ratio of each round."""
    registries = {case.name: registry(case) for case in CASES}
    found: dict[str, list[tuple[float, float]]] = {case.name: [] for case in CASES}
    for _ in range(rounds):
        seconds: dict[str, float] = {}
        slixmpp = ""
        for case in CASES:
            slixmpp = case.name if case.layers is None else slixmpp
            seconds[case.name] = await time_call(registries[case.name], case, calls)
            found[case.name].append((seconds[case.name], seconds[case.name] / seconds[case.base or slixmpp]))
    return found


def slope(rounds: int, calls: int) -> list[float]:
    """Return what one more layer that does nothing adds, as a multiple of a bare `await layer(call, call_next)`."""

    async def inner(call: Any) -> Any:
        return None

    async def bare(call: Any) -> Any:
        return await passing(call, inner)

    few = registry(Case("", lambda: tuple(TasklessPassing() for _ in range(2))))
    many = registry(Case("", lambda: tuple(TasklessPassing() for _ in range(12))))
    ratios = []
    for _ in range(rounds):
        times = []
        for api in (few, many):
            started = perf_counter()
            for _ in range(calls):
                api.run(*WRITE, ROMEO)
            times.append((perf_counter() - started) / calls)
        for function in (inner, bare):
            started = perf_counter()
            for _ in range(calls):
                with suppress(StopIteration):
                    function(None).send(None)
            times.append((perf_counter() - started) / calls)
        ratios.append((times[1] - times[0]) / 10 / (times[3] - times[2]))
    return sorted(ratios)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--calls", type=int, default=2000)
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    found = asyncio.run(measure(given.rounds, given.calls))
    print(
        f"CPython {platform.python_version()}, slixmpp {slixmpp_version}, {platform.machine()}, {given.rounds} rounds\n"
    )
    print("| case | x slixmpp | 10 % to 90 % | µs | at most |\n|-|-|-|-|-|")
    for case in CASES:
        ratios = sorted(ratio for _, ratio in found[case.name])
        low, high = ratios[len(ratios) // 10], ratios[-(len(ratios) // 10) - 1]
        micro = statistics.median(seconds for seconds, _ in found[case.name]) * 1e6
        budget = "" if case.budget is None else f"{case.budget}"
        print(f"| {case.name} | {statistics.median(ratios):.2f} | {low:.2f} to {high:.2f} | {micro:.2f} | {budget} |")
    ratios = slope(given.rounds, given.calls)
    low, high = ratios[len(ratios) // 10], ratios[-(len(ratios) // 10) - 1]
    print(f"\nOne more layer that does nothing: {statistics.median(ratios):.2f} x a bare await of it", end=" ")
    print(f"({low:.2f} to {high:.2f}; at most 1.3)")


if __name__ == "__main__":
    main()
