"""The catalogue holds every op of the installed slixmpp, and no other."""

from __future__ import annotations

import importlib.util
import pkgutil
from typing import Any

import pytest
from slixmpp import ClientXMPP, ComponentXMPP, plugins

from slixmpp_pipeline.catalogue.slixmpp_ops import SLIXMPP_OPS
from tests.catalogue.clients import HAS_COMMAND_OPS, a_call, client, run

# Plugins, none of them with ops, that need what may not be installed.
NEEDS = {"xep_0363": "aiohttp", "xep_0454": "cryptography"}
SINCE_1_14 = {("xep_0050", "get_command"), ("xep_0050", "set_command")}


def registered(xmpp: Any) -> set[tuple[str, str]]:
    """Return the ops for which slixmpp's plugins register a handler: all that it ships, more than its list names."""
    without = {name for name, needed in NEEDS.items() if importlib.util.find_spec(needed) is None}
    without |= {"base", "xep_0078"} if xmpp.is_component else {"base"}  # authentication is a client's, and no op
    for name in sorted({module.name for module in pkgutil.iter_modules(plugins.__path__)} - without):
        xmpp.register_plugin(name)
    return {(ctype, op) for ctype, ops in xmpp.api._handlers.items() for op in ops}


async def test_every_op_of_slixmpp_is_in_the_catalogue_and_no_other() -> None:
    ours = set(SLIXMPP_OPS) - (set() if HAS_COMMAND_OPS else SINCE_1_14)

    theirs = registered(ComponentXMPP("c.x", "", "localhost", 5347))

    assert theirs - ours == set(), "slixmpp has ops that the catalogue lacks"
    assert ours - theirs == set(), "the catalogue has ops that slixmpp lacks"


async def test_client_lacks_only_the_ops_of_components() -> None:
    on_a_client = registered(ClientXMPP("j@x/r1", ""))

    on_a_component = registered(ComponentXMPP("c.x", "", "localhost", 5347))

    assert on_a_client < on_a_component
    assert {ctype for ctype, _ in on_a_component - on_a_client} == {"xep_0077", "xep_0100"}


async def test_only_supports_and_has_identity_are_answered_by_another_plugin() -> None:
    xmpp = client()

    answered_elsewhere = {
        (ctype, op)
        for ctype, ops in xmpp.api._handlers.items()
        for op, levels in ops.items()
        if f".{ctype}." not in f"{type(levels['global'].__self__).__module__}."
    }

    assert answered_elsewhere == {("xep_0030", "supports"), ("xep_0030", "has_identity")}


@pytest.mark.parametrize("op", ["supports", "has_identity"])
async def test_xep_0115_answers_for_xep_0030_and_leaves_its_default_alone(op: str) -> None:
    xmpp = client()

    assert xmpp.api._handlers["xep_0030"][op]["global"].__self__ is xmpp.plugin["xep_0115"].static
    assert xmpp.api._handler_defaults["xep_0030"][op].__self__ is xmpp.plugin["xep_0030"].static


async def test_xep_0115_never_gives_back_what_it_took() -> None:
    xmpp = client()

    xmpp.plugin.disable("xep_0115")

    assert "StaticCaps" in repr(xmpp.api._handlers["xep_0030"]["supports"]["global"])
    assert "supports" in xmpp.api._handlers["xep_0030"]["get_info"]["jid"]  # it gave the op as the JID


async def test_setting_of_one_ctype_moves_the_keys_of_that_ctype_only() -> None:
    # Keys come from the JID that the handler gets: xep_0128 writes elsewhere than xep_0030, though to the same store.
    xmpp = client()
    xmpp.api.settings["xep_0030"]["client_bare"] = True

    await run(xmpp, a_call("xep_0030", "add_feature", args={"feature": "f"}))
    await run(xmpp, a_call("xep_0128", "add_extended_info", args={"data": xmpp.plugin["xep_0004"].make_form()}))

    assert set(xmpp.plugin["xep_0030"].static.nodes) == {("j@x", "", ""), ("j@x/r1", "", "")}
