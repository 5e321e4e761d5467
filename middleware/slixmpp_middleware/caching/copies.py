"""Which answers can be copied? A copy is stored, and a copy is handed out."""

from __future__ import annotations

from typing import Any

from slixmpp import JID, Iq
from slixmpp.xmlstream import ElementBase

from slixmpp_middleware.stanzas import copied_stanza
from slixmpp_pipeline import is_unchanging


class Uncopyable(TypeError):
    """A value that cannot be stored: no copy of it can be made, or it is the reply to one request only."""


def stored_copy(value: Any) -> Any:
    """Return `value`, or a copy of it if it can change.

    Uncopyable for an Iq and for other types; TypeError for a stanza with attributes that change and are not in its XML.

    >>> stored_copy(("sha1", 1, None))
    ('sha1', 1, None)
    """
    if is_unchanging(value):
        return value
    if type(value) is tuple:
        return tuple(map(stored_copy, value))
    if type(value) is frozenset:
        return frozenset(map(stored_copy, value))
    if type(value) is JID:
        return JID(value)
    if isinstance(value, ElementBase) and not isinstance(value, Iq):
        return copied_stanza(value)
    raise Uncopyable(f"{type(value).__name__} is not stored by caches")


def own_copy(stored: Any) -> Any:
    """Return a stored answer for a caller, who may change it."""
    return stored if is_unchanging(stored) else stored_copy(stored)
