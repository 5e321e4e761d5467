"""A value comes back from its text as it was, or is refused before anything is stored."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slixmpp.plugins.xep_0054.stanza import VCardTemp
from slixmpp.xmlstream import ET

from slixmpp_storage.codecs import CorruptValue, Date, Json, Unstorable, Xml, decoded, require_key

CARDS = Xml(VCardTemp)
NAMESPACE = "vcard-temp"
OPEN = f"<vCard xmlns='{NAMESPACE}'>"


def card(text: str = f"{OPEN}</vCard>") -> VCardTemp:
    return VCardTemp(xml=ET.fromstring(text))


def card_with(text: str) -> VCardTemp:
    found = card()
    ET.SubElement(found.xml, f"{{{NAMESPACE}}}FN").text = text
    return found


def canonical(xml: ET.Element) -> str:
    return ET.canonicalize(ET.tostring(xml, encoding="unicode").replace("\r", "&#13;"), with_comments=True)


def alike(one: ET.Element, other: ET.Element) -> bool:
    return (
        (one.tag, one.attrib, one.text or "", len(one)) == (other.tag, other.attrib, other.text or "", len(other))
        and all((a.tail or "") == (b.tail or "") for a, b in zip(one, other, strict=True))
        and all(map(alike, one, other))
    )


FOREIGN = f"{OPEN}<FN xmlns:x='urn:x' x:lang='it' lang='de'>J</FN><unknown xmlns='urn:y'><a/></unknown></vCard>"


def test_foreign_attributes_survive_as_they_do_not_in_str() -> None:
    stanza = card(FOREIGN)
    assert alike(CARDS.decode(CARDS.encode(stanza)).xml, stanza.xml)
    assert not alike(ET.fromstring(str(stanza)), stanza.xml)


@pytest.mark.parametrize("text", ["\x00", "\x0b", "\x1f", "\ud800", "\ufffe", "\uffff"])
def test_forbidden_character_is_refused_as_it_is_not_by_str(text: str) -> None:
    stanza = card_with(f"a{text}b")
    with pytest.raises((ET.ParseError, UnicodeError)):
        ET.fromstring(str(stanza))
    with pytest.raises(Unstorable, match=rf"VCardTemp: character U\+{ord(text):04X} is forbidden in XML"):
        CARDS.encode(stanza)


@pytest.mark.parametrize("text", ["a\r\nb\rc", "\t \n", "<!&>\"'", "é ジ 𝄞", "\x85\u2028", "]]>"])
def test_odd_text_comes_back(text: str) -> None:
    assert CARDS.decode(CARDS.encode(card_with(text)))["FN"] == text


def test_each_decode_gives_a_new_stanza() -> None:
    text = CARDS.encode(card_with("Juliet"))
    one, other = CARDS.decode(text), CARDS.decode(text)
    one["FN"] = "Romeo"
    assert other["FN"] == "Juliet"


def test_what_follows_in_the_parent_is_left_out() -> None:
    xml = ET.fromstring(f"<iq>{OPEN}</vCard>tail</iq>")[0]
    assert CARDS.decode(CARDS.encode(VCardTemp(xml=xml))).xml.tail is None
    assert xml.tail == "tail"


@pytest.mark.parametrize("depth", [200, 201, 900, 5000])
def test_deep_stanza_is_refused(depth: int) -> None:
    stanza = card()
    xml = stanza.xml
    for _ in range(depth - 1):
        xml = ET.SubElement(xml, "x")
    if depth == 200:
        assert alike(CARDS.decode(CARDS.encode(stanza)).xml, stanza.xml)
    else:
        with pytest.raises(Unstorable, match=r"over 200 elements in each other|nested too deeply"):
            CARDS.encode(stanza)


def test_many_elements_beside_each_other_are_not_deep() -> None:
    stanza = card()
    for _ in range(500):
        ET.SubElement(stanza.xml, "x")
    assert len(CARDS.decode(CARDS.encode(stanza)).xml) == 500


def test_size_is_that_of_utf_8() -> None:
    size = len(CARDS.encode(card_with("é")).encode())
    assert CARDS.encode(card_with("é"), size)
    with pytest.raises(Unstorable, match=f"VCardTemp of {size} bytes; {size - 1} are allowed"):
        CARDS.encode(card_with("é"), size - 1)


@pytest.mark.parametrize(
    "child",
    [ET.Comment("x"), ET.ProcessingInstruction("x"), *map(ET.Element, ("", "a b", "a b='c'", "a:b", "{}a", "\ud800"))],
    ids=lambda child: ascii(child.tag) if isinstance(child.tag, str) else child.tag.__name__,
)
def test_what_is_no_element_of_xml_is_refused(child: ET.Element) -> None:
    stanza = card()
    stanza.xml.append(child)
    with pytest.raises(Unstorable, match=r"whose name XML does not allow|forbidden in XML"):
        CARDS.encode(stanza)


@pytest.mark.parametrize("name", ["", "a b", "xmlns", "xmlns:a", "a:b"])
def test_attribute_that_is_none_of_xml_is_refused(name: str) -> None:
    stanza = card()
    stanza.xml.set(name, "x")
    with pytest.raises(Unstorable, match=r"whose name XML does not allow"):
        CARDS.encode(stanza)


def test_attribute_that_is_no_text_is_refused_without_its_value() -> None:
    stanza = card()
    number: Any = 51525
    stanza.xml.set("x", number)
    with pytest.raises(Unstorable, match="VCardTemp: it has parts that cannot be written"):
        CARDS.encode(stanza)


@pytest.mark.parametrize("value", [None, "<vCard xmlns='vcard-temp'/>", 5, ET.Element("{vcard-temp}vCard")])
def test_what_is_no_stanza_is_a_type_error(value: Any) -> None:
    with pytest.raises(TypeError, match="is not allowed; VCardTemp is"):
        CARDS.encode(value)


def test_stanza_with_another_root_is_refused() -> None:
    with pytest.raises(Unstorable, match="VCardTemp: the root element is x"):
        CARDS.encode(card("<x/>"))


@pytest.mark.parametrize(
    "text",
    [
        f"<!DOCTYPE vCard [<!ENTITY a 'b'>]>{OPEN}&a;</vCard>",
        f"{OPEN}<!-- --></vCard>",
        f"{OPEN}",
        "",
        "\ud800",
        "<vCard/>",
        "<x xmlns='vcard-temp'/>",
    ],
)
def test_corrupt_xml_is_told_with_its_place(text: str) -> None:
    with pytest.raises(CorruptValue, match=r"^me@a: xep_0054/vcard of you@b is corrupt: ") as raised:
        decoded(CARDS, text, "me@a", ("xep_0054/vcard", "you@b"))
    error = raised.value
    assert (error.condition, error.etype, error.text) == ("internal-server-error", "cancel", "")
    assert isinstance(error.__cause__, ValueError)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


TEXTS = st.text(st.sampled_from("ab<>&\"'\r\n\t\x00\x0b\ud800\ufffe\U0001d11e") | st.characters(), max_size=6)
NAMES = st.sampled_from(["a", "{urn:x}b", "{urn:y}é", "a b", "{}c", "xmlns", "1", "{urn:\x01}d"])


def built(parts: tuple[str, dict[str, str], str, str, list[ET.Element]]) -> ET.Element:
    xml = ET.Element(parts[0], parts[1])
    xml.text, xml.tail = parts[2], parts[3]
    xml.extend(parts[4])
    return xml


TREES = st.recursive(
    st.builds(ET.Element, st.just("a")),
    lambda inside: st.tuples(NAMES, st.dictionaries(NAMES, TEXTS, max_size=2), TEXTS, TEXTS, st.lists(inside)).map(
        built
    ),
    max_leaves=6,
)


@given(st.lists(TREES, max_size=3), TEXTS)
def test_trees_are_refused_exactly_if_they_do_not_come_back(inside: list[ET.Element], text: str) -> None:
    stanza = card_with(text)
    stanza.xml.extend(inside)
    try:
        back = ET.fromstring(ET.tostring(stanza.xml, encoding="unicode").replace("\r", "&#13;"))
        comes_back = alike(back, stanza.xml)
    except (ET.ParseError, UnicodeError):
        comes_back = False
    if comes_back:
        assert alike(CARDS.decode(CARDS.encode(stanza)).xml, stanza.xml)
    else:
        with pytest.raises(Unstorable):
            CARDS.encode(stanza)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.binary(max_size=1),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(TEXTS | st.integers() | st.none(), inside, max_size=3)
        | st.tuples(inside)
    ),
    max_leaves=6,
)


@given(PLAIN)
def test_plain_data_comes_back_equal_or_is_refused(value: Any) -> None:
    try:
        text = Json().encode(value)
    except (Unstorable, TypeError):
        return
    text.encode()
    assert Json().decode(text) == value


@pytest.mark.parametrize(
    "value",
    [(), [()], {1: "a"}, {None: 1}, float("nan"), [float("inf")], "\ud800", {"\udc00": 1}, 10**5000],
    ids=lambda value: type(value).__name__,
)
def test_what_json_would_change_is_refused(value: Any) -> None:
    with pytest.raises(Unstorable):
        Json().encode(value)


@pytest.mark.parametrize("value", [{1, 2}, b"x", object(), datetime.now(UTC), [date(2024, 2, 29)], {(): 1}])
def test_what_json_has_not_is_a_type_error(value: Any) -> None:
    with pytest.raises(TypeError):
        Json().encode(value)


def nested(depth: int) -> Any:
    value: Any = []
    for number in range(depth - 1):
        value = [value] if number % 2 else {"a": value}
    return value


def test_deep_data_is_refused() -> None:
    assert Json().decode(Json().encode(nested(200))) == nested(200)
    for depth in (201, 100_000):
        with pytest.raises(Unstorable):
            Json().encode(nested(depth))
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(Unstorable):
        Json().encode(circle)


def test_data_that_is_too_big_is_refused() -> None:
    with pytest.raises(Unstorable, match="str of 4 bytes; 3 are allowed"):
        Json().encode("é", 3)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000])
def test_corrupt_json_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="not JSON"):
        Json().decode(text)


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=-3, seconds=7)), ZoneInfo("Europe/Rome")])
@given(moment=st.datetimes())
def test_date_comes_back_as_the_same_moment(zone: Any, moment: datetime) -> None:
    value = moment.replace(tzinfo=zone)
    back = Date().decode(Date().encode(value))
    assert (back.replace(tzinfo=None), back.utcoffset()) == (moment, value.utcoffset())


def test_what_is_no_date_with_a_zone_is_refused() -> None:
    with pytest.raises(Unstorable, match="it has no zone"):
        Date().encode(datetime(2024, 2, 29))
    with pytest.raises(TypeError, match="str is not allowed; datetime is"):
        Date().encode("2024-02-29T12:30:00Z")
    for text in ("", "yesterday", "2024-02-29T12:30:00"):
        with pytest.raises(ValueError, match=r"^(not a date|a date without a zone)$"):
            Date().decode(text)


@pytest.mark.parametrize("key", ["a\0b", "\ud800", "é" * 1001])
def test_key_that_a_store_may_refuse_is_told(key: str) -> None:
    require_key("é" * 1000)
    with pytest.raises(Unstorable):
        require_key(key)


def test_peer_is_told_nothing_of_the_value() -> None:
    with pytest.raises(Unstorable) as raised:
        Json().encode({"password": (1,)})
    assert raised.value.args == ("The value cannot be stored.",)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)
    assert json.dumps(raised.value.args[0])
