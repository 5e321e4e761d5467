"""How are tables written? As Markdown: for each Python a ratio with its spread, and an absolute figure beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cases.question import Budget, Row, Table
    from report.results import Answers, Results, Spread

SCALE = {"µs": 1e6, "ns": 1e9, "bytes": 1.0, "µs added": 1e6, "ns of the peer": 1e9, "stanzas/s": 1.0}


class Verdict(NamedTuple):
    """Whether a budget holds on one Python."""

    what: str
    python: str
    found: Spread
    budget: Budget

    @property
    def at_most(self) -> float:
        """The limit on that Python."""
        return self.budget.on(self.python)

    @property
    def holds(self) -> bool:
        """Whether the median is within it."""
        return self.found.median <= self.at_most


def markdown(table: Table, answers: Mapping[str, Answers]) -> str:
    """Return a table; a case that was not measured has an empty cell, and a row without any is left out."""
    budgeted = any(row.budget for row in table.rows)
    head = ["", *(["at most"] if budgeted else [])]
    for python in answers:
        head += [f"{python}: {table.ratio}", f"{python}: {table.unit}"]
    lines = [head, ["-"] + ["-:"] * (len(head) - 1)]
    for row in table.rows:
        cells = [cell for python, found in answers.items() for cell in _cells(table, row, python, found)]
        if any(cells):
            lines.append([row.name, *([str(row.budget or "")] if budgeted else []), *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(table: Table, row: Row, python: str, found: Answers) -> tuple[str, str]:
    ratio, absolute = found.spread(row.ratio), found.spread(row.absolute)
    if ratio is None or absolute is None:
        return "", ""
    mark = "" if row.budget is None else _mark(ratio.median <= row.budget.on(python))
    return shown(ratio, mark), number(absolute.median * SCALE[table.unit])


def _mark(holds: bool) -> str:
    return " ✓" if holds else " ✗"


def shown(found: Spread, mark: str = "") -> str:
    """Return a median with its mark and its spread."""
    if found.low == found.high:
        return f"{number(found.median)}{mark}"
    return f"{number(found.median)}{mark} ({number(found.low)}–{number(found.high)})"


def number(value: float) -> str:
    """Return `value` with three digits, and no more than two after the point.

    >>> number(0.3961), number(12.345), number(456.7), number(1234567.0)
    ('0.40', '12.3', '457', '1,234,567')
    """
    digits = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0  # noqa: PLR2004  three digits
    return f"{value:,.{digits}f}"


def verdicts(tables: Mapping[str, list[Table]], results: Results) -> Iterator[Verdict]:
    """Iterate over the budgets of the tables of each question, for each Python."""
    for question, of_question in tables.items():
        for table in of_question:
            for row in (row for row in table.rows if row.budget is not None):
                for python, found in results.answers.get(question, {}).items():
                    figure = found.spread(row.ratio)
                    if figure is not None and row.budget is not None:
                        yield Verdict(f"{table.title}: {row.name}", python, figure, row.budget)


def budgets(found: list[Verdict]) -> str:
    """Return the table of the budgets, a column for each Python."""
    pythons = list(dict.fromkeys(verdict.python for verdict in found))
    by_row: dict[str, dict[str, Verdict]] = {}
    for verdict in found:
        by_row.setdefault(verdict.what, {})[verdict.python] = verdict
    lines = [["", "at most", *pythons], ["-", *["-:"] * (len(pythons) + 1)]]
    for what, by_python in by_row.items():
        judged = {python: number(one.found.median) + _mark(one.holds) for python, one in by_python.items()}
        at_most = str(next(iter(by_python.values())).budget)
        lines.append([what, at_most, *(judged.get(python, "") for python in pythons)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine(results: Results) -> str:
    """Return in words where and when this was measured."""
    known = results.machine
    pythons = ", ".join(f"CPython {results.versions[python]}" for python in results.pythons())
    processor = f"{known['cpu_count']} cores of {known.get('cpu_model_name', 'a processor')}"
    system = str(known["platform"]).partition("-")[0]
    return f"{processor}, {system}; {pythons}; {', '.join(results.packages)}; {str(known['date'])[:10]}."
