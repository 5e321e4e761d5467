"""How is a stanza copied with all that it has, and without anybody noticing?"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from slixmpp.xmlstream import ElementBase, StanzaBase

from slixmpp_pipeline import is_unchanging

# What slixmpp itself keeps in each stanza: it is made from the XML, or says where the stanza belongs.
_OF_ELEMENTS = frozenset({"_index", "iterables", "loaded_plugins", "parent", "plugins", "tag", "xml"})
_OF_STANZAS = _OF_ELEMENTS | {"namespace", "stream"}


def copied_stanza(stanza: ElementBase) -> ElementBase:
    """Return a copy of `stanza`, with attributes that are not in its XML if their values never change.

    TypeError for other attributes. No id is drawn from the stream for a copy. A class of stanzas that cannot be made
    from XML raises an error of its own.
    """
    copied = _from_xml(stanza)
    for one, other in _pairs(stanza, copied):
        if other is not None and type(one) is not type(other):
            raise TypeError(f"{type(one).__name__} is inside, and its XML is that of a {type(other).__name__}")
        for name, value in _more(one, other).items():
            if other is None or not is_unchanging(value):
                raise TypeError(f"{type(one).__name__} has attributes that are not in its XML: {name}")
            setattr(other, name, value)
    return copied


def is_in_xml(stanza: ElementBase) -> bool:
    """Whether all of a stanza, and of each inside it, is in its XML; in doubt not, as of a whole one (an Iq).

    What is inside is made again of the XML only where its class is the one that is registered.
    """
    if not vars(stanza).keys() <= _OF_ELEMENTS:
        return False
    by_name: dict[str, Any] = stanza.plugin_attrib_map
    by_tag: dict[str, Any] = stanza.plugin_tag_map
    inside = [(by_name.get(name), part) for (name, _), part in stanza.plugins.items()]  # a plugin may be of a language
    inside += [(by_tag.get(part.tag), part) for part in stanza.iterables]
    return all(type(part) is kind and is_in_xml(part) for kind, part in inside)


def _from_xml(stanza: ElementBase) -> ElementBase:
    if not isinstance(stanza, StanzaBase):
        return copy.copy(stanza)
    return type(stanza)(stream=stanza.stream, xml=copy.deepcopy(stanza.xml), recv=True)


def _pairs(stanza: ElementBase, copied: ElementBase | None) -> Iterator[tuple[ElementBase, ElementBase | None]]:
    """Iterate over `stanza` and the stanzas inside it, each with its copy, or None."""
    yield stanza, copied
    for name, inside in stanza.plugins.items():
        yield from _pairs(inside, None if copied is None else copied.plugins.get(name))
    for index, inside in enumerate(stanza.iterables):
        there = [] if copied is None else copied.iterables
        yield from _pairs(inside, there[index] if index < len(there) else None)
    if copied is not None and len(copied.iterables) != len(stanza.iterables):
        raise TypeError(f"{type(stanza).__name__} has parts inside that its XML does not lead to")


def _more(stanza: ElementBase, copied: ElementBase | None) -> dict[str, Any]:
    """Return the attributes of `stanza` that its copy has not, or has with another value.

    An empty stanza has no copy: slixmpp makes it anew when somebody asks for it.
    """
    known = _OF_STANZAS if isinstance(stanza, StanzaBase) else _OF_ELEMENTS
    there = {} if copied is None else vars(copied)
    return {
        name: value
        for name, value in vars(stanza).items()
        if name not in known and not (name in there and _is_equal(value, there[name]))
    }


def _is_equal(one: Any, other: Any) -> bool:
    return one is other or (type(one) is type(other) and bool(one == other))
