"""One process: it measures one question, and leaves a pyperf suite in a file. `bench.py` starts it."""

from __future__ import annotations

import argparse
import asyncio
import platform
from importlib.metadata import version
from time import monotonic
from typing import TYPE_CHECKING, Any

import pyperf

from cases.questions import QUESTIONS
from cases.rounds import Case, Effort, Samples, measure

if TYPE_CHECKING:
    from cases.question import Question

FULL = Effort(rounds=0, warmups=2, seconds=0.01)
QUICK = Effort(rounds=5, warmups=1, seconds=0.003)

# What pyperf knows of the machine, less what changes from run to run and what is nobody's business.
KEPT = ("cpu_count", "cpu_model_name", "date", "load_avg_1min", "mem_max_rss", "perf_version", "timer")


def metadata(question: Question, process: int) -> dict[str, Any]:
    """Return what is true of all that this process finds."""
    known = pyperf.Run([1.0]).get_metadata()
    return {name: known[name] for name in KEPT if name in known} | {
        "platform": f"{platform.system()}-{platform.machine()}",
        "python_version": platform.python_version(),
        "python_implementation": platform.python_implementation().lower(),
        "packages": ", ".join(f"{name} {version(name)}" for name in ("slixmpp", *question.packages)),
        "question": question.name,
        "process": process,
    }


def benchmark(case: Case, samples: Samples, common: dict[str, Any]) -> pyperf.Benchmark:
    """Return what was found of a case, as pyperf keeps it; five digits are more than a clock is good for."""
    python = ".".join(platform.python_version_tuple()[:2])
    known = common | {
        "name": f"{python} {common['question']}: {case.name}",
        "python": python,
        "case": case.name,
        "unit": case.unit,
        "loops": samples.loops,
        "inner_loops": case.calls,
    }
    warmups = [(samples.loops, rounded(value)) for value in samples.warmups]
    values = [rounded(value) for value in samples.values]
    return pyperf.Benchmark([pyperf.Run(values, warmups=warmups, metadata=known, collect_metadata=False)])


def rounded(value: float) -> float:
    """Return `value` with five digits."""
    return float(f"{value:.5g}")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("question", choices=sorted(QUESTIONS))
    parser.add_argument("file", help="where to write what was found")
    parser.add_argument("--process", type=int, default=0, help="which of the processes with this question it is")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    question = QUESTIONS[given.question]
    cases = question.cases(given.quick)
    rounds = min(question.rounds, QUICK.rounds) if given.quick else question.rounds
    effort = QUICK if given.quick else FULL
    begun = monotonic()
    samples = asyncio.run(
        measure(cases, Effort(rounds=rounds, warmups=effort.warmups if rounds > 1 else 0, seconds=effort.seconds))
    )
    share = (monotonic() - begun) / len(cases)  # else pyperf takes bytes for seconds when it adds up how long it took
    common = metadata(question, given.process) | {"duration": share}
    suite = pyperf.BenchmarkSuite([benchmark(case, samples[case.name], common) for case in cases])
    suite.dump(given.file, replace=True)


if __name__ == "__main__":
    main()
