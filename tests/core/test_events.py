"""An event: checked where it is made, bounded, and unchanging."""

from __future__ import annotations

from typing import Any

import pytest

from slixmpp_pipeline import Event


def test_event_has_what_it_was_given() -> None:
    event = Event("retry", {"attempt": 2, "error_type": "OSError", "share": 0.5, "last": False})

    assert event.what == "retry"
    assert dict(event.fields) == {"attempt": 2, "error_type": "OSError", "share": 0.5, "last": False}
    assert Event("retry").fields == {}


def test_event_does_not_change_with_what_it_was_given() -> None:
    fields: dict[str, Any] = {"attempt": 2}
    event = Event("retry", fields)
    fields["attempt"] = 3

    assert event == Event("retry", {"attempt": 2})
    with pytest.raises(TypeError, match="does not support item assignment"):
        event.fields["attempt"] = 3  # type: ignore[index]  # it is a mapping that cannot be changed


@pytest.mark.parametrize(("given", "kept"), [("x" * 100, "x" * 100), ("x" * 101, "x" * 99 + "…")])
def test_text_is_cut_after_100_characters(given: str, kept: str) -> None:
    assert Event("mine", {"text": given}).fields["text"] == kept


def test_eight_fields_are_allowed() -> None:
    assert len(Event("mine", {f"field_{number}": number for number in range(8)}).fields) == 8


@pytest.mark.parametrize(
    ("what", "fields", "message"),
    [
        (5, {}, "what: 5 is int; a word is allowed"),
        ("two words", {}, "what: 'two words' is no word"),
        ("", {}, "what: '' is no word"),
        ("x" * 101, {}, "is no word"),
        ("mine", [("a", 1)], r"fields: \[\('a', 1\)\] is list; a mapping is allowed"),
        ("mine", {5: 1}, "fields: 5 is int; a word is allowed"),
        ("mine", {"a b": 1}, "fields: 'a b' is no word"),
        ("mine", {"a": None}, "fields: a: None is NoneType; text, a number or a boolean is allowed"),
        ("mine", {"a": b"x"}, "fields: a: b'x' is bytes; text, a number or a boolean is allowed"),
        ("mine", {f"field_{number}": number for number in range(9)}, "fields: 9 are given; at most 8 are allowed"),
    ],
)
def test_what_is_not_allowed_is_named(what: Any, fields: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"Event: .*{message}"):
        Event(what, fields)
