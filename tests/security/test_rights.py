"""Who is in `jid` and who in `ifrom` when a peer's stanza makes a plugin call; and what of it a layer can refuse."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from slixmpp import JID, ComponentXMPP

from slixmpp_pipeline import Call, install
from slixmpp_pipeline.testing import Recorder
from tests.docs.test_scripts import blocks
from tests.integration.arrangements import Entity, make, register_plugins
from tests.integration.stream import Session
from tests.security.stanzas import EVE, SENT, Sent

DOCS = Path(__file__).parents[2] / "docs"
OF_THE_PAGE = (1, 14)  # before, xep_0050 has no ops, and a probe is answered otherwise
WHOSE = {EVE: "peer", JID(EVE).bare: "the peer's account", "None": "None"}
# Of a gateway and of its own presence, which others answer to, too: not of the stanza alone.
ASIDE = {"xep_0077 user_get: us by None"}


def read(call: Call, me: str) -> str:
    """Return what a call is in the words of the table."""
    jid, ifrom = (WHOSE.get(str(one), "us" if str(one) == me else str(one)) for one in (call.jid, call.ifrom))
    return f"{call.name}: {jid} by {ifrom}"


def expected(sent: Sent, entity: Entity) -> list[str]:
    words = "by None" if entity == "client" else "by us"
    return [made.replace("by us, None on a client", words) for made in sent.made]


@pytest.mark.parametrize("entity", ["component", "client"])
@pytest.mark.parametrize("sent", SENT, ids=lambda sent: sent.what)
async def test_stanza_makes_the_calls_of_the_table(sent: Sent, entity: Entity) -> None:
    if sent.is_of_components and entity == "client":
        pytest.skip("a component alone answers that")
    is_old = tuple(map(int, version("slixmpp").split(".")[:2])) < OF_THE_PAGE
    if is_old and sent.what in {"runs a command", "asks for the presence"}:
        pytest.skip("slixmpp 1.13 has other plugins")
    xmpp, recorder = make(entity), Recorder()
    install(xmpp, recorder)
    register_plugins(xmpp)
    async with Session(xmpp) as session:
        await session.settle()
        recorder.calls.clear()
        session.receive(sent.xml(session.me))
        await session.settle()
        made = [read(call, session.me) for call in recorder.calls]
    assert [one for one in made if one not in ASIDE] == expected(sent, entity)


def test_table_is_that_of_the_page() -> None:
    page = (DOCS / "explanation" / "security.md").read_text(encoding="utf-8")
    rows = [tuple(row) for row in re.findall(r"^\| ([^|]+) \| `<([^>]+)>` \| ([^|]+) \|$", page, re.MULTILINE)]
    assert rows == [(sent.what, sent.kind, "<br>".join(sent.made)) for sent in SENT]


def is_stored_of_eve(call: Call) -> bool:
    return str(call.jid) == EVE and call.op.startswith(("set_", "cache_"))


@pytest.fixture
def layer_of_the_page() -> Any:
    """The layer that the page on authorisation shows."""
    shown = next(block for block in blocks(DOCS / "how-to" / "authorise.md", "python") if "our_data_only" in block)
    source = shown[: shown.index("stored:")].replace("@api.layer()\n", "")
    names: dict[str, Any] = {"Call": Call, "CallNext": Any, "Any": Any}
    exec(source, names)  # our own documentation
    return names["our_data_only"]


@pytest.mark.parametrize(
    "sent", [sent for sent in SENT if any(": peer by" in made and "get_" not in made for made in sent.made)],
    ids=lambda sent: sent.what,
)  # fmt: skip
async def test_layer_of_the_page_lets_no_stranger_write(sent: Sent, layer_of_the_page: Any) -> None:
    recorder = Recorder()
    xmpp = ComponentXMPP("capulet.example", "secret", "localhost", 5347)
    api = install(xmpp)
    register_plugins(xmpp)
    async with Session(xmpp) as session:
        await session.settle()
        api.use(recorder)
        session.receive(sent.xml(session.me))
        await session.settle()
        assert any(
            (str(call.jid) == EVE and "set_" in f"{call.op}_") or call.op == "cache_info" for call in recorder.calls
        )
        api.remove(recorder)
        recorder.calls.clear()
        api.use(layer_of_the_page, recorder)
        session.receive(sent.xml(session.me))
        await session.settle()
    assert [call for call in recorder.calls if is_stored_of_eve(call)] == []
