"""Measure everything: each question, several processes of each Python, in turn. `make bench` and `make bench-quick`."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

import pyperf

import environments
from cases.questions import QUESTIONS
from report import page

if TYPE_CHECKING:
    from cases.question import Question

HERE = Path(__file__).parent


class Job(NamedTuple):
    """One process of one Python that measures one question."""

    question: Question
    process: int
    version: str
    python: str

    def __str__(self) -> str:
        return f"Python {self.version}: {self.question.asks} (process {self.process + 1})"


class Progress:
    """What is measured now, and about how long the rest takes: as long as the same question took before."""

    def __init__(self, jobs: list[Job], is_quick: bool) -> None:
        self.left = list(jobs)
        self.total = len(jobs)
        self.took = {job.question.name: 2.5 if is_quick else job.question.seconds for job in jobs}
        self.begun = monotonic()

    def show(self, job: Job) -> None:
        """Say what begins."""
        seconds = sum(self.took[one.question.name] for one in self.left)
        number = self.total - len(self.left) + 1
        print(f"[{number:>3} of {self.total}, {_clock(seconds)} left] {job}", flush=True)

    def done(self, job: Job, seconds: float) -> None:
        """Remember how long it took."""
        self.left.remove(job)
        self.took[job.question.name] = seconds


def pythons(is_quick: bool) -> dict[str, str]:
    """Return the Pythons to measure, with the package installed for each; for a quick answer that which runs."""
    found = {environments.this(): sys.executable}
    for version, command in ({} if is_quick else environments.find()).items():
        python = environments.install(version, command)
        if python is None:
            print(f"Python {version} is left out: the package cannot be installed for it", flush=True)
        else:
            found[version] = python
    return found


def plan(questions: list[Question], found: dict[str, str], is_quick: bool) -> Iterator[Job]:
    """Iterate over what to do: the processes of a question lie apart, so that a bad minute spoils few of them."""
    for process in range(1 if is_quick else max(question.processes for question in questions)):
        for question in questions:
            if process < question.processes:
                yield from (Job(question, process, version, python) for version, python in found.items())


def measure(jobs: list[Job], is_quick: bool) -> pyperf.BenchmarkSuite:
    """Do `jobs` one after the other, and return all that they found."""
    suite: pyperf.BenchmarkSuite | None = None
    progress = Progress(jobs, is_quick)
    with tempfile.TemporaryDirectory() as folder:
        for job in jobs:
            progress.show(job)
            begun = monotonic()
            file = Path(folder) / "found.json"
            worker = [job.python, str(HERE / "worker.py"), job.question.name, str(file), f"--process={job.process}"]
            subprocess.run(worker + ["--quick"] * is_quick, check=True)  # noqa: S603  this folder's
            progress.done(job, monotonic() - begun)
            one = pyperf.BenchmarkSuite.load(str(file))
            if suite is None:
                suite = one
            else:
                suite.add_runs(one)
    print(f"Measured in {_clock(monotonic() - progress.begun)}", flush=True)
    return suite


def main() -> None:
    """Measure, and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="this Python only, few rounds, nothing is written")
    parser.add_argument("--only", nargs="+", choices=list(QUESTIONS), help="these questions; nothing is written")
    given = parser.parse_args()
    chosen = [QUESTIONS[name] for name in given.only or QUESTIONS]
    suite = measure(list(plan(chosen, pythons(given.quick), given.quick)), given.quick)
    if given.quick or given.only:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "found.json"
            suite.dump(str(file))
            page.show(file)
    else:
        suite.dump(str(page.RESULTS), replace=True)
        page.write(page.RESULTS)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


if __name__ == "__main__":
    main()
