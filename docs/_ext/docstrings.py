"""Docstrings are Markdown: autodoc hands each to MyST, as it does the pages, with its examples as code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from docutils.utils import new_document
from myst_parser.parsers.sphinx_ import MystParser
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from docutils import nodes
    from sphinx.application import Sphinx


_URL = re.compile(r"(?<![<(])https?://[^\s)>]*[^\s)>.,:;]")


class MarkdownDirective(SphinxDirective):
    """Parse the content as Markdown, wherever the directive stands."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return what the content says."""
        document = new_document(self.get_location(), self.state.document.settings)
        MystParser().parse("\n".join(self.content), document)
        return list(document.children)


def to_markdown(lines: Iterable[str]) -> Iterator[str]:
    """Iterate over the lines of a docstring as Markdown: with a fence around each example, since there `>>>` quotes.

    URLs become links.

    >>> list(to_markdown(["Add.", "", ">>> 1 + 1", "2"]))
    ['Add.', '', '```pycon', '>>> 1 + 1', '2', '```']
    """
    is_inside = False
    for line in lines:
        if not is_inside and line.lstrip().startswith(">>>"):
            is_inside = True
            yield "```pycon"
        elif is_inside and not line.strip():
            is_inside = False
            yield "```"
        yield line if is_inside else _URL.sub(r"<\g<0>>", line)
    if is_inside:
        yield "```"


def to_directive(_app: Sphinx, _what: str, _name: str, _found: object, _options: object, lines: list[str]) -> None:
    """Put a docstring into a directive, for autodoc, which writes reStructuredText."""
    if any(line.strip() for line in lines):
        lines[:] = [".. markdown::", "", *(f"   {line}" for line in to_markdown(lines)), ""]


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx."""
    app.add_directive("markdown", MarkdownDirective)
    app.connect("autodoc-process-docstring", to_directive)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
