"""Calls in a file: which, in what form, and what happens when it is full or cannot be written."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from slixmpp import JID
from slixmpp.exceptions import XMPPError

from slixmpp_inspector import Profiler, lines, writer
from slixmpp_inspector.recorded import Span
from slixmpp_middleware import Caching
from slixmpp_pipeline import PipelineRegistry, install
from slixmpp_pipeline.testing import FakeClient
from tests.inspector.test_watchdog import Watched
from tests.middleware.clock import Clock

ROMEO = JID("romeo@montague.example/orchard")


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) == before


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "calls.jsonl"


class Calls:
    """A registry whose handler takes as long, and fails, as a test says; a profiler that may write."""

    def __init__(self, *layers: Any, jids: Any = "omit") -> None:
        self.clock = Clock()
        self.api: PipelineRegistry = install(FakeClient(), *layers)
        self.seconds, self.error = 0.0, None
        self.api.register(self.get_hash, "xep_0153", "get_hash")
        self.chance = 0.5
        self.profiler = Profiler(jids, clock=self.clock, random=lambda: self.chance)
        self.api.observe(self.profiler)

    def get_hash(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        self.clock.now += self.seconds
        if self.error is not None:
            raise self.error
        return "sha1"

    def call(self, seconds: float = 0.0, error: Any = None) -> None:
        self.seconds, self.error = seconds, error
        with suppress(*([] if error is None else [type(error)])):
            self.api.run("xep_0153", "get_hash", ROMEO)


def written(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_line_has_what_is_known_of_the_call(path: Path) -> None:
    calls = Calls(Caching(60))
    with calls.profiler.write(path):
        calls.call(0.25)
    (line,) = written(path)
    assert line.pop("at") > 1e9
    assert line == {
        "v": 1,
        "ctype": "xep_0153",
        "op": "get_hash",
        "handler": "tests.inspector.test_writer.Calls.get_hash",
        "tier": "global",
        "outcome": "ok",
        "seconds": 0.25,
        "cache": "miss",
        "spans": [["Caching", 0.0, 0.25], ["handler", 0.0, 0.25]],
    }


def test_jids_are_there_if_the_profiler_was_asked_for_them(path: Path) -> None:
    calls = Calls(jids="bare")
    with calls.profiler.write(path):
        calls.call(1)
    assert [line["jid"] for line in written(path)] == [ROMEO.bare]
    assert calls.profiler.slowest()[0].jid == ROMEO.bare


def test_slow_and_failed_calls_are_all_there_and_of_others_a_share(path: Path) -> None:
    calls = Calls()
    with calls.profiler.write(path, slower=0.5, every=10):
        for number in range(20):
            calls.chance = number / 20
            calls.call(0.5 if number % 2 else 0.1)
        calls.call(0.6)
        calls.call(0, LookupError())
        calls.call(0, TimeoutError())
        calls.call(0, XMPPError("item-not-found", etype="cancel"))
    found = [(line["outcome"], line.get("error"), line.get("weight", 1)) for line in written(path)]
    assert found == [
        ("ok", None, 10),
        ("ok", None, 10),
        ("ok", None, 1),
        ("error", "LookupError", 1),
        ("timeout", "TimeoutError", 1),
    ]


def test_calls_that_come_in_turn_are_all_seen(path: Path) -> None:
    api, profiler = install(FakeClient()), Profiler()
    for op in ("get", "set"):
        api.register(lambda jid, node, ifrom, args: None, "weather", op)
    api.observe(profiler)
    with profiler.write(path, every=10):
        for _ in range(1000):
            for op in ("get", "set"):
                assert api.run("weather", op).done()
    assert {line["op"] for line in written(path)} == {"get", "set"}


def test_calls_that_are_no_slower_than_what_is_kept_are_written_too(path: Path) -> None:
    calls = Calls()
    for _ in range(60):
        calls.call(0.25)
    with calls.profiler.write(path, slower=0.1):
        calls.call(0.125)
        calls.call(0)
        calls.chance = 0.0
        calls.call(0)
    assert [line["seconds"] for line in written(path)] == [0.125, 0.0]
    assert len(calls.profiler.slowest()) == 50


def test_lines_are_there_soon(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_EVERY", 0.001)
    calls = Calls()
    until = time.monotonic() + 20
    with calls.profiler.write(path, every=1):
        calls.call()
        while not path.stat().st_size and time.monotonic() < until:
            pass
        assert len(written(path)) == 1


def test_file_is_continued_and_only_its_owner_may_read_it(path: Path) -> None:
    calls = Calls()
    for _ in range(2):
        with calls.profiler.write(path, every=1) as writing:
            calls.call()
        calls.call()  # after the end
        assert writing.is_closed
        writing.close()
        path.chmod(0o644)
    assert len(written(path)) == 2
    with calls.profiler.write(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_full_file_is_rotated_and_one_old_one_stays(path: Path) -> None:
    calls = Calls()
    for number in range(3):
        with calls.profiler.write(path, every=1, max_bytes=300):
            calls.call(number)
            calls.call(number)
    old = path.with_name("calls.jsonl.1")
    assert [line["seconds"] for line in written(old)] == [1.0, 1.0]
    assert [line["seconds"] for line in written(path)] == [2.0, 2.0]
    assert [one.name for one in sorted(path.parent.iterdir())] == ["calls.jsonl", "calls.jsonl.1"]


def test_what_the_thread_cannot_keep_up_with_is_counted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_MAX_QUEUED", 3)
    monkeypatch.setattr(writer, "_EVERY", 3600)
    calls = Calls()
    with calls.profiler.write(path, every=1):
        for _ in range(5):
            calls.call()
    assert [line.get("dropped") for line in written(path)] == [None, None, None, 2]


def test_disk_that_is_full_loses_calls_and_no_more(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writer, "_EVERY", 3600)
    write, room = os.write, [400]  # bytes: two lines and a half

    def full(file: int, text: bytes) -> int:
        if not room:
            return write(file, text)
        if room[0] <= 0:
            raise OSError(28, "No space left on device")
        part, room[0] = text[: room[0]], room[0] - len(text)
        return write(file, part)

    monkeypatch.setattr(os, "write", full)
    calls = Calls()
    with caplog.at_level(logging.ERROR, "slixmpp_inspector"), calls.profiler.write(path, every=1) as writing:
        for _ in range(3):
            calls.call()
        writing._drain()
        calls.call()
        writing._drain()
        room.clear()
        calls.call()
    assert [one.getMessage() for one in caplog.records] == [f"calls cannot be written to {path}"]
    with path.open("rb") as file:
        *whole, half, last, dropped = [line for _, line in lines.read(file)]
    assert [isinstance(one, lines.Line) for one in (*whole, half, last, dropped)] == [True, True, False, True, True]
    assert isinstance(dropped, lines.Line)
    assert dropped.dropped == 2


def test_half_a_line_that_a_killed_program_left_is_ended(path: Path) -> None:
    path.write_bytes(b'{"v":1,"at":')
    calls = Calls()
    for _ in range(2):
        with calls.profiler.write(path, every=1):
            calls.call()
    with path.open("rb") as file:
        assert [isinstance(line, lines.Line) for _, line in lines.read(file)] == [False, True, True]


def test_program_may_change_its_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "calls.jsonl").write_text("precious", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    calls = Calls()
    with calls.profiler.write("calls.jsonl", every=1, max_bytes=300) as writing:
        monkeypatch.chdir(other)
        for _ in range(5):
            calls.call()
            writing._drain()
    assert [one.name for one in other.iterdir()] == ["calls.jsonl"]
    assert (other / "calls.jsonl").read_text(encoding="utf-8") == "precious"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["calls.jsonl", "calls.jsonl.1", "other"]


def test_file_that_somebody_took_away_is_made_anew(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Calls()
    with calls.profiler.write(path, every=1, max_bytes=300) as writing:
        calls.call()
        calls.call()
        writing._drain()
        path.unlink()
        calls.call()
    assert len(written(path)) == 1


def test_pipe_is_written_and_left_as_it_is(path: Path) -> None:
    os.mkfifo(path, 0o644)
    got: list[bytes] = []
    reading = threading.Thread(target=lambda: got.append(path.read_bytes()))
    reading.start()
    calls = Calls()
    with calls.profiler.write(path, every=1, max_bytes=100) as writing:
        calls.call()
        writing._drain()
        calls.call()
    reading.join()
    assert len(got[0].splitlines()) == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_file_that_cannot_be_read_is_continued(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text("", encoding="utf-8")

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "open", refuse)
    with Profiler().write(path):
        monkeypatch.undo()
    assert written(path) == []


def test_what_is_no_text_is_escaped(path: Path) -> None:
    calls = Calls()
    calls.api.register(calls.get_hash, "caf\udce9", "get")
    with calls.profiler.write(path, every=1):
        assert calls.api.run("caf\udce9", "get").done()
        calls.call()
    assert [line["ctype"] for line in written(path)] == ["caf\\udce9", "xep_0153"]
    assert written(path)[0]["spans"] == [["handler", 0.0, 0.0]]


def test_program_that_ends_without_closing_it_loses_nothing(path: Path) -> None:
    program = f"""
from slixmpp_inspector import Profiler
from slixmpp_pipeline import install
from slixmpp_pipeline.testing import FakeClient
api, profiler = install(FakeClient()), Profiler()
api.observe(profiler)
profiler.write({str(path)!r}, every=1)
api.run("weather", "get")
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    assert len(written(path)) == 1


def test_it_is_closed_once_whoever_closes_it(path: Path) -> None:
    writing = Profiler().write(path)
    threads = [threading.Thread(target=writing.close) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writing.is_closed


async def test_holds_are_there(path: Path) -> None:
    watched = Watched()
    watched.api.observe(profiler := Profiler(clock=watched.clock))
    watched.api.register(watched.holding(0.5), "weather", "get")
    with profiler.write(path):
        await watched.turns()
        await watched.run("weather", "get")
        await watched.turns()
    hold, call = sorted(written(path), key=lambda line: "seconds" in line)
    assert (hold["ctype"], hold["op"], call["op"]) == ("weather", "get", "get")
    assert hold["hold"][1] - hold["hold"][0] == pytest.approx(0.5, abs=0.1)
    assert hold["stack"][0].endswith("hold")


async def test_nothing_is_written_where_nobody_asked() -> None:
    watched = Watched()
    watched.api.observe(Profiler(clock=watched.clock))
    watched.api.register(watched.holding(0.5), "weather", "get")
    await watched.turns()
    await watched.run("weather", "get")
    await watched.turns()
    assert len(watched.dog.holds()) == 1


def test_a_profiler_writes_one_file(path: Path) -> None:
    profiler = Profiler()
    with profiler.write(path), pytest.raises(RuntimeError, match="writes already"):
        profiler.write(path)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"path": 5}, "path: 5 is int"),
        ({"slower": "1"}, "slower: '1' is str"),
        ({"slower": -1}, "slower: -1 is not allowed; a number of 0 or more is"),
        ({"slower": float("nan")}, "slower: nan is not allowed"),
        ({"every": 0}, "every: 0 is not allowed; a number of 1 or more is"),
        ({"every": 2.5}, "every: 2.5 is float"),
        ({"max_bytes": True}, "max_bytes: True is bool"),
    ],
)
def test_it_says_what_is_allowed(path: Path, given: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        Profiler().write(**({"path": path} | given))
    assert not path.exists()


def test_file_that_cannot_be_opened_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        Profiler().write(tmp_path)


def test_without_the_extra_it_says_what_to_type(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "slixmpp_inspector.writer", None)
    with pytest.raises(ImportError, match=r"pip install 'slixmpp-pipeline\[inspector\]'"):
        Profiler().write(path)


def test_lines_are_read_with_what_is_wrong_of_each() -> None:
    good = b'{"v":1,"at":5.0,"ctype":"c","op":"x","seconds":2,"spans":[["handler",0,2]],"more":1}\n'
    bad = [
        b"[1]",
        b"{",
        b'"\xff"',
        b'{"v":2}',
        b'{"v":1,"seconds":-1}',
        b'{"v":1,"at":1e20}',
        b'{"v":1,"spans":"x"}',
        b'{"v":1,"weight":1' + b"0" * 20 + b"}",
    ]
    file = io.BytesIO(good + b"\n" + b"".join(one + b"\n" for one in bad) + good[:-1])
    found = list(lines.read(file))
    assert [number for number, _ in found] == [1, *range(3, 12)]
    assert [isinstance(one, str) for _, one in found] == [False, *[True] * 8, False]
    first = found[0][1]
    assert isinstance(first, lines.Line)
    call = lines.call_of(first)
    assert (call.ctype, call.handler, call.seconds, call.spans) == ("c", None, 2, (Span("handler", 0, 2),))
    for half in (good[:20], b'{"v":1,"op":"caf\xc3"}'):
        assert list(lines.read(io.BytesIO(half))) == []


def test_page_lists_the_fields_of_a_line() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "lines.md").read_text(encoding="utf-8")
    cells = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    assert {name for cell in cells for name in re.findall(r"`(\w+)`", cell)} == set(lines.Line.__struct_fields__)
    shown = re.findall(r"^\{.*\}$", page, re.MULTILINE)
    found = [line for _, line in lines.read(io.BytesIO("".join(f"{one}\n" for one in shown).encode()))]
    assert [isinstance(line, lines.Line) for line in found] == [True] * 3
