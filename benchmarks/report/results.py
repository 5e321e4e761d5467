"""What was found? Reads a pyperf suite, and computes figures within each round."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from cases.question import Figure


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of a figure over all rounds, with its 10th and 90th percentile."""

    low: float
    median: float
    high: float


@dataclass(frozen=True, slots=True)
class Answers:
    """What one Python answered to one question: the times of each round of each process."""

    rounds: list[dict[str, float]]

    def spread(self, figure: Figure) -> Spread | None:
        """Return a figure's spread, None if not all was measured that it is made of."""
        try:
            return spread([figure(times) for times in self.rounds])
        except KeyError:
            return None


@dataclass(frozen=True, slots=True)
class Results:
    """All that was measured: `answers[question][python]`, and what pyperf says of the machine."""

    answers: dict[str, dict[str, Answers]]
    machine: dict[str, Any]
    versions: dict[str, str]
    packages: list[str]

    def pythons(self) -> list[str]:
        """Return the versions, such as "3.11", the oldest first."""
        return sorted({python for by_python in self.answers.values() for python in by_python}, key=_as_numbers)


def spread(values: list[float]) -> Spread:
    """Return the median and the 10th and 90th percentile.

    >>> spread([1.0, 2.0, 3.0, 4.0, 50.0])
    Spread(low=1.4, median=3.0, high=31.6)
    """
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    tenths = statistics.quantiles(values, n=10, method="inclusive")
    return Spread(tenths[0], statistics.median(values), tenths[-1])


def read(file: Path) -> Results:
    """Read what `bench.py` wrote."""
    import pyperf  # noqa: PLC0415  only the extra `bench` brings it

    suite = pyperf.BenchmarkSuite.load(str(file))
    rounds: dict[tuple[str, str], dict[tuple[int, int], dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    machine: dict[str, Any] = {}
    versions: dict[str, str] = {}
    packages: set[str] = set()
    for benchmark in suite:
        for run in benchmark.get_runs():
            known = run.get_metadata()
            machine = machine or known
            versions[known["python"]] = known["python_version"]
            packages |= set(known["packages"].split(", "))
            for number, value in enumerate(run.values):
                rounds[known["question"], known["python"]][known["process"], number][known["case"]] = value
    answers: dict[str, dict[str, Answers]] = defaultdict(dict)
    for (question, python), found in sorted(rounds.items(), key=lambda item: _as_numbers(item[0][1])):
        answers[question][python] = Answers(list(found.values()))
    return Results(dict(answers), machine, versions, sorted(packages, key=str.lower))


def _as_numbers(python: str) -> tuple[int, ...]:
    return tuple(map(int, python.split(".")))
