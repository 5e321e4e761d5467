"""The page that lists the differences lists those that the contract has cases for, and no others."""

from __future__ import annotations

from pathlib import Path

from tests.contract.table import DIFFERENCES

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "differences.md"


def test_every_difference_is_on_the_page_and_has_its_cases() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]

    documented = [row.strip("| ").split("|")[-1].strip() for row in rows[2:]]

    assert sorted(documented) == sorted(DIFFERENCES)
