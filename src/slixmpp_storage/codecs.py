"""How is a value written as text and read back? By a codec: `Xml` of a stanza class, `Json`, or `Date`."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Protocol

from slixmpp.xmlstream import ET, ElementBase

from slixmpp_storage.store import StoreError

if TYPE_CHECKING:
    from slixmpp.types import ErrorTypes

    from slixmpp_storage.store import Place

MAX_BYTES: Final = 1_000_000  # of a value, in UTF-8
MAX_KEY_BYTES: Final = 2_000  # in UTF-8; a row of an index in PostgreSQL has 2,704 bytes at most
MAX_DEPTH: Final = 200  # elements in each other, or lists and dicts: what reads them back may recurse

# https://www.w3.org/TR/xml/#charsets; what is not in it no parser takes, not even as `&#0;`. Lone surrogates are not.
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Unstorable(ValueError):
    """A value that cannot be stored, told before anything has changed. `str()` says why.

    xep_0077 sends a ValueError's `args` to the peer: they are one sentence that says nothing of the value.

    >>> error = Unstorable("VCardTemp: character U+0000 is forbidden in XML")
    >>> print(error, error.args)
    VCardTemp: character U+0000 is forbidden in XML ('The value cannot be stored.',)
    """

    def __init__(self, detail: str) -> None:
        super().__init__("The value cannot be stored.")
        self.detail = detail

    def __str__(self) -> str:
        return self.detail

    def __reduce__(self) -> tuple[type[Unstorable], tuple[str]]:
        return type(self), (self.detail,)


class CorruptValue(StoreError):
    """A text in the store is not a value of its shelf. It stays there; `str()` names owner, resource and key.

    The peer's error is of type `cancel`, so `Retry` does not repeat the call.

    >>> CorruptValue("a@b.example: xep_0054/vcard of c@d.example: not XML").etype
    'cancel'
    """

    peer_type: ErrorTypes = "cancel"


class Codec(Protocol):
    """Turns a value into text and back. What is read back compares equal, and nobody else has it.

    An object with these two methods is a codec:

    >>> class Plain:
    ...     def encode(self, value, max_bytes=1_000_000):
    ...         return str(value)
    ...     def decode(self, text):
    ...         return int(text)
    >>> decoded(Plain(), "5", "bot@a.example", ("number", "x"))
    5
    """

    def encode(self, value: Any, max_bytes: int = MAX_BYTES) -> str:
        """Return the text of `value`; at most `max_bytes` bytes of UTF-8.

        TypeError if it is of the wrong type, `Unstorable` if it would not come back as it is or is too big.
        """

    def decode(self, text: str) -> Any:
        """Return a new value. ValueError, without the text in it, if there is none in `text`."""


def decoded(codec: Codec, text: str, owner: str, place: Place) -> Any:
    """Return the value that is in `text`. `CorruptValue`, which names `owner` and `place`, if none is.

    The cause is the ValueError of the codec.

    >>> decoded(Json(), "{", "bot@a.example", ("xep_0153/hash", "b@c.example"))
    Traceback (most recent call last):
        ...
    slixmpp_storage.codecs.CorruptValue: bot@a.example: xep_0153/hash of b@c.example is corrupt: not JSON
    """
    try:
        return codec.decode(text)
    except ValueError as error:
        resource, key = place
        raise CorruptValue(f"{owner}: {resource} of {key} is corrupt: {error}") from error


def require_key(key: str) -> None:
    """`Unstorable` if no store may take `key`: over 2,000 bytes of UTF-8, with a NUL, or with a lone surrogate.

    Sources: PostgreSQL's limits of an index row and of text (https://www.postgresql.org/docs/current/limits.html).

    >>> require_key("romeo@montague.example")
    >>> require_key("r" * 2001)
    Traceback (most recent call last):
        ...
    slixmpp_storage.codecs.Unstorable: a key of 2001 bytes; 2000 are allowed
    """
    if "\0" in key:
        raise Unstorable("a key with a NUL character")
    _require_size(key, MAX_KEY_BYTES, "a key")


@dataclass(frozen=True, slots=True)
class Xml:
    """A stanza of one class, as its XML. Each decode gives a new stanza; unknown extensions come back, too.

    It is not `str(stanza)`: that drops attributes of foreign namespaces, and writes what cannot be read again.

    >>> from slixmpp.plugins.xep_0054.stanza import VCardTemp
    >>> card = VCardTemp()
    >>> card["FN"] = "Juliet"
    >>> text = Xml(VCardTemp).encode(card)
    >>> text
    '<ns0:vCard xmlns:ns0="vcard-temp"><ns0:FN>Juliet</ns0:FN></ns0:vCard>'
    >>> Xml(VCardTemp).decode(text)["FN"]
    'Juliet'
    """

    stanza: type[ElementBase]

    def encode(self, value: Any, max_bytes: int = MAX_BYTES) -> str:
        """Return the XML. `Unstorable` for forbidden characters, over 200 elements in each other, and comments."""
        name = self.stanza.__name__
        if not isinstance(value, self.stanza):
            raise TypeError(f"{value.__class__.__name__} is not allowed; {name} is")
        if value.xml.tag != self.stanza.tag_name():
            raise Unstorable(f"{name}: the root element is {value.xml.tag}")
        try:
            text = _written(value.xml)
        except (TypeError, RecursionError) as error:
            raise Unstorable(f"{name}: {_reason(error)}") from error
        if found := _FORBIDDEN.search(text):
            raise Unstorable(f"{name}: character U+{ord(found[0]):04X} is forbidden in XML")
        # Each element has a `<`, so few of them are not deep.
        if text.count("<") > MAX_DEPTH and _depth(value.xml) > MAX_DEPTH:
            raise Unstorable(f"{name}: over {MAX_DEPTH} elements in each other")
        if not _has_names(value.xml):
            raise Unstorable(f"{name}: a comment, or an element or attribute whose name XML does not allow")
        _require_size(text, max_bytes, name)
        return text

    def decode(self, text: str) -> ElementBase:
        """Return a new stanza. ValueError for a document type, what is not XML, and another root element."""
        if "<!" in text:  # never written; ElementTree would expand the entities of a document type
            raise ValueError("a document type or comment")
        try:
            xml = ET.fromstring(text)
        except (ET.ParseError, UnicodeError) as error:
            raise ValueError("not XML") from error
        if xml.tag != self.stanza.tag_name():
            raise ValueError(f"the root element is not {self.stanza.tag_name()}")
        return self.stanza(xml=xml)


@dataclass(frozen=True, slots=True)
class Json:
    """Plain data: None, booleans, numbers, text, lists, and dicts whose keys are text.

    `Unstorable` for what would come back as something else: tuples, other keys, NaN and infinity.

    >>> Json().encode({"name": "Roméo", "of": [1, None]})
    '{"name":"Roméo","of":[1,null]}'
    >>> Json().encode((1, 2))
    Traceback (most recent call last):
        ...
    slixmpp_storage.codecs.Unstorable: tuple: what JSON reads back is not equal
    """

    def encode(self, value: Any, max_bytes: int = MAX_BYTES) -> str:
        """Return the JSON. TypeError for what JSON has not; `Unstorable` for what it does not give back."""
        name = type(value).__name__
        try:
            text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            is_back = _nested(value) <= MAX_DEPTH and json.loads(text) == value
        except (ValueError, RecursionError) as error:
            raise Unstorable(f"{name}: {_reason(error)}") from error
        if not is_back:
            raise Unstorable(f"{name}: what JSON reads back is not equal")
        _require_size(text, max_bytes, name)
        return text

    def decode(self, text: str) -> Any:
        """Return new data. ValueError if `text` is not JSON."""
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError("not JSON") from error


@dataclass(frozen=True, slots=True)
class Date:
    """A datetime with its zone, in ISO 8601. It is the same moment; the zone comes back as its offset.

    >>> from datetime import UTC, datetime
    >>> Date().encode(datetime(2024, 2, 29, 12, 30, tzinfo=UTC))
    '2024-02-29T12:30:00+00:00'
    """

    def encode(self, value: Any, max_bytes: int = MAX_BYTES) -> str:
        """Return the date. `Unstorable` without a zone: nobody could tell which moment that is."""
        if not isinstance(value, datetime):
            raise TypeError(f"{type(value).__name__} is not allowed; datetime is")
        if value.utcoffset() is None:
            raise Unstorable("datetime: it has no zone")
        text = value.isoformat()
        _require_size(text, max_bytes, "datetime")
        return text

    def decode(self, text: str) -> datetime:
        """Return the date. ValueError if `text` is not a date with a zone."""
        try:
            date = datetime.fromisoformat(text)
        except ValueError as error:
            raise ValueError("not a date") from error
        if date.utcoffset() is None:
            raise ValueError("a date without a zone")
        return date


def _reason(error: Exception) -> str:
    """Return what went wrong, without the value: messages of the standard library have it."""
    return "it is nested too deeply" if isinstance(error, RecursionError) else "it has parts that cannot be written"


def _require_size(text: str, limit: int, name: str) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise Unstorable(f"{name}: a lone surrogate is not a character") from error
    if size > limit:
        raise Unstorable(f"{name} of {size} bytes; {limit} are allowed")


def _written(xml: ET.Element) -> str:
    if xml.tail:  # belongs to what this was a part of
        xml = copy.copy(xml)
        xml.tail = None
    return ET.tostring(xml, encoding="unicode").replace("\r", "&#13;")  # a parser makes \n of \r


def _depth(xml: ET.Element) -> int:
    level, depth = [xml], 0
    while level:
        level, depth = [child for one in level for child in one], depth + 1
    return depth


def _nested(value: Any) -> int:
    """Return how many lists and dicts are in each other."""
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(_nested, value), default=0) if isinstance(value, list) else 0


def _has_names(xml: ET.Element) -> bool:
    return all(_is_tag(one.tag) and all(map(_is_attribute, one.attrib)) for one in xml.iter())


# ElementTree writes any text as a name, and that may be other XML. Names are few: each is written and read once.
@lru_cache(maxsize=4096)
def _is_tag(name: Any) -> bool:
    try:
        return bool(ET.fromstring(ET.tostring(ET.Element(name), encoding="unicode")).tag == name)
    except (ET.ParseError, UnicodeError):
        return False


@lru_cache(maxsize=4096)
def _is_attribute(name: Any) -> bool:
    try:
        return ET.fromstring(ET.tostring(ET.Element("x", {name: ""}), encoding="unicode")).attrib == {name: ""}
    except (ET.ParseError, UnicodeError):
        return False
