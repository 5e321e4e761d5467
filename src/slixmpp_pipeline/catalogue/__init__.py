"""What does each op read and write, and may it be cached or repeated?

Read `entry` first (what can be said of an op), then `keys` (which entry of a resource a call means), `values` (what
stands for a key that may change) and `slixmpp_ops` (the entries of slixmpp's own ops).
"""

from slixmpp_pipeline.catalogue.entry import Entry, Resource
from slixmpp_pipeline.catalogue.keys import (
    Key,
    arg,
    args,
    bare_jid,
    every,
    full_jid,
    jid_and_node,
    requester,
    sender,
    session,
)

__all__ = [
    "Entry",
    "Key",
    "Resource",
    "arg",
    "args",
    "bare_jid",
    "every",
    "full_jid",
    "jid_and_node",
    "requester",
    "sender",
    "session",
]
