"""The resolver against a naive scan, and what it keeps."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slixmpp import JID
from slixmpp.jid import InvalidJID

from slixmpp_pipeline import Tier
from slixmpp_pipeline.handlers.found import Found
from slixmpp_pipeline.handlers.table import Table, tier_of

ROMEO = "romeo@montague.example/orchard"
SPELLINGS = {  # each JID in the ways in which it may be given
    "montague.example": ["montague.example", "MONTAGUE.example"],
    "romeo@montague.example": ["romeo@montague.example", "Romeo@Montague.Example"],
    ROMEO: [ROMEO, "ROMEO@montague.example/orchard"],
    "romeo@montague.example/Orchard": ["romeo@montague.example/Orchard"],
}
TIERS = [Tier.JID_NODE, Tier.JID, Tier.NODE, Tier.GLOBAL]


class Place(NamedTuple):
    """For whom a handler stands: the JID as it is kept, the node, and the JID as it was given."""

    jid: str | None
    node: str | None
    given: JID | str | None


class Answer:
    """A handler that is equal to every other, so that only identity tells."""

    def __init__(self, name: int) -> None:
        self.name = name

    def __call__(self, jid: JID, node: str, ifrom: JID | None, args: object) -> int:
        return self.name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Answer)

    def __hash__(self) -> int:
        return 0

    def method(self, jid: JID, node: str, ifrom: JID | None, args: object) -> int:
        return self.name


def answer(jid: JID, node: str, ifrom: JID | None, args: object) -> str:
    return "answer"


def older(jid: JID, node: str, args: object) -> str:
    return "older"


async def coroutine(jid: JID, node: str, ifrom: JID | None, args: object) -> str:
    return "coroutine"


@st.composite
def places(draw: st.DrawFn) -> Place:
    jid = draw(st.sampled_from([None, *SPELLINGS]))
    node = draw(st.sampled_from([None, "", "news", "NEWS"]))
    if jid is None:
        return Place(None, node, None)
    text = draw(st.sampled_from(SPELLINGS[jid]))
    return Place(jid, node, JID(text) if draw(st.booleans()) else text)


answers = [Answer(number) for number in range(3)]
handlers = st.sampled_from([None, *answers, *(one.method for one in answers)])


def scan(log: list[tuple[Place, Any]], jid: str, node: str) -> list[tuple[Any, Tier]]:
    """What answers, the most specific first, by reading everything that was ever registered."""
    found = []
    for tier, place in zip(TIERS, [(jid, node), (jid, None), (None, node), (None, None)], strict=True):
        last = [handler for where, handler in log if (where.jid, where.node) == place][-1:]
        found += [(handler, tier) for handler in last if handler is not None]
    return found


@given(log=st.lists(st.tuples(places(), handlers), max_size=12))
@settings(max_examples=200, deadline=None)
def test_table_finds_what_a_naive_scan_finds(log: list[tuple[Place, Any]]) -> None:
    table = Table()
    for place, handler in log:
        table.put(handler, place.given, place.node)

    for jid in [*SPELLINGS, "nurse@capulet.example"]:
        for node in ["", "news", "NEWS", "weather"]:
            expected = scan(log, jid, node)
            candidates = table.candidates(JID(jid), node)
            found = table.resolve(JID(jid), node)
            assert [(_named(one), one.tier) for one in candidates] == [(_named(one), tier) for one, tier in expected]
            assert found is (candidates[0] if candidates else None)
            assert table.is_specific or found is table.everywhere


def _named(handler: Any) -> int:
    """The name of a handler, or of what was found: handlers themselves are all equal."""
    run = handler.function if isinstance(handler, Found) else handler
    name: int = run(JID(), "", None, None)
    return name


@given(log=st.lists(st.tuples(places(), handlers), max_size=12))
@settings(max_examples=100, deadline=None)
def test_table_lists_every_handler_with_its_place_once(log: list[tuple[Place, Any]]) -> None:
    table = Table()
    for place, handler in log:
        table.put(handler, place.given, place.node)

    last = {(place.jid, place.node): handler for place, handler in log}
    expected = {place: _named(handler) for place, handler in last.items() if handler is not None}
    listed = list(table)
    assert {(jid, node): _named(handler) for jid, node, handler in listed} == expected
    assert len(listed) == len(expected)


@given(st.lists(places(), max_size=12))
@settings(max_examples=100, deadline=None)
def test_nothing_is_left_when_everything_is_taken_away(where: list[Place]) -> None:
    table = Table()
    for place in where:
        table.put(answer, place.given, place.node)
    for place in where:
        table.put(None, place.given, place.node)

    assert list(table) == []
    assert (table.by_both, table.by_jid, table.by_node, table.everywhere) == ({}, {}, {}, None)
    assert not table.is_specific


@pytest.mark.parametrize("node", [None, "news"])
def test_handler_that_was_taken_away_is_not_kept_alive(node: str | None) -> None:
    table = Table()
    handler = Answer(1)
    gone = weakref.ref(handler)
    table.put(handler, ROMEO, node)

    table.put(None, ROMEO, node)
    del handler
    gc.collect()

    assert gone() is None


@pytest.mark.parametrize("node", [None, "news"])
def test_jid_changed_after_registering_changes_nothing(node: str | None) -> None:
    table = Table()
    jid = JID(ROMEO)
    table.put(answer, jid, node)

    jid.resource = "tomb"

    assert table.resolve(JID(ROMEO), "news") is not None
    assert table.resolve(jid, "news") is None


def test_jid_of_other_case_takes_away_what_was_registered() -> None:
    table = Table()
    table.put(answer, JID(ROMEO), None)

    table.put(None, "Romeo@MONTAGUE.example/orchard", None)

    assert table.resolve(JID(ROMEO), "") is None


def test_node_is_taken_as_it_is() -> None:
    table = Table()
    table.put(answer, None, "News")

    assert table.resolve(JID(ROMEO), "news") is None


def test_found_says_what_was_registered_and_of_which_kind() -> None:
    table = Table()
    table.put(coroutine, ROMEO, None)
    table.put(older, None, None)

    specific = table.resolve(JID(ROMEO), "")
    broad = table.everywhere

    assert specific is not None
    assert (specific.handler, specific.is_coroutine, specific.tier) == (coroutine, True, Tier.JID)
    assert specific.name == f"{__name__}.coroutine"
    assert broad is not None
    assert (broad.handler, broad.is_coroutine, broad.tier) == (older, False, Tier.GLOBAL)


def test_older_handler_is_called_without_the_requester() -> None:
    def handler(jid: JID, node: str, args: object) -> tuple[str, str, object]:
        return jid.full, node, args

    table = Table()
    table.put(handler, None, None)

    found = table.everywhere

    assert found is not None
    assert found.function(JID(ROMEO), "news", JID("nurse@capulet.example"), 5) == (ROMEO, "news", 5)


_plugin = Answer(1)


@pytest.mark.parametrize(
    "look_up",
    [lambda: answer, lambda: older, lambda: _plugin, lambda: _plugin.method],
    ids=["function", "older function", "object", "method"],
)
def test_one_handler_for_many_jids_has_one_record(look_up: Callable[[], Any]) -> None:
    table = Table()
    for number in range(3):
        table.put(look_up(), f"user{number}@montague.example", None)

    records = {id(found) for found in table.by_jid.values()}

    assert len(records) == 1


def test_one_handler_in_two_tiers_is_found_in_each_with_its_own() -> None:
    table = Table()
    table.put(answer, None, None)
    table.put(answer, ROMEO, None)

    assert [found.tier for found in table.candidates(JID(ROMEO), "")] == [Tier.JID, Tier.GLOBAL]


def test_same_function_of_equal_objects_is_two_handlers() -> None:
    table = Table()
    table.put(Answer(1).method, "one@montague.example", None)
    table.put(Answer(2).method, "two@montague.example", None)

    assert [_named(found) for found in table.by_jid.values()] == [1, 2]


def test_equal_objects_are_two_handlers() -> None:
    table = Table()
    table.put(Answer(1), "one@montague.example", None)
    table.put(Answer(2), "two@montague.example", None)

    assert [_named(found) for found in table.by_jid.values()] == [1, 2]


def test_default_is_no_handler() -> None:
    table = Table()
    table.default = answer

    assert table.resolve(JID(ROMEO), "") is None
    assert list(table) == []


@pytest.mark.parametrize(
    ("handler", "jid", "node", "error", "named"),
    [
        (answer, "romeo@", None, InvalidJID, "jid: 'romeo@'"),
        (answer, 7, None, TypeError, "jid: 7"),
        (answer, ROMEO, ["news"], TypeError, "node: "),
        (answer, None, {}, TypeError, "node: {}"),
        (lambda: None, ROMEO, "news", TypeError, "handler: "),
        ("handler", None, None, TypeError, "handler: 'handler'"),
        (None, "romeo@", None, InvalidJID, "jid: 'romeo@'"),
    ],
)
def test_refused_registration_names_the_argument_and_changes_nothing(
    handler: Any, jid: Any, node: Any, error: type[Exception], named: str
) -> None:
    table = Table()
    table.put(coroutine, ROMEO, "news")
    table.put(coroutine, None, None)
    before = list(table)

    with pytest.raises(error, match=f"^{named}"):
        table.put(handler, jid, node)

    assert list(table) == before


@pytest.mark.parametrize(
    ("jid", "node", "tier"),
    [
        (ROMEO, "news", "jid+node"),
        (ROMEO, "", "jid+node"),
        ("", "", "jid+node"),
        (ROMEO, None, "jid"),
        ("", None, "jid"),
        (None, "news", "node"),
        (None, "", "node"),
        (None, None, "global"),
    ],
)
def test_tier_counts_what_is_not_none(jid: str | None, node: str | None, tier: str) -> None:
    assert str(tier_of(jid, node)) == tier


def test_cleared_table_is_as_a_new_one() -> None:
    table = Table()
    for jid, node in [(ROMEO, "news"), (ROMEO, None), (None, "news"), (None, None)]:
        table.put(answer, jid, node)

    table.clear()

    assert list(table) == []
    assert table.candidates(JID(ROMEO), "news") == []
    assert table.everywhere is None
    assert not table.is_specific
