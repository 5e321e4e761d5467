"""How does an argument become a JID of our own?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slixmpp import JID
from slixmpp.jid import InvalidJID


def parse_jid(value: JID | str, name: str = "jid") -> JID:
    """Return a new JID for a JID or a string (RFC 7622); `name` is the argument that an error names.

    A JID is mutable and hashes by value, so what is stored is always a copy. TypeError for any other type, and
    `slixmpp.jid.InvalidJID`, a ValueError, for a malformed string.

    >>> parse_jid("Romeo@Montague.example").bare
    'romeo@montague.example'
    """
    if not isinstance(value, JID | str):
        raise TypeError(f"{name}: {value!r} is {type(value).__name__}; a JID or a string is allowed")
    try:
        return JID(value)
    except ValueError as error:  # text that cannot be encoded raises another one than InvalidJID
        raise InvalidJID(f"{name}: {value!r} is not a JID: {error}") from error


def target_jid(jid: JID | str | None, xmpp: Any, settings: Mapping[str, Any] | None) -> JID:
    """Return the JID that a handler gets for `jid`: bare if the `settings` of its ctype say so for the client `xmpp`.

    None means the client's own JID.
    """
    target = parse_jid(jid or xmpp.boundjid)
    if settings and settings.get("component_bare" if xmpp.is_component else "client_bare"):
        return JID(target.bare)
    return target
