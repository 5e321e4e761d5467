"""The catalogue's table is made of the catalogue: `{slixmpp-ops}` is a row for each of slixmpp's ops."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from docutils.nodes import container
from sphinx.util.docutils import SphinxDirective

from slixmpp_pipeline import catalogue
from slixmpp_pipeline.catalogue import slixmpp_ops

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from docutils import nodes
    from sphinx.application import Sphinx

    from slixmpp_pipeline import Entry

_HEADINGS = ("ctype", "op", "reads", "writes", "key", "cacheable", "repeatable")

_KEYS: dict[catalogue.Key, str] = {
    catalogue.every: "all",
    catalogue.full_jid: "full JID",
    catalogue.bare_jid: "bare JID",
    catalogue.jid_and_node: "full JID, node",
    catalogue.session: "full JID, node, `ifrom`",
    catalogue.requester: "bare JID of `ifrom`",
    catalogue.sender: "sender of the stanza in `args`",
    catalogue.args: "`args`",
}


def said(key: catalogue.Key) -> str:
    """Return what a key is made of, in words.

    >>> said(catalogue.bare_jid), said(catalogue.arg("cid"))
    ('bare JID', '`args["cid"]`')
    """
    return _KEYS.get(key) or '`args["{name}"]`'.format(**inspect.getclosurevars(key).nonlocals)


def rows(ops: Mapping[tuple[str, str], Entry]) -> Iterator[tuple[str, ...]]:
    """Iterate over the table's rows; what has several resources has as many lines, and one key if all have the same."""
    for (ctype, op), entry in ops.items():
        touched = (*entry.reads, *entry.writes)
        keys = [said(key) for _, key in touched]
        cacheable = "yes" if entry.cacheable else ""
        if entry.vary_by is not None:
            cacheable += f", by {said(entry.vary_by)}"
        yield (
            f"`{ctype}`",
            f"`{op}`",
            _lines(ctype, entry.reads),
            _lines(ctype, entry.writes),
            "<br>".join(keys if len(set(keys)) > 1 else keys[:1]),
            cacheable,
            "yes" if entry.repeatable else "",
        )


def table(ops: Mapping[tuple[str, str], Entry]) -> str:
    """Return the table as Markdown."""
    lines = [_HEADINGS, ("-",) * len(_HEADINGS), *rows(ops)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _lines(ctype: str, touched: Iterable[tuple[catalogue.Resource, catalogue.Key]]) -> str:
    """Return the data that an op touches, and the plugin that keeps it where that is another one."""
    return "<br>".join(one.name if one.ctype == ctype else f"{one.ctype} {one.name}" for one, _ in touched)


class OpsTable(SphinxDirective):
    """The table, on a Markdown page."""

    def run(self) -> list[nodes.Node]:
        """Return it; the page is made anew when the catalogue changes."""
        for module in (catalogue.Entry, catalogue.full_jid, slixmpp_ops):
            self.env.note_dependency(inspect.getfile(module))
        made = self.parse_text_to_nodes(table(slixmpp_ops.SLIXMPP_OPS))
        return [container("", *made, classes=["ops"])]


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx."""
    app.add_directive("slixmpp-ops", OpsTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
