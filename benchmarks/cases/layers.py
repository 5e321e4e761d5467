"""What does one more layer cost? From none to twenty that do nothing, against a bare `await layer(call, call_next)`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from cases.question import Budget, Figure, Question, Round, Row, Table, slope_of, time_of
from cases.rounds import Case, Timer, timed
from cases.stacks import BATCH, WRITE, Passing, TasklessPassing, calls_through, coroutine, passing, plain, registry

COUNTS = [0, 1, 2, 5, 10, 15, 20]
KINDS: dict[str, tuple[Callable[[], Any], Callable[..., Any]]] = {
    "taskless layers, plain handler": (TasklessPassing, plain),
    "a user's layers, plain handler": (Passing, plain),
    "a user's layers, coroutine handler": (Passing, coroutine),
}


def run(kind: str, count: int) -> Timer:
    """Prepare calls through so many layers."""
    layer, handler = KINDS[kind]
    api = registry(tuple(layer() for _ in range(count)))
    api.register(handler, *WRITE)
    return calls_through(api, WRITE, BATCH if handler is coroutine else 0)


async def inmost(call: Any) -> None:
    """Be what the bare layer awaits."""


def bare(count: int) -> Timer:
    """Prepare a loop that awaits one coroutine, or a layer around it: their difference is the bare await."""

    async def without(times: int) -> None:
        for _ in range(times):
            await inmost(None)

    async def within(times: int) -> None:
        call: Any = None
        for _ in range(times):
            await passing(call, inmost)

    return timed(within if count else without)


def cases(quick: bool) -> list[Case]:
    """Return them; fewer counts for a quick answer."""
    counts = [0, 1, 10, 20] if quick else COUNTS
    found = [Case(f"bare, {count}", partial(bare, count)) for count in (0, 1)]
    for kind, (_, handler) in KINDS.items():
        calls = BATCH if handler is coroutine else 1
        found += [Case(f"{kind}, {count}", partial(run, kind, count), calls=calls) for count in counts]
    return found


def bare_await(times: Round) -> float:
    """Return what one bare await takes."""
    return times["bare, 1"] - times["bare, 0"]


def one_more(kind: str) -> Row:
    """Return the row of the slope of a kind of layer."""
    each: Figure = slope_of(kind)
    budget = Budget(1.3) if kind.startswith("taskless") else None
    return Row(kind, lambda times: each(times) / bare_await(times), each, budget)


def first(kind: str) -> Row:
    """Return the row of what the first layer adds: a call without any takes a shorter way."""

    def added(times: Round) -> float:
        return times[f"{kind}, 1"] - times[f"{kind}, 0"]

    return Row(f"the first: {kind}", lambda times: added(times) / bare_await(times), added)


def level(kind: str, count: int) -> Row:
    """Return the row of so many layers, against none."""
    name = f"{kind}, {count}"
    return Row(name, lambda times: times[name] / times[f"{kind}, 0"], time_of(name))


QUESTION = Question(
    name="layers",
    asks="What does one more layer that does nothing cost?",
    cases=cases,
    tables=[
        Table(
            "slope",
            "One more layer that does nothing",
            [Row("a bare await", lambda times: 1.0, bare_await), *map(one_more, KINDS), *map(first, KINDS)],
            "× a bare await",
            "ns",
        ),
        Table(
            "levels",
            "From none to twenty",
            [level(kind, count) for kind in KINDS for count in (0, 1, 5, 10, 20)],
            "× no layer",
        ),
    ],
)
