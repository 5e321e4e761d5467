"""The reference has every public name, and a row for each of slixmpp's ops."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from types import ModuleType

import pytest

import slixmpp_inspector
import slixmpp_middleware
import slixmpp_pipeline
from _ext import catalogue, docstrings, links
from slixmpp_pipeline import testing
from slixmpp_pipeline.catalogue.slixmpp_ops import SLIXMPP_OPS

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def documented() -> set[str]:
    """Return what the pages of the reference show by name."""
    text = "".join(page.read_text(encoding="utf-8") for page in REFERENCE.glob("*.md"))
    return set(re.findall(r"^\.\. auto(?:class|data|exception|function):: (\w+)", text, re.MULTILINE))


@pytest.mark.parametrize(
    "module", [slixmpp_pipeline, slixmpp_middleware, slixmpp_inspector, testing], ids=lambda module: module.__name__
)
def test_every_public_name_is_documented(module: ModuleType) -> None:
    assert set(module.__all__) <= documented()


@pytest.mark.parametrize("owner", [slixmpp_pipeline.PipelineRegistry])
def test_every_public_method_is_documented(owner: type) -> None:
    text = (REFERENCE / "registry.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"\.\. auto(?:method|property):: (\w+)", text))
    assert shown == {name for name in vars(owner) if not name.startswith("_")}


def test_every_op_has_a_row() -> None:
    rows = list(catalogue.rows(SLIXMPP_OPS))
    assert [(row[0], row[1]) for row in rows] == [(f"`{ctype}`", f"`{op}`") for ctype, op in SLIXMPP_OPS]


def test_what_every_op_takes_and_gives_has_a_row() -> None:
    page = (REFERENCE / "catalogue.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| `(xep_\d+)` \| `(\w+)` \| [^|]+ \| [^|]+ \|$", page, re.MULTILINE)
    assert shown == list(SLIXMPP_OPS)


@pytest.mark.parametrize(
    ("op", "row"),
    [
        (("xep_0054", "get_vcard"), ("vcard", "", "bare JID", "yes", "yes")),
        (
            ("xep_0030", "add_feature"),
            ("", "info<br>xep_0115 caps<br>items", "all<br>all<br>full JID, node", "", "yes"),
        ),
        (("xep_0047", "authorized_sid"), ("sid", "sid", "full JID, node, `ifrom`", "", "")),
        (
            ("xep_0115", "get_caps"),
            ("caps", "", '`args["verstring"]`', 'yes, by `args["verstring"]`', "yes"),
        ),
        (("xep_0047", "authorized"), ("", "", "", "", "")),
    ],
    ids=lambda value: value[1] if len(value) == 2 else "",
)
def test_a_row_says_what_the_entry_says(op: tuple[str, str], row: tuple[str, ...]) -> None:
    (made,) = catalogue.rows({op: SLIXMPP_OPS[op]})
    assert made[2:] == row


@pytest.mark.parametrize("module", [catalogue, docstrings, links], ids=lambda module: module.__name__)
def test_examples_of_the_build_hold(module: ModuleType) -> None:
    failed, attempted = doctest.testmod(module)
    assert (failed, attempted > 0) == (0, True)
