"""Which entry of a resource does a call mean?"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeAlias

from slixmpp import JID

from slixmpp_pipeline.call import Call
from slixmpp_pipeline.handlers.registrations import require_text

Key: TypeAlias = Callable[[Call], Hashable]
"""Which entry of a resource a call means: two calls mean the same one if their keys are equal."""


def every(_call: Call) -> Hashable:
    """Mean all entries at once: nothing in the call tells which one. The key is `every` itself."""
    return every


def full_jid(call: Call) -> Hashable:
    """Mean the data of the JID, resource included."""
    return call.jid.full


def bare_jid(call: Call) -> Hashable:
    """Mean the data of the account: the resource of the JID does not matter."""
    return call.jid.bare


def jid_and_node(call: Call) -> Hashable:
    """Mean the data of a node of the JID."""
    return call.jid.full, call.node


def session(call: Call) -> Hashable:
    """Mean the data of a JID, a session (the node) and a peer (`ifrom`)."""
    return call.jid.full, call.node, str(call.ifrom or "")


def requester(call: Call) -> Hashable:
    """Mean the data of the account that asks."""
    return JID(call.ifrom).bare


def sender(call: Call) -> Hashable:
    """Mean the data of the account that sent the stanza in `args`."""
    return call.args["from"].bare  # type: ignore[no-any-return]  # a stanza is untyped


def args(call: Call) -> Hashable:
    """Mean the data that `args` names."""
    return call.args  # type: ignore[no-any-return]  # args are whatever the op takes


def arg(name: str) -> Key:
    """Mean what `args[name]` names; TypeError if `name` is no string.

    >>> bob = {"cid": "sha1+1@bob.xmpp.org"}
    >>> arg("cid")(Call("xep_0231", "set_bob", JID("a@b"), "", None, bob))
    'sha1+1@bob.xmpp.org'
    """
    require_text(name, "name")

    def key(call: Call) -> Hashable:
        return call.args[name]  # type: ignore[no-any-return]  # args are whatever the op takes

    key.__qualname__ = f"arg({name!r})"  # as lint() calls it
    return key
