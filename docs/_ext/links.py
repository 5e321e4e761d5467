"""A public name in code type is a link to its reference, on every page and in every docstring."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util.nodes import make_refnode

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_MODULES = (
    "slixmpp_pipeline",
    "slixmpp_inspector",
    "slixmpp_middleware",
    "slixmpp_pipeline.testing",
    "slixmpp_pipeline.catalogue",
    "slixmpp_pipeline.layers.layer",
    "slixmpp_pipeline.handlers.found",
)
_NAME = re.compile(r"(?P<api>api\.)?(?P<name>[A-Za-z_][\w.]*)(\(.*\))?")
_COMMON = frozenset({"arg", "args", "every", "sender", "session", "requester"})  # functions, and words for other things


def meant(code: str) -> str | None:
    """Return the name that `code` may be about: what is called, and on an `api` the registry's method.

    >>> meant("Timeout(0.5)"), meant("api.use(...)"), meant("1 + 1")
    ('Timeout', 'PipelineRegistry.use', None)
    """
    match = _NAME.fullmatch(code)
    if match is None or match["name"] in _COMMON:
        return None
    return f"PipelineRegistry.{match['name']}" if match["api"] else match["name"]


def link_names(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put a reference around each name that has one, but for a heading's and an object's own."""
    known = app.env.domains.python_domain.objects
    for literal in list(doctree.findall(nodes.literal)):
        name = meant(literal.astext())
        if name is None or isinstance(literal.parent, nodes.reference | nodes.title):
            continue
        described, is_class = _described_around(literal)
        prefixes = (described, *_MODULES) if is_class else _MODULES  # a class's text may name its methods
        found = next((known[full] for prefix in prefixes if (full := f"{prefix}.{name}") in known), None)
        if found is not None and found.node_id != described:
            literal.replace_self(
                make_refnode(app.builder, docname, found.docname, found.node_id, literal.deepcopy(), name)
            )


def _described_around(node: Any) -> tuple[str, bool]:
    """Return the full name of the object that `node` is part of the description of, and whether it is a class."""
    while node is not None:
        if node.tagname == "desc":
            return next(iter(node[0]["ids"]), ""), node["objtype"] == "class"
        node = node.parent
    return "", False


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx."""
    app.connect("doctree-resolved", link_names)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
