"""What an attempt may change, as it was before the attempt."""

from __future__ import annotations

import copy
from collections import deque
from typing import Any

from slixmpp import JID
from slixmpp.xmlstream import ElementBase


class Spent(TypeError):
    """A value that would not be the same for a second attempt, and that nobody can copy."""


def pristine(value: Any) -> Any:
    """Return a copy of what a handler may change: JIDs, stanzas and collections, and what is in them.

    Other objects are returned as they are. Spent for an iterator, which is used up, and for a stanza whose copy would
    lose what an application hung on it; whatever a collection raises that cannot be copied.

    >>> given = {"features": ["a"]}
    >>> kept = pristine(given)
    >>> given["features"].append("b")
    >>> kept
    {'features': ['a']}
    """
    kind = type(value)
    if isinstance(value, JID):
        return JID(value)
    if isinstance(value, ElementBase):  # before iterators: a stanza has `__next__`, too, and starts anew each time
        return _copied_stanza(value)
    if kind is dict:
        return {key: pristine(each) for key, each in value.items()}
    if kind in (list, tuple):
        return kind(map(pristine, value))
    if isinstance(value, dict | list | set | bytearray | deque):
        return copy.copy(value)
    if hasattr(kind, "__next__") or hasattr(kind, "__anext__"):
        raise Spent(f"{kind.__name__} is used up by the first attempt")
    return value


def _copied_stanza(stanza: ElementBase) -> ElementBase:
    copied = copy.copy(stanza)  # from the XML
    if vars(copied).keys() != vars(stanza).keys():
        raise Spent(f"{type(stanza).__name__} has attributes that are not in its XML")
    return copied
