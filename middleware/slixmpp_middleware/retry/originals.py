"""What was a call given, before an attempt changed it?"""

from __future__ import annotations

import copy
from collections import deque
from typing import Any

from slixmpp import JID
from slixmpp.xmlstream import ElementBase


class NotRepeatable(TypeError):
    """A value that a second attempt cannot get as it was."""


def original(value: Any) -> Any:
    """Return a copy of `value` if a handler may change it: JIDs, stanzas and collections, with their items.

    Other objects are returned as they are. NotRepeatable for an iterator, which can be read once, and for a stanza with
    attributes that a copy would lose. An error that a collection raises when it is copied comes out.

    >>> given = {"features": ["a"]}
    >>> kept = original(given)
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
        return {key: original(each) for key, each in value.items()}
    if kind in (list, tuple):
        return kind(map(original, value))
    if isinstance(value, dict | list | set | bytearray | deque):
        return copy.copy(value)
    if hasattr(kind, "__next__") or hasattr(kind, "__anext__"):
        raise NotRepeatable(f"{kind.__name__} is used up by the first attempt")
    return value


def _copied_stanza(stanza: ElementBase) -> ElementBase:
    copied = copy.copy(stanza)  # from the XML
    if vars(copied).keys() != vars(stanza).keys():
        raise NotRepeatable(f"{type(stanza).__name__} has attributes that are not in its XML")
    return copied
