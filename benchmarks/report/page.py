"""What do the results say? Writes the documentation's tables and pictures, and names the budgets that do not hold."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path

from cases.questions import QUESTIONS
from report.results import Results, read
from report.tables import Verdict, budgets, machine, markdown, number, verdicts

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results.json"
PAGE = ROOT / "docs" / "reference" / "benchmarks.md"
IMAGES = ROOT / "docs" / "images"


def blocks(results: Results) -> dict[str, str]:
    """Return what stands between each pair of markers on the page, by the marker's name."""
    found = {"machine": machine(results), "budgets": budgets(found_verdicts(results))}
    for name, question in QUESTIONS.items():
        answers = results.answers.get(name, {})
        found[name] = "\n\n".join(f"**{table.title}**\n\n{markdown(table, answers)}" for table in question.tables)
    return found


def found_verdicts(results: Results) -> list[Verdict]:
    """Return whether the budgets hold."""
    return list(verdicts({name: question.tables for name, question in QUESTIONS.items()}, results))


def filled(page: str, found: dict[str, str]) -> str:
    r"""Return `page` with what stands between `<!-- name -->` and `<!-- end -->` replaced.

    >>> filled("<!-- a --> old <!-- end -->", {"a": "new"})
    '<!-- a -->\n\nnew\n\n<!-- end -->'
    """
    for name, text in found.items():
        between = re.compile(rf"(?<=<!-- {name} -->).*?(?=<!-- end -->)", re.DOTALL)
        page = between.sub(f"\n\n{text}\n\n".replace("\\", r"\\"), page)
    return page


def write(file: Path) -> None:
    """Write tables and pictures into the documentation."""
    results = read(file)
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), blocks(results)), encoding="utf-8")
    pictures = import_module("report.pictures")  # here, since tables do without matplotlib
    for name, picture in pictures.draw(results).items():
        (IMAGES / f"bench-{name}.svg").write_text(picture, encoding="utf-8")
    print(f"Wrote {PAGE.relative_to(ROOT)} and {(IMAGES / 'bench-*.svg').relative_to(ROOT)}")
    say(found_verdicts(results))


def show(file: Path) -> None:
    """Print the tables."""
    results = read(file)
    for name, question in QUESTIONS.items():
        if answers := results.answers.get(name):
            print(f"\n{question.asks}")
            for table in question.tables:
                print(f"\n{table.title}\n\n{markdown(table, answers)}")
    say(found_verdicts(results))


def say(found: list[Verdict]) -> None:
    """Print which budgets do not hold."""
    broken = [verdict for verdict in found if not verdict.holds]
    print(f"\n{len(found) - len(broken)} of {len(found)} budgets hold.")
    for verdict in broken:
        print(f"  {verdict.python}: {verdict.what}: {number(verdict.found.median)}, at most {verdict.at_most}")


if __name__ == "__main__":
    file = Path(sys.argv[1]) if sys.argv[1:] else RESULTS
    write(file) if file == RESULTS else show(file)
