"""README's figures are those that `make bench` wrote into the page of the benchmarks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ONE_BY_ONE = "Handlers that wait, each call awaited before the next"


def measured(title: str, row: str) -> list[float]:
    """Return the ratio of a row of a table, for each Python."""
    page = (ROOT / "docs" / "reference" / "benchmarks.md").read_text(encoding="utf-8")
    table = page.partition(f"**{title}**")[2].partition("\n**")[0]
    names, _, *rows = [line.split("|")[1:-1] for line in table.splitlines() if line.startswith("|")]
    (found,) = [cells for cells in rows if cells[0].strip() == row]
    ratios = [cell for name, cell in zip(names, found, strict=True) if "slixmpp" in name]
    return [float(match.group()) for cell in ratios if (match := re.match(r"\s*[\d.]+", cell))]


@pytest.mark.parametrize(
    ("title", "row", "digits", "words"),
    [
        (ONE_BY_ONE, "a turn of the loop, no layers", 1, "**It costs** {}"),
        (ONE_BY_ONE, "a turn of the loop, five", 1, "and {} of it with five layers on"),
        (ONE_BY_ONE, "a turn of the loop, no layers", 2, "takes {} of slixmpp's time without layers, by"),
        (ONE_BY_ONE, "a turn of the loop, five", 1, "nothing to report it takes {} of it"),
        (ONE_BY_ONE, "a hit in front of a handler that waits, five", 1, "in front of such a handler {}"),
        ("A write, plain handler", "no layers", 2, "a call takes {} of slixmpp's time without layers"),
        ("A read, plain handler; Caching answers it from memory", "five", 1, "a cache hit through the five {}"),
        ("A write, plain handler", "five", 1, "and a write {}"),
    ],
)
def test_readme_says_what_was_measured(title: str, row: str, digits: int, words: str) -> None:
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    lowest, highest = (f"{of(measured(title, row)):.{digits}f}" for of in (min, max))
    figures = lowest if lowest == highest else f"{lowest} to {highest}"
    assert words.format(figures) in readme
