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


def key_bytes(key: AnswerKey) -> int:
    """Return how long the text of a key is that a peer may choose."""
    _, jid, node, ifrom, rest = key
    return len(jid) + _length(node) + (0 if ifrom is None else len(ifrom)) + (0 if rest is None else _length(rest))


def answer_bytes(answer: Any) -> int:
    """Return how much memory an answer takes in a store, its entry there included."""
    return _ENTRY + _bytes(answer)


def _length(value: Any) -> int:
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, tuple | frozenset):
        return sum(map(_length, value))
    return 0 if isinstance(value, type) else sys.getsizeof(value)  # the type of a value is there anyway


def _bytes(value: Any) -> int:
    if isinstance(value, ElementBase):
        return _STANZA + sum(map(_element_bytes, value.xml.iter()))
    if isinstance(value, tuple | frozenset):
        return sys.getsizeof(value) + sum(map(_bytes, value))
    return sys.getsizeof(value) + (len(value.full) if isinstance(value, JID) else 0)


def _element_bytes(element: Any) -> int:
    size = _ELEMENT + sum(_ATTRIBUTE + len(name) + sys.getsizeof(value) for name, value in element.attrib.items())
    return size + sum(sys.getsizeof(text) for text in (element.text, element.tail) if text)
