"""What is a question? Cases to measure against each other, and the tables that answer it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from cases.rounds import Case

Round: TypeAlias = Mapping[str, float]
"""Seconds of one call, by the name of the case, measured within one round; or bytes."""

Figure: TypeAlias = Callable[[Round], float]
"""What is computed of each round. KeyError if a case is not there."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that a figure may be on a Python, by its version, and the words for it."""

    at_most: float
    since_312: float | None = None

    def on(self, python: str) -> float:
        """Return the limit on a Python, which is a string such as "3.11"."""
        is_eager = tuple(map(int, python.split("."))) >= (3, 12)
        return self.since_312 if is_eager and self.since_312 is not None else self.at_most

    def __str__(self) -> str:
        return f"{self.at_most}" if self.since_312 is None else f"{self.at_most}; {self.since_312} from 3.12 on"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: a ratio, the absolute figure beside it, and what DESIGN.md allows, if it says so."""

    name: str
    ratio: Figure
    absolute: Figure
    budget: Budget | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that answer one thing; `ratio` and `absolute` say in words what is shown, and `unit` is of the latter."""

    name: str
    title: str
    rows: list[Row]
    ratio: str = "× slixmpp"
    unit: str = "µs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked.

    `cases` gives them, fewer or smaller for a quick answer. `processes` of each Python measure `rounds` rounds each.
    `seconds` is about what one of them takes, for the progress that is shown; of `packages` the versions are kept.
    """

    name: str
    asks: str
    cases: Callable[[bool], list[Case]]
    tables: list[Table]
    rounds: int = 12
    processes: int = 3
    seconds: float = 7
    packages: tuple[str, ...] = ()


def time_of(case: str) -> Figure:
    """Return what gives the time of a case itself."""
    return lambda times: times[case]


def ratio_of(case: str, base: str) -> Figure:
    """Return what gives the time of a case as a multiple of another's."""
    return lambda times: times[case] / times[base]


def against(name: str, case: str, base: str, budget: Budget | None = None) -> Row:
    """Return the row of a case against another."""
    return Row(name, ratio_of(case, base), time_of(case), budget)


def slope_of(series: str) -> Figure:
    """Return what gives the time that one more adds, by least squares through the cases "{series}, {count}".

    From one on: the first of something takes a way that none does not take.
    """
    start = f"{series}, "

    def figure(times: Round) -> float:
        points = [(int(name.removeprefix(start)), time) for name, time in times.items() if name.startswith(start)]
        return slope([(count, time) for count, time in points if count > 0])

    return figure


def slope(points: list[tuple[int, float]]) -> float:
    """Return by how much the second grows with the first, by least squares; KeyError without two points.

    >>> slope([(0, 1.0), (10, 3.0), (20, 5.0)])
    0.2
    """
    if len(points) < 2:  # noqa: PLR2004  a line has two points
        raise KeyError("nothing was measured")
    return statistics.linear_regression(*zip(*points, strict=True)).slope
