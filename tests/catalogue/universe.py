"""A small universe: every call of a few JIDs, nodes, requesters and arguments, and states to make them from."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any, Final

from slixmpp import JID

from slixmpp_pipeline import Call
from slixmpp_pipeline.catalogue.slixmpp_ops import SLIXMPP_OPS
from tests.catalogue.arguments import ACCOUNTS, arguments
from tests.catalogue.clients import client, run, show

STATES: Final = ("empty", "filled", "caps announced")
WRITTEN_BY: Final = ("j@x/r1", "j@x")
IFROMS: Final = (None, "c@y/z")

# How a state is filled: whole entries before parts of them.
_FILLING: Final = (
    "set_last_activity",
    "set_keyid",
    "set_info",
    "cache_info",
    "add_feature",
    "add_identity",
    "set_items",
    "add_item",
    "add_extended_info",
    "set_stream",
    "preauthorize_sid",
    "set_command",
    "set_vcard",
    "add_pending",
    "cache_caps",
    "assign_verstring",
    "set_hash",
    "set_bob",
    "set_idle",
    "user_validate",
)
# Not asked: what changes what it reads, or runs other ops, or replies to an Iq.
_NOT_ASKED: Final = {"supports", "has_identity", "make_registration_form", "search_get_form", "search_query"}
_READS: Final = tuple(
    key for key, entry in SLIXMPP_OPS.items() if (entry.reads or not entry.writes) and key[1] not in _NOT_ASKED
)
_STORES: Final = {
    "xep_0012": "_last_activities",
    "xep_0027": "_keyids",
    "xep_0047": "_streams",
    "xep_0050": "commands",
    "xep_0054": "_vcard_cache",
    "xep_0077": "_user_store",
    "xep_0095": "_pending",
    "xep_0153": "_hashes",
    "xep_0231": "_cids",
    "xep_0319": "_idle_stamps",
}


def make_client(component: bool) -> Any:
    """Return a client or component with every op, whose peer is at hand: it asks nobody and sends nothing."""
    xmpp = client(component=component)

    async def get_vcard(_jid: Any, ifrom: Any = None) -> Any:  # what reset_hash asks for
        iq = xmpp.Iq()
        iq["vcard_temp"]["PHOTO"]["BINVAL"] = b"photo"
        return iq

    xmpp.plugin["xep_0054"].get_vcard = get_vcard
    xmpp.send = lambda *_args, **_options: None
    return xmpp


def written_ops(xmpp: Any) -> list[tuple[str, str]]:
    """Return the ops that write, and of a component only those that a client has not."""
    on_a_component = {"xep_0077"} if xmpp.is_component else None
    return [
        (ctype, op)
        for (ctype, op), entry in SLIXMPP_OPS.items()
        if entry.writes and ctype != "xep_0100" and _has(xmpp, ctype, op)
        if on_a_component is None or ctype in on_a_component
    ]


def writes(xmpp: Any, ctype: str, op: str, word: str = "new", jids: Iterable[str] = WRITTEN_BY) -> list[Call]:
    """Return the calls of an op that writes; `word` is in what they write."""
    requesters: tuple[str | None, ...] = ACCOUNTS if op == "user_validate" else IFROMS
    return _calls(ctype, op, jids, ("", "n"), requesters, arguments(xmpp, op, word))


def reads(xmpp: Any) -> list[Call]:
    """Return every read; those of info also for the nodes at which announced caps are found."""
    caps_nodes = {node for _, node, _ in xmpp.plugin["xep_0030"].static.nodes if "#" in node}
    return [
        call
        for ctype, op in _READS
        if _has(xmpp, ctype, op)
        for call in _calls(
            ctype,
            op,
            ACCOUNTS,
            ("", "n", *sorted(caps_nodes)) if op == "get_info" else ("", "n"),
            IFROMS,
            arguments(xmpp, op, "new"),
        )
    ]


async def make_state(xmpp: Any, state: str) -> None:
    """Bring the client into one of STATES; announcing caps makes one object the info of two nodes and the caps."""
    _forget(xmpp)
    if state == "empty":
        return
    for filling in _FILLING:
        for ctype, op in SLIXMPP_OPS:
            if op == filling and _has(xmpp, ctype, op):
                for call in writes(xmpp, ctype, op, "old"):
                    await run(xmpp, call)
    if state == "caps announced":
        await xmpp.plugin["xep_0115"].update_caps(jid=JID("j@x/r1"), broadcast=False)


async def look(xmpp: Any, calls: Iterable[Call]) -> list[Any]:
    """Return what the calls answer, in their order; tokens that they take are put back."""
    return [await _look(xmpp, call) for call in calls]


async def _look(xmpp: Any, call: Call) -> Any:
    kept = xmpp.plugin[call.ctype]._preauthed_sids if call.op == "authorized_sid" else {}
    tokens = dict(kept)
    answer = await run(xmpp, call)
    kept.update(tokens)
    return show(answer)


def _has(xmpp: Any, ctype: str, op: str) -> bool:
    return op in xmpp.api._handlers.get(ctype, {})


def _forget(xmpp: Any) -> None:
    for name, store in _STORES.items():
        getattr(xmpp.plugin[name], store, {}).clear()
    for name in ("xep_0047", "xep_0065"):
        xmpp.plugin[name]._preauthed_sids.clear()
    xmpp.plugin["xep_0030"].static.nodes.clear()
    xmpp.plugin["xep_0115"].static.jid_vers.clear()
    xmpp.plugin["xep_0115"].cache.cache.clear()


def _calls(
    ctype: str, op: str, jids: Iterable[str], nodes: Iterable[str], ifroms: Iterable[str | None], args: list[Any]
) -> list[Call]:
    if ctype == "xep_0077":  # a user is known by a stanza, or by who asks
        jids, nodes = ["c.x"], [""]
    return [
        Call(ctype, op, JID(jid), node, ifrom if ifrom is None else JID(ifrom), one)
        for jid, node, ifrom, one in itertools.product(jids, nodes, ifroms, args)
    ]
