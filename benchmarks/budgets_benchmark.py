"""What a call costs, against slixmpp's own registry on the same handler.

Interleaved rounds; ratios are taken within a round. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import platform
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import structlog
from slixmpp import JID
from slixmpp.version import __version__ as slixmpp_version

import slixmpp_middleware
from slixmpp_pipeline import Layer, install
from slixmpp_pipeline.testing import FakeClient

if TYPE_CHECKING:
    from slixmpp_pipeline import Call, CallNext

ROMEO = JID("romeo@montague.example/orchard")
OP = ("xep_0054", "set_vcard")


def write(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
    """Do what a plugin's default handler does at least: nothing that can be measured."""


async def write_async(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
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


@dataclass(frozen=True, slots=True)
class Case:
    """One row: layers and a handler, against slixmpp's registry with the same handler."""

    name: str
    layers: Callable[[], tuple[Layer, ...]]
    handler: Any = write
    handlers: int = 1
    budget: float | None = None


def built_in(*names: str) -> Callable[[], tuple[Layer, ...]]:
    """Return a maker of those built-in layers that there are, the first outermost."""
    settings: dict[str, tuple[float, ...]] = {"Logging": (1.0,), "Timeout": (5.0,), "Caching": (60.0,)}
    kinds = [(getattr(slixmpp_middleware, name, None), settings.get(name, ())) for name in names]
    return lambda: tuple(kind(*given) for kind, given in kinds if kind is not None)


FIVE = built_in("Logging", "Tracing", "Caching", "Timeout", "Retry")
NEWEST = platform.python_version_tuple() >= ("3", "12")

CASES = [
    Case("slixmpp, plain handler", tuple),
    Case("no layers", tuple, budget=0.4),
    Case("no layers, 10,000 handlers", tuple, handlers=10_000),
    Case("a user's layer", lambda: (passing,)),
    Case("a taskless layer", lambda: (TasklessPassing(),)),
    *[Case(f"{name} alone", built_in(name)) for name in slixmpp_middleware.__all__],
    Case("the built-in layers of the budget", FIVE, budget=1.3),
    Case("slixmpp, coroutine handler", tuple, write_async),
    Case("no layers, coroutine handler", tuple, write_async),
    Case("the same built-in layers, coroutine handler", FIVE, write_async, budget=0.4 if NEWEST else 1.0),
]


def registry(case: Case) -> Any:
    """Return the registry that a case is about."""
    xmpp = FakeClient()
    api = xmpp.api if case.name.startswith("slixmpp") else install(xmpp, *case.layers())
    api.register(case.handler, *OP)
    for index in range(case.handlers - 1):
        api.register(case.handler, *OP, JID(f"user{index}@montague.example"))
    return api


async def time_call(api: Any, calls: int, *, awaits: bool) -> float:
    """Return the seconds that one call takes."""
    run, (ctype, op) = api.run, OP
    started = perf_counter()
    if awaits:
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
        base = 0.0
        for case in CASES:
            seconds = await time_call(registries[case.name], calls, awaits=case.handler is write_async)
            base = seconds if case.name.startswith("slixmpp") else base
            found[case.name].append((seconds, seconds / base))
    return found


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
        low, high = ratios[len(ratios) // 10], ratios[-len(ratios) // 10]
        micro = statistics.median(seconds for seconds, _ in found[case.name]) * 1e6
        budget = "" if case.budget is None else f"{case.budget}"
        print(f"| {case.name} | {statistics.median(ratios):.2f} | {low:.2f} to {high:.2f} | {micro:.2f} | {budget} |")


if __name__ == "__main__":
    main()
