"""What was a call given, before an attempt changed it?"""

from __future__ import annotations

import copy
from collections import Counter, OrderedDict, UserDict, UserList, defaultdict, deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, MutableMapping, MutableSequence, MutableSet
from typing import Any

from slixmpp import JID, Iq
from slixmpp.xmlstream import ElementBase

from slixmpp_middleware.stanzas import copied_stanza, is_in_xml
from slixmpp_pipeline import is_unchanging

_MAPPINGS = (dict, UserDict)
_SEQUENCES = (list, deque, UserList)
_WITHOUT_MORE = frozenset({dict, list, set, OrderedDict, defaultdict, Counter, deque})


class NotRepeatable(TypeError):
    """A value that a second attempt cannot get as it was."""


def kept(value: Any) -> Callable[[], Any]:
    """Return a function that makes a copy of `value` as it is now, as `original` does; NotRepeatable as there.

    Of most stanzas the XML alone is copied now. To make a stanza takes ten times as long, and few calls are repeated.
    """
    if isinstance(value, ElementBase) and is_in_xml(value):
        kind, xml, parent = type(value), copy.deepcopy(value.xml), value.parent
        return lambda: kind(xml=copy.deepcopy(xml), parent=parent)
    copied = original(value)
    return lambda: original(copied)


def original(value: Any) -> Any:
    """Return a copy of `value` if a handler may change it: JIDs, stanzas and collections, with their items.

    An Iq is the request that the call is part of, and no data: it is returned as it is, and so are other objects.
    NotRepeatable for an iterator or a coroutine, which serve once, for a collection whose copy would share its items
    or lose attributes, and for a stanza with attributes that are not in its XML. An error that a collection raises when
    it is copied comes out.

    >>> given = {"features": ["a"]}
    >>> kept = original(given)
    >>> given["features"].append("b")
    >>> kept
    {'features': ['a']}
    """
    kind = type(value)
    if is_unchanging(value) or isinstance(value, Iq):
        return value
    if isinstance(value, ElementBase):  # before iterators: a stanza has `__next__`, too, and starts anew each time
        return _copied(value)
    if isinstance(value, Iterator | AsyncIterator | Coroutine):
        raise NotRepeatable(f"{kind.__name__} is used up by the first attempt")
    for of, copied in _KINDS:
        if isinstance(value, of):
            return copied(value)
    return value


def _copied(stanza: ElementBase) -> ElementBase:
    try:
        return copied_stanza(stanza)
    except TypeError as error:
        raise NotRepeatable(str(error)) from error


def _tuple(value: tuple[Any, ...]) -> Any:
    items = list(map(original, value))
    if all(one is other for one, other in zip(items, value, strict=True)):
        return value
    if type(value) is tuple:
        return tuple(items)
    if hasattr(value, "_make") and not getattr(value, "__dict__", None):
        return value._make(items)
    raise NotRepeatable(f"{type(value).__name__} is a tuple of another kind, with items that may change")


def _collection(value: Any) -> Any:
    """Return a copy of a collection that can change, with copies of its items."""
    kind = type(value)
    copied = copy.copy(value)
    own = {"data"} if isinstance(value, UserDict | UserList) else set()  # in which these keep their items
    if kind not in _WITHOUT_MORE and getattr(value, "__dict__", {}).keys() - own:
        raise NotRepeatable(f"{kind.__name__} has attributes, which its copies would share")
    if isinstance(value, _MAPPINGS):
        for key, item in value.items():
            copied[key] = original(item)
    elif isinstance(value, _SEQUENCES):
        for index, item in enumerate(value):
            copied[index] = original(item)
    elif isinstance(value, set):
        copied.clear()
        copied.update(map(original, value))
    else:
        raise NotRepeatable(f"{kind.__name__} may change, and its copies may share what it has")
    return copied


_KINDS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (JID, JID),
    (tuple, _tuple),
    (frozenset, lambda items: frozenset(map(original, items))),
    (bytearray, bytearray),
    (MutableMapping | MutableSequence | MutableSet, _collection),
)
