"""How much memory does a stored answer take, and how long is its key? An estimate: bytes, and text by its length."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from slixmpp import JID
from slixmpp.xmlstream import ElementBase

if TYPE_CHECKING:
    from slixmpp_middleware.caching.keys import AnswerKey

MAX_KEY: Final = 1024  # bytes; a longer one is a stranger's text, and its answer is not stored

# Measured on CPython 3.11 and 3.13 with tracemalloc (tests/middleware/caching/test_sizes.py): an entry of a store with
# its key, a stanza without elements, an element of its XML with the stanza that slixmpp makes of it, and an attribute.
_ENTRY: Final = 650
_STANZA: Final = 900
_ELEMENT: Final = 210
_ATTRIBUTE: Final = 20


# What is usual comes first, and the types stand in tuples: at each miss a union would be made anew.
_TEXT: Final = (str, bytes)
_SEVERAL: Final = (tuple, frozenset)


def key_bytes(key: AnswerKey) -> int:
    """Return how long the text of a key is that a peer may choose."""
    _, jid, node, ifrom, rest = key
    length = len(jid) if ifrom is None else len(jid) + len(ifrom)
    if node != "":
        length += _length(node)
    return length if rest is None else length + _length(rest)


def answer_bytes(answer: Any) -> int:
    """Return how much memory an answer takes in a store, its entry there included."""
    if answer is None or type(answer) is str:
        return _ENTRY + sys.getsizeof(answer)
    return _ENTRY + _bytes(answer)


def _length(value: Any) -> int:
    if isinstance(value, _TEXT):
        return len(value)
    if isinstance(value, _SEVERAL):
        return sum(map(_length, value))
    return 0 if isinstance(value, type) else sys.getsizeof(value)  # the type of a value is there anyway


def _bytes(value: Any) -> int:
    if isinstance(value, ElementBase):
        return _STANZA + sum(map(_element_bytes, value.xml.iter()))
    if isinstance(value, _SEVERAL):
        return sys.getsizeof(value) + sum(map(_bytes, value))
    return sys.getsizeof(value) + (len(value.full) if isinstance(value, JID) else 0)


def _element_bytes(element: Any) -> int:
    size = _ELEMENT + sum(_ATTRIBUTE + len(name) + sys.getsizeof(value) for name, value in element.attrib.items())
    return size + sum(sys.getsizeof(text) for text in (element.text, element.tail) if text)
