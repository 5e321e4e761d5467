"""Clients that never connect, with slixmpp's own registry and default handlers, and calls of their ops."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import slixmpp
from slixmpp import JID, ClientXMPP, ComponentXMPP
from slixmpp.exceptions import XMPPError
from slixmpp.plugins.xep_0030 import DiscoInfo
from slixmpp.plugins.xep_0054 import VCardTemp
from slixmpp.plugins.xep_0231 import BitsOfBinary
from slixmpp.xmlstream import ElementBase, tostring

from slixmpp_pipeline import Call
from slixmpp_pipeline.catalogue.slixmpp_ops import SLIXMPP_OPS
from tests.catalogue.covers import covers

# Since 1.14 xep_0050 keeps its commands behind two ops.
HAS_COMMAND_OPS: Final = tuple(map(int, slixmpp.__version__.split(".")[:2])) >= (1, 14)


def client(*plugins: str, component: bool = False) -> Any:
    """Return a client or a component with `plugins`; none named: all that have ops."""
    xmpp: Any = ComponentXMPP("c.x", "", "localhost", 5347) if component else ClientXMPP("j@x/r1", "")
    for name in plugins or sorted({ctype for ctype, _ in SLIXMPP_OPS}):
        if component or name != "xep_0100":  # a gateway is a component
            xmpp.register_plugin(name)
    return xmpp


def a_call(
    ctype: str, op: str, jid: str = "j@x/r1", node: str = "", ifrom: str | None = None, args: Any = None
) -> Call:
    """Return the call as a handler gets it."""
    return Call(ctype, op, JID(jid), node, ifrom if ifrom is None else JID(ifrom), args)


async def run(xmpp: Any, call: Call) -> Any:
    """Run the call; what it raises is its result."""
    try:
        return await xmpp.api.run(*call[:6])
    except Exception as error:
        return error


async def changed(xmpp: Any, write: Call, reads: Mapping[str, Call]) -> set[str]:
    """Run `write`; return the names of the reads that answer otherwise after it, which the catalogue must know."""
    before = {name: show(await run(xmpp, read)) for name, read in reads.items()}
    await run(xmpp, write)
    after = {name: show(await run(xmpp, read)) for name, read in reads.items()}
    different = {name for name in reads if before[name] != after[name]}
    assert different <= said(write, reads)
    return different


def said(write: Call, reads: Mapping[str, Call]) -> set[str]:
    """Return the names of the reads that `write` touches, as the catalogue says."""
    entry = SLIXMPP_OPS[write.ctype, write.op]
    return {name for name, read in reads.items() if covers(entry, write, SLIXMPP_OPS[read.ctype, read.op], read)}


def show(value: Any) -> Any:  # noqa: PLR0911  one kind of value after another
    """Return a snapshot of an answer, which later changes leave alone."""
    if isinstance(value, slixmpp.Iq) and (last := value.get_plugin("last_activity", check=True)) is not None:
        return last["seconds"] // 100, last["status"]  # its clock goes on
    if isinstance(value, slixmpp.Iq):  # ids are random
        return [tostring(child) for child in value.xml]
    if isinstance(value, DiscoInfo):
        return str(value), sorted(map(str, value["identities"])), sorted(value["features"]), len(value.iterables)
    if isinstance(value, ElementBase):
        return str(value)
    if isinstance(value, XMPPError):
        return type(value), value.condition
    if isinstance(value, BaseException):
        return type(value), str(value)
    if isinstance(value, dict):
        return sorted((str(key), str(one)) for key, one in value.items())
    return value if value is None or isinstance(value, bool | str | tuple | datetime) else repr(value)


def vcard(name: str) -> VCardTemp:
    """Return a vCard of somebody with this name."""
    card = VCardTemp()
    card["FN"] = name
    return card


def info(*features: str) -> DiscoInfo:
    """Return what says that these features are there."""
    made = DiscoInfo()
    for feature in features:
        made.add_feature(feature)
    return made


def bob(cid: str, content: bytes = b"old") -> BitsOfBinary:
    """Return bits of binary."""
    made = BitsOfBinary()
    made["cid"], made["data"], made["type"] = cid, content, "text/plain"
    return made


def form(xmpp: Any, kind: str = "urn:form") -> Any:
    """Return a data form, as extended info is."""
    made = xmpp.plugin["xep_0004"].make_form("result")
    made.add_field("FORM_TYPE", ftype="hidden", value=kind)
    return made


def registration(xmpp: Any, jid: str, password: str = "old") -> Any:
    """Return an Iq with which `jid` registers."""
    iq = xmpp.Iq()
    iq["type"], iq["from"], iq["to"], iq["id"] = "set", jid, "c.x", "1"
    iq["register"]["username"], iq["register"]["password"] = "name", password
    return iq
