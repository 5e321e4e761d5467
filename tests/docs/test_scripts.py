"""A page that tells how to do something is a script: by copy and paste it runs, prints what it shows, and has types."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.examples import without_chance

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "docs/tutorial/index.md", *sorted(ROOT.glob("docs/how-to/[!i]*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def script_name(page: Path) -> str:
    return "tour.py" if page.parent.name == "tutorial" else "bot.py"


def comparable(output: str) -> str:
    """Return `output` without chance; the lines of the script itself are none."""
    return without_chance(re.sub(r"\b(bot|tour)\.py:(\d+)", r"line \2", output))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_runs_as_the_script_that_it_names(page: Path, tmp_path: Path) -> None:
    name = script_name(page)
    (tmp_path / name).write_text("\n".join(blocks(page, "python")), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::ResourceWarning", name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stderr, done.returncode) == ("", 0)
    if shown := blocks(page, "output"):
        assert comparable(done.stdout).split() == comparable("".join(shown)).split()


def test_pages_have_types_for_a_strict_checker(tmp_path: Path) -> None:
    for page in PAGES:
        name = f"{page.parent.name}_{page.stem}.py".replace("-", "_")
        (tmp_path / name).write_text("\n".join(blocks(page, "python")), encoding="utf-8")
    mypy = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--untyped-calls-exclude", "slixmpp"]
    cache = str(ROOT / ".mypy_cache" / "pages")
    done = subprocess.run([*mypy, "--cache-dir", cache, "."], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
