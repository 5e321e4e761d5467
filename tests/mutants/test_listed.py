"""What is said of mutants that no test kills is said of lines that are there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mutants.listed import entries, modules, mutants_of

ENTRIES = [
    pytest.param(module, entry, id=f"{module}: {entry['line']}") for module in entries() for entry in entries()[module]
]


@pytest.mark.parametrize(("module", "entry"), ENTRIES)
def test_listed_line_is_there_and_has_a_reason(module: str, entry: dict[str, Any]) -> None:
    lines = [line.strip() for line in modules()[module].read_text(encoding="utf-8").splitlines()]

    assert entry["line"] in lines
    assert entry["operators"]
    assert entry["reason"].strip().endswith(".")
    assert entry.keys() == {"line", "operators", "reason"}


def test_no_mutant_is_listed_twice() -> None:
    listed = [(module, mutant) for module in entries() for entry in entries()[module] for mutant in mutants_of(entry)]

    assert len(listed) == len(set(listed))
