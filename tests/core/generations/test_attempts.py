"""Has another write of the same data begun since?"""

from __future__ import annotations

from collections.abc import Hashable
from contextvars import Context
from types import SimpleNamespace
from typing import Any

import pytest

from slixmpp_pipeline.generations import attempts
from slixmpp_pipeline.generations.attempts import Attempts, Begun, note_beginning

CALL: Any = None  # what is written does not depend on it here


def counting() -> Any:
    return SimpleNamespace(begun=Begun())


def made(counter: Any, *keys: Hashable) -> Attempts:
    return Attempts(lambda _: [(counter.begun, key) for key in keys])


def another_writes(counter: Any, key: Hashable) -> None:
    Context().run(note_beginning, [counter], key)


def test_memory_is_bounded_and_then_all_keys_count_as_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "_MAX_KEYS", 3)
    counter = counting()
    watch = made(counter, "mine")
    for key in "abc":
        another_writes(counter, key)
    assert (len(counter.begun.last), watch.is_overtaken(CALL)) == (3, False)
    another_writes(counter, "d")
    assert (len(counter.begun.last), watch.is_overtaken(CALL)) == (0, True)
    assert made(counter, "mine").is_overtaken(CALL) is False


def test_own_write_that_needs_the_room_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "_MAX_KEYS", 1)
    counter = counting()

    def run() -> None:
        with made(counter, "mine") as watch:
            another_writes(counter, "mine")
            note_beginning([counter], "own")
            assert (len(counter.begun.last), watch.is_overtaken(CALL)) == (0, True)

    Context().run(run)


def test_own_write_that_follows_one_of_another_does_not_hide_it() -> None:
    counter, other = counting(), counting()

    def run() -> None:
        with made(counter, "mine") as watch:
            note_beginning([other], "a")
            assert watch.is_overtaken(CALL) is False
            another_writes(other, "b")
            note_beginning([other], "a")
            assert watch.is_overtaken(CALL) is False
            another_writes(other, "a")
            note_beginning([other], "a")
            assert watch.is_overtaken(CALL) is True
            note_beginning([other], "a")
            assert watch.is_overtaken(CALL) is True

    Context().run(run)
