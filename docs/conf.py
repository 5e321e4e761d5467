"""How is the documentation built? By Sphinx from Markdown, without network; no page loads anything from elsewhere."""

from __future__ import annotations

import re
import sys
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent))

project = "slixmpp-pipeline"
release = version = installed_version(project)
html_title = f"{project} {release}"
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False

extensions = ["myst_parser", "sphinx.ext.autodoc", "_ext.docstrings", "_ext.links", "_ext.catalogue"]
exclude_patterns = ["demo", "_ext"]
myst_heading_anchors = 3  # [text](page.md#a-heading) works, and -W finds a broken one

# A page shows what a person types: no module names, types as they are imported, one argument a line where it gets long.
add_module_names = False
python_use_unqualified_type_names = True
python_display_short_literal_types = True
python_maximum_signature_line_length = 100
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
toc_object_entries_show_parents = "hide"

# `-n` complains of every name that is no link. These are other projects', whose documentation is not at hand when there
# is no network, type variables, and what `Call.found` holds. No public name of ours is ever to be listed here.
nitpick_ignore_regex = [
    ("py:.*", r"(_?asyncio|collections|contextlib|enum|types|typing|builtins|weakref)\..+"),
    ("py:.*", r"(slixmpp|opentelemetry)\..+"),
    ("py:.*", r"(slixmpp_pipeline\.\w+\.)?_[LT]"),
    ("py:class", r"AbstractContextManager|Found|Future|JID|(os\.)?PathLike"),
]

_NOT_MADE_BY_HAND = frozenset(
    {"Explanation", "Finding", "Layer", "PipelineWrapper", "Reached", "Route", "Statistics", "Tier", "Writer"}
)


def setup(app: Sphinx) -> None:
    """Show what a person would write as arguments, and none of what nobody makes by hand."""

    def arguments(
        _app: Sphinx, what: str, name: str, _found: object, _options: object, signature: str | None, result: str | None
    ) -> tuple[str, str | None] | None:
        if signature is None:
            return None
        if what == "class" and name.rpartition(".")[2] in _NOT_MADE_BY_HAND:
            return "", None
        return re.sub(r"<(?:built-in )?(?:function|method) (\w+)[^>]*>", r"\1", signature), result

    app.connect("autodoc-process-signature", arguments)
