"""What files of calls say."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from slixmpp_inspector import lines
from slixmpp_inspector.report import Report
from tests.inspector.lines_of import call, hold, text


def report(*given: dict[str, Any] | str) -> Report:
    found = Report()
    for number, line in lines.read(io.BytesIO(text(*given))):
        found.add("calls.jsonl", number, line)
    found.finish()
    return found


def test_calls_count_with_their_weight() -> None:
    found = report(call(0.5), call(0.01, weight=100), call(0.01, weight=100), call(0.2, op="set"))
    assert found.calls == 202
    get, put = found.profiles()
    assert (get.op, get.calls, get.longest) == ("get", 201, 0.5)
    assert get.seconds == pytest.approx(2.5)
    assert get.p50 == pytest.approx(0.01, rel=0.01)
    assert (get.handler, get.tier, put.op, put.calls) == ("bot.get", "global", "set", 1)
    assert get.in_handler == pytest.approx(2.5)


def test_what_layers_and_peers_said_is_counted() -> None:
    spans = [["Caching", 0.0, 1.0], ["handler", 0.0, 0.25], ["handler", 0.5, 0.75]]
    found = report(
        call(1.0, cache="miss", attempts=2, spans=spans),
        call(cache="hit", weight=10),
        call(cache="joined"),
        call(outcome="error", error="LookupError"),
        call(outcome="refused", error="item-not-found", weight=10),
    )
    (one,) = found.profiles()
    assert (one.hits, one.joined, one.retries, one.calls) == (10, 1, 1, 23)
    assert (one.errors, one.refused) == ({"LookupError": 1}, {"item-not-found": 10})
    assert one.in_handler == pytest.approx(0.5 + 0.01 * 22)


def test_lines_that_cannot_be_read_are_named_and_the_others_are_not() -> None:
    found = report(call(), "{", "[1]", *["no"] * 5, {"v": 1}, {"v": 1, "dropped": 5}, {"v": 1, "dropped": 2}, call())
    assert (found.calls, found.broken_lines, found.other_lines, found.dropped) == (2, 7, 1, 7)
    assert [(file, number) for file, number, _ in found.broken] == [("calls.jsonl", n) for n in (2, 3, 4, 5, 6)]


def test_handlers_beyond_the_bound_are_one() -> None:
    found = report(*(call(op=f"get{number}") for number in range(250)), call(op="get5"))
    profiles = {one.op: one.calls for one in found.profiles()}
    assert (len(profiles), profiles["_OTHER"], profiles["get5"]) == (201, 50, 2)


@pytest.mark.parametrize("calls", [255, 256, 257, 512])
def test_any_number_of_lines_is_counted(calls: int) -> None:
    assert [one.calls for one in report(*[call()] * calls).profiles()] == [calls]


def test_any_weights_are_counted() -> None:
    found = report(*(call(weight=weight) for weight in range(1, 1500)))
    assert [one.calls for one in found.profiles()] == [sum(range(1, 1500))]


def test_many_lines_are_as_few() -> None:
    found = report(*(call(0.001 * number) for number in range(1, 2001)))
    (one,) = found.profiles()
    assert (one.calls, one.longest) == (2000, 2.0)
    assert one.seconds == pytest.approx(0.001 * 2000 * 2001 / 2)
    assert one.p95 == pytest.approx(1.9, rel=0.011)
    assert [round(slow.seconds, 3) for slow in found.slowest()] == [
        round(2.0 - 0.001 * number, 3) for number in range(50)
    ]


class TestHolds:
    def test_are_shown(self) -> None:
        found = report(hold(1000, 1002, stack=("bot.py:5 sort",)), hold(1003, 1004, op=None))
        assert [(one.op, one.seconds, one.stack, one.is_over) for one in found.holds] == [
            ("hold", 2, ("bot.py:5 sort",), True),
            (None, 1, (), True),
        ]

    def test_that_the_line_tells_of_count(self) -> None:
        found = report(call(4.0, held=3.5, op="victim"), call(1.0, op="slow"))
        assert [(one.op, one.held) for one in found.slowest()] == [("slow", 0.0), ("victim", 3.5)]
        assert [(one.op, one.held) for one in found.profiles()] == [("slow", 0.0), ("victim", 3.5)]

    def test_of_c_code_that_come_later_count_for_others(self) -> None:
        found = report(
            *(call(4.0, at=1000, op="victim") for _ in range(60)),
            call(3.0, at=1000.5, op="hold"),
            call(1.0, at=2000, op="slow"),
            hold(1000.5, 1003.5),
        )
        first, second, *others = found.slowest()
        assert [(one.op, one.held) for one in (first, second)] == [("hold", 0.0), ("victim", 3.0)]
        assert {one.held for one in others if one.op == "victim"} == {3.0}

    def test_that_was_known_before_the_call_ended_is_in_its_line(self) -> None:
        found = report(hold(1001, 1002, op=None), call(4.0, at=1000, held=1.0))
        assert [one.held for one in found.slowest()] == [1.0]

    @pytest.mark.parametrize("names", [("f.1", "f"), ("f", "f.1")])
    def test_count_in_whatever_order_files_are_read(self, names: tuple[str, str]) -> None:
        found = Report()
        for name in names:
            at = 1000 if name == "f.1" else 9000
            for number, line in lines.read(io.BytesIO(text(call(4.0, at=at), hold(at + 1, at + 2, op=None)))):
                found.add(name, number, line)
        found.finish()
        assert [one.held for one in found.slowest()] == [1.0, 1.0]

    def test_of_another_program_do_not_count(self) -> None:
        found = Report()
        for name, line in (("a", call(4.0, at=1000)), ("b", hold(1001, 1002, op=None)), ("a.1", hold(1003, 1003.5))):
            for number, one in lines.read(io.BytesIO(text(line))):
                found.add(name, number, one)
        found.finish()
        assert [one.held for one in found.slowest()] == [0.5]

    def test_of_code_that_is_no_handlers_count_for_all(self) -> None:
        found = report(call(4.0, at=1000, op="victim"), hold(1001, 1002, op=None))
        assert [one.held for one in found.slowest()] == [1.0]

    def test_with_a_stack_are_in_the_lines_of_calls_already(self) -> None:
        found = report(call(4.0, at=1000, op="victim", held=1.0), hold(1001, 1002, stack=("bot.py:5 sort",)))
        assert [one.held for one in found.slowest()] == [1.0]


def test_it_is_json() -> None:
    found = report(call(), hold(1, 2), "{").as_json()
    assert json.loads(json.dumps(found))["handlers"][0]["op"] == "get"
    assert (found["calls"], found["broken_lines"], len(found["slowest"]), len(found["holds"])) == (1, 1, 1, 1)
