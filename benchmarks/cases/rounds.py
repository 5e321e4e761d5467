"""How is a question measured? On interleaved rounds: each times every case once, in an order of its own."""

from __future__ import annotations

import gc
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import thread_time
from typing import Literal, TypeAlias

Timer: TypeAlias = Callable[[int], Awaitable[float]]
"""Makes the calls of a case so many times, and returns the seconds that this took; or how many bytes it needed."""


@dataclass(frozen=True, slots=True)
class Case:
    """What is timed under one name.

    `prepare` makes it, once in each process, with the loop running. One time is `calls` calls: figures are of one.
    `loops` None means so many that a timing takes some milliseconds.
    """

    name: str
    prepare: Callable[[], Timer]
    calls: int = 1
    loops: int | None = None
    unit: Literal["second", "byte"] = "second"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long to measure: rounds that count, rounds before them that do not, seconds of one timing at least."""

    rounds: int
    warmups: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Samples:
    """What one process found of a case: seconds (or bytes) of one call, for each round in turn."""

    loops: int
    warmups: list[float]
    values: list[float]


async def measure(cases: list[Case], effort: Effort) -> dict[str, Samples]:
    """Measure `cases` against each other, with the garbage collector off while anything is timed."""
    timers = {case.name: case.prepare() for case in cases}
    gc.collect()
    gc.freeze()  # what is there by now is there to stay: no collection between rounds looks at it
    gc.disable()
    try:
        loops = {case.name: case.loops or await calibrate(timers[case.name], effort.seconds) for case in cases}
        found: dict[str, list[float]] = {case.name: [] for case in cases}
        shuffle = random.Random(0).shuffle
        order = list(cases)
        for _ in range(effort.warmups + effort.rounds):
            shuffle(order)  # else a case always suffers from, or gains by, what the same one before it left behind
            for case in order:
                taken = await timers[case.name](loops[case.name])
                found[case.name].append(taken / loops[case.name] / case.calls)
            gc.collect()
    finally:
        gc.enable()
        gc.unfreeze()
    few = effort.warmups
    return {name: Samples(loops[name], values[:few], values[few:]) for name, values in found.items()}


async def calibrate(timer: Timer, seconds: float) -> int:
    """Return how often a case has to be repeated for a timing of `seconds`; it has run before that, so it is warm."""
    loops = 1
    while (taken := min([await timer(loops) for _ in range(3)])) < seconds / 4:  # the least: others use the machine
        loops *= 2
    return max(1, round(loops * seconds / taken))


def timed(many: Callable[[int], Awaitable[object]]) -> Timer:
    """Return what times `many`, which makes so many calls.

    The clock is the thread's own: what other programs take of the processor does not count. No call that is timed
    waits for anything, so on an idle machine it is the time that passes.
    """

    async def timer(loops: int) -> float:
        started = thread_time()
        await many(loops)
        return thread_time() - started

    return timer
