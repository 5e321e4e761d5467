"""What a person reads, in eighty columns: what it says, and that names do nothing."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from slixmpp_inspector import Hold, Profile, RecordedCall, Span, WaitingCall
from slixmpp_inspector.terminal import (
    console,
    duration,
    error_table,
    hold_text,
    overview,
    plain,
    profile_table,
    waiting_text,
    waterfall,
)


def profile(**more: Any) -> Profile:
    known: dict[str, Any] = {
        "ctype": "weather", "op": "get", "handler": "bot.get", "tier": "global", "calls": 1200, "errors": {},
        "refused": {}, "hits": 0, "joined": 0, "retries": 0, "seconds": 6.0, "held": 0.0, "in_handler": 3.0,
        "in_layers": {}, "p50": 0.005, "p95": 0.01, "p99": 0.02, "longest": 0.03,
    }  # fmt: skip
    return Profile(**known | more)


def recorded(**more: Any) -> RecordedCall:
    known: dict[str, Any] = {
        "began": 0.0, "ctype": "weather", "op": "get", "handler": "bot.get", "tier": "global", "seconds": 4.0,
        "held": 0.0, "outcome": "ok", "error": None, "cache": None, "attempts": 1,
        "spans": (Span("Caching", 0, 4), Span("Retry", 0.01, 4), Span("handler", 1, 3)), "jid": None, "ifrom": None,
    }  # fmt: skip
    return RecordedCall(**known | more)


def hold(**more: Any) -> Hold:
    known: dict[str, Any] = {
        "began": 0.0, "seconds": 1.5, "is_over": True, "ctype": "weather", "op": "get", "handler": "bot.get",
        "tier": "global", "stack": ("bot.py:5 get",), "left_out": 0,
    }  # fmt: skip
    return Hold(**known | more)


def shown(what: Any) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=80, color_system=None, highlight=False, markup=False).print(what)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_table_has_two_lines_for_each_handler() -> None:
    assert shown(profile_table([profile(), profile(op="set", handler=None, calls=1, seconds=2.0, in_handler=0.0)])) == [
        "     calls   time      p50      p95      max  in handler     held   errors  hits",
        "weather get  bot.get (global)",
        "     1,200    75%  5.00 ms  10.0 ms  30.0 ms         50%        -        -     -",
        "weather set  no handler",
        "         1    25%  5.00 ms  10.0 ms  30.0 ms          0%        -        -     -",
        "held: time in which other code held the loop; time leaves it out",
        "",
    ]


def test_table_shows_victims_errors_and_hits() -> None:
    one = profile(held=4.5, errors={"LookupError": 1000, "OSError": 234}, hits=300, joined=60)
    assert shown(profile_table([one, profile(seconds=1.5)]))[2] == (
        "     1,200    50%  5.00 ms  10.0 ms  30.0 ms         50%   4.50 s    1,234   30%"
    )


def test_table_of_calls_that_took_no_time() -> None:
    assert shown(profile_table([profile(seconds=0.0)]))[2].split()[:2] == ["1,200", "-"]


def test_errors_are_a_table_of_their_own() -> None:
    assert error_table([profile()]) is None
    found = "\n".join(shown(error_table([profile(errors={"LookupError": 2}, refused={"forbidden": 1500})])))
    assert found.index("forbidden (refused)") < found.index("LookupError")
    assert "1,500" in found


def test_waterfall_shows_what_each_part_took_itself() -> None:
    said = shown(waterfall(recorded(cache="miss", attempts=2, jid="a@b", ifrom="c@d"), 3))
    assert said[0] == "3. 4.00 s  weather get  ok"
    assert said[1].startswith("   bot.get (global), miss, 2 attempts, jid a@b, from c@d, 1970-01-01 ")
    assert shown(waterfall(recorded(), 3))[2:] == [
        "   Retry itself           ━━━━━━━━━━                    ━━━━━━━━━━ 1.99 s",
        "   handler                          ━━━━━━━━━━━━━━━━━━━━           2.00 s",
        "   1 other layer                                                   10.0 ms",
    ]


def test_waterfall_with_every_part_and_who_held_the_loop() -> None:
    lines = shown(waterfall(recorded(held=1.0, outcome="error", error="LookupError"), 1, every_part=True))
    assert "error: LookupError" in lines[0]
    assert [line.split()[0] for line in lines[2:5]] == ["Caching", "Retry", "handler"]
    assert lines[5] == "   the loop was held by others for 1.00 s of it"
    small = recorded(spans=(Span("a", 0, 4), Span("b", 0.01, 4), Span("c", 0.02, 4), Span("handler", 0.02, 4)))
    assert shown(waterfall(small, 1))[-1].startswith("   3 other layers ")


def test_call_that_took_no_time_has_parts_too() -> None:
    assert len(shown(waterfall(recorded(seconds=0.0, spans=(Span("handler", 0, 0),)), 1))) == 3


def test_hold_names_code_and_line() -> None:
    assert shown(hold_text(hold())) == ["weather get: bot.get held the loop for 1.50 s", "    bot.py:5 get"]
    assert shown(hold_text(hold(is_over=False, left_out=3))) == [
        "weather get: bot.get holds the loop for 1.50 s", "    bot.py:5 get", "    3 more since it was told last"
    ]  # fmt: skip
    assert shown(hold_text(hold(ctype=None, op=None, handler=None, tier=None, stack=()))) == [
        "other code held the loop for 1.50 s", "    without a stack: C code kept the interpreter"
    ]  # fmt: skip


def test_call_that_waits_is_shown_with_its_lines() -> None:
    one = WaitingCall(ctype="weather", op="get", handler="bot.get", age=3.2, stack=("bot.py:5 query",))
    assert shown(waiting_text(one)) == ["weather get: bot.get waits for 3.20 s", "    bot.py:5 query"]


def test_overview_shows_the_longest_holds_and_as_many_calls_as_asked_for() -> None:
    holds = [hold(seconds=float(number)) for number in range(8)]
    both = overview([profile(errors={"LookupError": 1})], [recorded()] * 9, holds, 2)
    lines = [line for one in both for line in shown(one)]
    assert sum(" bot.get held the loop for" in line for line in lines) == 5
    assert sum(line.startswith(("1. ", "2. ", "3. ")) for line in lines) == 2
    assert not any("who held the loop" in line for one in overview([profile()], [], [], 2) for line in shown(one))
    assert [line for one in overview([], [], [], 2) for line in shown(one)] == ["no call"]


@pytest.mark.parametrize("name", ["\x1b[2J", "[bold]", ":smile:", "a\nb", "\u202e", "\ud800"])
def test_names_do_nothing(name: str) -> None:
    one = profile(ctype=name, handler=name, errors={name: 1}, refused={name: 1})
    call = recorded(op=name, error=name, spans=(Span(name, 0, 4),))
    all_of_it = [*overview([one], [call], [hold(handler=name, stack=(name,))], 1)]
    lines = [line for part in all_of_it for line in shown(part)]
    assert not any(bad in line for line in lines for bad in ("\x1b", "\u202e", "\ud800"))
    assert any(plain(name) in line for line in lines)


@given(st.floats(1e-9, 1e6))
def test_durations_have_three_digits(seconds: float) -> None:
    number, unit = duration(seconds).split(" ")
    size = {"s": 1.0, "ms": 1e-3, "µs": 1e-6}[unit]
    assert float(number) * size == pytest.approx(seconds, rel=0.006, abs=0.006e-6)
    assert len(number) <= 4 or seconds >= 999


def test_characters_that_a_file_has_not_are_question_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(file, encoding="latin-1"))
    console().print(waterfall(recorded(), 1))
    sys.stdout.flush()
    assert b"???" in file.getvalue()


def test_file_that_is_no_real_one_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", file := io.StringIO())
    console().print(waterfall(recorded(), 1))
    assert "handler" in file.getvalue()
