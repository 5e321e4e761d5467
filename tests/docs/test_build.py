"""The documentation builds without a warning, and its pages load nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"

# What a browser fetches by itself: not what a reader may click.
LOADED = re.compile(r"""<(?:(?:script|img|iframe|source)\b[^>]*\bsrc|link\b[^>]*\bhref)=["'](?P<url>[^"']*)""")
IN_CSS = re.compile(r"""(?:url\(|@import)\s*["']?((?:https?:)?//[^"')\s]+)""")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the pages."""
    to = tmp_path_factory.mktemp("docs")
    options = ["--builder", "html", "--fail-on-warning", "--keep-going", "--nitpicky", "--quiet"]
    build = [sys.executable, "-m", "sphinx", *options, "--doctree-dir", str(to / "trees"), str(DOCS), str(to / "html")]
    result = subprocess.run(build, capture_output=True, text=True, check=False)
    assert (result.stderr, result.returncode) == ("", 0)
    return to / "html"


def test_every_page_is_there(built: Path) -> None:
    pages = {page.relative_to(DOCS).with_suffix("") for page in DOCS.rglob("*.md")}
    assert {page.relative_to(built).with_suffix("") for page in built.rglob("*.html")} >= pages
    assert {len(page.parts) for page in pages} == {1, 2}, "conftest.py looks for examples no deeper"


def test_pages_load_nothing_from_elsewhere(built: Path) -> None:
    loaded = [
        match["url"] for page in built.rglob("*.html") for match in LOADED.finditer(page.read_text(encoding="utf-8"))
    ]
    assert loaded
    assert [url for url in loaded if "//" in url] == []


def test_styles_load_nothing_from_elsewhere(built: Path) -> None:
    styles = [style.read_text(encoding="utf-8") for style in built.rglob("*.css")]
    assert styles
    assert [url for style in styles for url in IN_CSS.findall(style)] == []


def test_docstrings_are_rendered_as_markdown(built: Path) -> None:
    page = (built / "reference" / "layers.html").read_text(encoding="utf-8")
    assert "`" not in re.sub(r"<[^>]+>", "", page)
    assert "<th" in page
    assert 'class="gp"' in page  # the prompt of an example
