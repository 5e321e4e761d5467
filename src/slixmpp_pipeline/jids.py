"""How does an argument become a JID of our own?"""

from __future__ import annotations

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
    except InvalidJID as error:
        raise InvalidJID(f"{name}: {value!r} is not a JID: {error}") from error
