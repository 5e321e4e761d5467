"""Every table of the benchmarks is made of cases that are measured, and the rounds are what they are said to be."""

from __future__ import annotations

import asyncio
import doctest
import gc
import random
from functools import partial
from types import ModuleType

import pytest

from cases import question
from cases.question import Question
from cases.questions import QUESTIONS
from cases.rounds import Case, Effort, Timer, calibrate, measure
from report import page, results, tables
from report.results import Answers

EFFORT = Effort(rounds=3, warmups=1, seconds=0.001)


@pytest.mark.parametrize("asked", QUESTIONS.values(), ids=lambda asked: asked.name)
def test_every_row_is_measured(asked: Question) -> None:
    names = [case.name for case in asked.cases(False)]
    assert len(set(names)) == len(names)
    answers = Answers([{name: random.uniform(1, 2) for name in names} for _ in range(3)])
    rows = {row.name: answers.spread(row.ratio) for table in asked.tables for row in table.rows}
    missing = [name for name, found in rows.items() if found is None]
    assert missing == [] or asked.name == "peers", "the peers are installed with the extra `bench` only"


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_answer_has_a_place_on_the_page(name: str) -> None:
    assert f"<!-- {name} -->" in page.PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("module", [question, page, results, tables], ids=lambda module: module.__name__)
def test_examples_hold(module: ModuleType) -> None:
    failed, attempted = doctest.testmod(module)
    assert (failed, attempted > 0) == (0, True)


def test_each_round_times_each_case_once() -> None:
    timed: list[str] = []

    def prepare(name: str) -> Timer:
        async def timer(loops: int) -> float:
            assert not gc.isenabled()
            timed.append(name)
            return 0.5 * loops

        return timer

    cases = [Case(name, partial(prepare, name), calls=5, loops=2) for name in "abc"]
    found = asyncio.run(measure(cases, EFFORT))
    rounds = [sorted(timed[start : start + 3]) for start in range(0, len(timed), 3)]
    assert rounds == [["a", "b", "c"]] * 4
    assert {(len(one.warmups), tuple(one.values)) for one in found.values()} == {(1, (0.1, 0.1, 0.1))}
    assert gc.isenabled()


def test_calibration_is_not_fooled_by_one_slow_call() -> None:
    seconds = iter([1.0])

    async def timer(loops: int) -> float:
        return next(seconds, loops * 1e-6)

    assert asyncio.run(calibrate(timer, 0.01)) == 10_000


def test_a_figure_of_what_was_not_measured_is_none() -> None:
    assert Answers([{"a": 1.0}]).spread(question.ratio_of("a", "b")) is None
