"""Which answers can be copied? A copy is stored, and a copy is handed out."""

from __future__ import annotations

import copy
from datetime import date, datetime, time, timedelta, tzinfo
from enum import Enum
from typing import Any

from slixmpp import JID, Iq
from slixmpp.xmlstream import ElementBase

_UNCHANGING = frozenset({bool, int, float, str, bytes, datetime, date, time, timedelta, type(None)})


class Uncopyable(TypeError):
    """A value that cannot be stored: no copy of it can be made, or it is the reply to one request only."""


def stored_copy(value: Any) -> Any:
    """Return `value`, or a copy of it if it can change.

    Uncopyable for an Iq, for a stanza with attributes that are not in its XML, and for other types.

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
        copied = copy.copy(value)  # made from the XML: attributes that an application set are not there
        if vars(copied).keys() == vars(value).keys():
            return copied
    raise Uncopyable(f"{type(value).__name__} is not stored by caches")


def own_copy(stored: Any) -> Any:
    """Return a stored answer for a caller, who may change it."""
    return stored if is_unchanging(stored) else stored_copy(stored)


def is_unchanging(value: Any) -> bool:
    """Whether `value` never changes."""
    return type(value) in _UNCHANGING or isinstance(value, Enum | tzinfo)
