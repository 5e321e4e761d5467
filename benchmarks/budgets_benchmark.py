"""What a call costs, against slixmpp's own registry on the same handler.

Interleaved rounds; ratios are taken within a round. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import statistics
from contextlib import suppress
from time import perf_counter
from typing import Any

from cases import CASES, ROMEO, WRITE, Case, TasklessPassing, call, passing, registry
from slixmpp.version import __version__ as slixmpp_version


async def time_call(api: Any, case: Case, calls: int) -> float:
    """Return the seconds that one call takes."""
    started = perf_counter()
    await call(api, case, calls)
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
