"""What do async peers take for the same work: n layers that do nothing, around a coroutine that does nothing?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from importlib import import_module
from typing import Any

from cases.question import Budget, Question, Row, Table, against, slope_of
from cases.rounds import Case, Timer, timed

COUNTS = [0, 1, 5, 10, 20]
FLOOR, OURS = "bare await", "slixmpp-pipeline"
PEERS = ["aiohttp", "Starlette", "nopanic", "diator", "aiogram", "mediatr", "python-cqrs", "kerux"]


def send(build: Callable[[int], Any], count: int) -> Timer:
    """Prepare one peer's calls through so many layers."""
    call: Callable[[], Awaitable[object]] = build(count).call

    async def many(times: int) -> None:
        for _ in range(times):
            await call()

    return timed(many)


def cases(quick: bool) -> list[Case]:
    """Return those whose package is there, once it is proven that n layers run; fewer counts for a quick answer."""
    peers = import_module("peers.listed")  # here, since only a process that measures needs those packages
    peers.prove()
    counts = [0, 1, 20] if quick else COUNTS
    return [
        Case(f"{name}, {count}", partial(send, build, count)) for name, build in peers.PEERS.items() for count in counts
    ]


def one_more(name: str) -> Row:
    """Return the row of what one more layer takes, against the floor."""
    each, floor = slope_of(name), slope_of(FLOOR)
    return Row(name, lambda times: each(times) / floor(times), each)


def ours_against(name: str) -> Row:
    """Return the row of our slope against a peer's, which has to be the greater."""
    ours, theirs = slope_of(OURS), slope_of(name)
    return Row(name, lambda times: ours(times) / theirs(times), theirs, Budget(1.0))


def levels(count: int, title: str) -> Table:
    """Return the table of calls through so many layers."""
    rows = [against(name, f"{name}, {count}", f"{FLOOR}, {count}") for name in [FLOOR, OURS, *PEERS]]
    return Table(f"peers-{count}", title, rows, "× the bare await")


QUESTION = Question(
    name="peers",
    asks="What do async peers take for the same work?",
    cases=cases,
    tables=[
        Table(
            "peers-slope",
            "One more layer",
            [one_more(name) for name in [FLOOR, OURS, *PEERS]],
            "× the bare await's",
            "ns",
        ),
        Table(
            "peers-ours",
            "Our slope against each peer's",
            [ours_against(name) for name in PEERS],
            "ours × the peer's",
            "ns of the peer",
        ),
        levels(0, "A call through no layer"),
        levels(20, "A call through twenty layers"),
    ],
    packages=tuple(PEERS),
    rounds=8,
    seconds=10,
)
