from __future__ import annotations

import pytest

from tests.contract import cases_answering, cases_handlers, cases_registering, cases_resolving
from tests.contract.stage import REGISTRIES, observe
from tests.contract.table import DIFFERENCES, TABLE, Case

_MODULES = (cases_resolving, cases_registering, cases_answering, cases_handlers)  # they fill the table


@pytest.mark.parametrize("running", [True, False], ids=["loop running", "loop off"])
@pytest.mark.parametrize("registry", REGISTRIES)
@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.name)
def test_case_comes_out_as_the_table_says(case: Case, registry: str, running: bool) -> None:
    outcome = observe(case, registry, running=running)

    assert outcome == case.expected(registry, running=running)


def test_every_difference_has_a_case() -> None:
    assert {case.because for case in TABLE} - {None} == DIFFERENCES.keys()


def test_every_case_that_differs_does_differ() -> None:
    alike = [case.name for case in TABLE if case.because and case.slixmpp == case.ours == case.ours_off]

    assert alike == []


def test_every_case_has_a_name_of_its_own() -> None:
    names = [case.name for case in TABLE]

    assert len(names) == len(set(names)) > 100
