"""`top`, `explain` and `lint` with the address of a page, as somebody types them."""

from __future__ import annotations

import asyncio
import http.server
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import StringIO
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from rich.console import Console, ConsoleDimensions

from slixmpp_inspector import Hold, Inspector, Profiler, WaitingCall, cli, remote, top
from slixmpp_inspector.remote import NoPage, Page, WrongAddress
from slixmpp_inspector.snapshots import HandlerRow, Snapshot
from slixmpp_middleware import Logging
from slixmpp_pipeline import PipelineRegistry, install
from slixmpp_pipeline.testing import FakeClient
from tests.inspector.asked import TOKEN
from tests.inspector.test_terminal import profile

HOLD = Hold(
    began=0,
    seconds=1.5,
    is_over=False,
    ctype="weather",
    op="get",
    handler="bot.get",
    tier="global",
    stack=("bot.py:5 get",),
)
ROW = HandlerRow(profile=profile(), per_second=12.34, each_second=[1.0], in_flight=3, held_loop=1.5)
SNAPSHOT = Snapshot(
    client="bot.example", at=0, window="minute", is_recorded=True, per_second=1234.5, pending=7, held=None,
    last_held=None, waiting=[], waiting_age=0.0, handlers=[ROW],
)  # fmt: skip


def typed(*args: str, **environment: str) -> Result:
    return CliRunner().invoke(cli.main, args, prog_name="slixmpp-pipeline", env=environment, catch_exceptions=False)


async def typed_there(*args: str) -> Result:
    """Type it in another thread, so that the loop of the test can answer."""
    return await asyncio.to_thread(typed, *args)


def shown(of: Snapshot, height: int | None = None) -> list[str]:
    out = Console(file=StringIO(), width=100, soft_wrap=True)
    out.print(top.view(of, None if height is None else ConsoleDimensions(80, height)))
    return [line.rstrip() for line in out.file.getvalue().splitlines()]  # type: ignore[attr-defined]


@pytest.fixture
async def api() -> PipelineRegistry:
    found = install(FakeClient())
    found.register(lambda *_: "rain", "weather", "get")
    found.observe(Profiler())
    found.run("weather", "get")
    return found


class TestView:
    def test_table_has_the_columns_of_the_page(self) -> None:
        head, columns, name, figures = shown(SNAPSHOT)
        assert head.startswith("bot.example: 1,234.5 calls/s, 7 under way  in the last minute, ")
        assert columns.split() == (
            ["calls/s", "time", "p50", "p95", "p99", "max", "in", "handler", "holds", "errors", "hits", "now"]
        )  # fmt: skip
        assert name.startswith("weather get  bot.get (global)")
        assert figures.split()[:2] == ["12.3", "100%"]
        assert figures.split()[-1] == "3"
        assert len(columns) <= 80

    def test_hold_is_told_with_its_stack_while_it_lasts_and_when_it_ended(self) -> None:
        assert shown(replace(SNAPSHOT, held=HOLD, last_held=HOLD))[1:3] == [
            "weather get: bot.get holds the loop for 1.50 s", "    bot.py:5 get"
        ]  # fmt: skip
        lines = shown(replace(SNAPSHOT, last_held=replace(HOLD, is_over=True)))
        assert lines[1] == "weather get: bot.get held the loop for 1.50 s"
        assert lines[3].startswith("    until ")

    def test_handlers_are_as_many_as_there_is_room_for(self) -> None:
        many = replace(SNAPSHOT, handlers=[ROW] * 100)
        assert len(shown(many)) == 202
        assert len(shown(many, 24)) == 24
        assert len(shown(many, 25)) == 24  # no name without its figures
        assert len(shown(replace(many, held=HOLD), 3)) == 6  # the hold, and one handler

    def test_lines_are_cut_to_the_width(self) -> None:
        row = replace(ROW, profile=replace(ROW.profile, op="x" * 200))
        call = WaitingCall(ctype="weather", op="get", handler="bot.get", age=2, stack=("y" * 200,))
        lines = shown(replace(SNAPSHOT, handlers=[row] * 20, waiting=[call]), 24)
        assert len(lines) <= 24
        assert max(map(len, lines)) == 80
        assert lines[-1].endswith("…")

    def test_what_is_old_is_said_to_be(self) -> None:
        assert "what is shown is old" in str(top.view(SNAPSHOT, is_old=True).renderables[0])

    def test_calls_that_wait_are_shown_with_their_age(self) -> None:
        call = WaitingCall(ctype="weather", op="get", handler="bot.get", age=2, stack=("bot.py:5 get",))
        waits = replace(SNAPSHOT, waiting=[call] * 9)
        assert shown(waits)[-7:] == [
            "waiting longest",
            *["weather get: bot.get waits for 2.00 s", "    bot.py:5 get"] * 3,
        ]
        assert "waiting longest, 5.00 s ago" in shown(replace(waits, waiting_age=5.0))
        unknown = replace(SNAPSHOT, pending=3, waiting_age=None)
        assert "where calls wait is not known while the loop is held" in shown(unknown)

    def test_handler_without_a_call_that_ended_has_no_durations(self) -> None:
        row = replace(ROW, profile=replace(ROW.profile, calls=0, seconds=0.0, held=0.0))
        assert shown(replace(SNAPSHOT, handlers=[row]))[3].split()[1:6] == ["-"] * 5

    def test_states_are_said(self) -> None:
        assert shown(replace(SNAPSHOT, handlers=[]))[-1] == "no calls yet"
        assert "since the start" in shown(replace(SNAPSHOT, window="start"))[0]
        assert shown(replace(SNAPSHOT, is_recorded=False))[0].endswith("calls are no longer recorded")

    def test_names_do_nothing_to_the_terminal(self) -> None:
        row = replace(ROW, profile=replace(ROW.profile, ctype="\x1b[2J[red]", handler=None))
        text = "\n".join(shown(replace(SNAPSHOT, client="\x07", handlers=[row])))
        assert "\x1b" not in text
        assert "\\x1b[2J[red] get  no handler" in text


class TestCommand:
    async def test_top_shows_one_snapshot_where_there_is_no_terminal(self, api: PipelineRegistry) -> None:
        with Inspector(api, token=TOKEN) as inspector:
            done = await typed_there("top", str(inspector.address), "--window", "start")
        assert (done.exit_code, done.stderr) == (0, "")
        assert done.stdout.startswith("FakeClient: ")
        assert "weather get  " in done.stdout

    async def test_top_is_live_on_a_terminal_until_the_bot_ends(
        self, api: PipelineRegistry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        out = Console(file=StringIO(), force_terminal=True, width=100, height=30)
        monkeypatch.setattr(top, "console", lambda: out)
        inspector = Inspector(api, token=TOKEN)
        asked = asyncio.ensure_future(typed_there("top", inspector.start()))
        while "weather get" not in out.file.getvalue():  # type: ignore[attr-defined]  # noqa: ASYNC110  # a thread writes
            await asyncio.sleep(0)
        inspector.stop()
        done = await asked
        assert (done.exit_code, done.stderr) == (3, "the bot has ended\n")

    def test_interrupt_ends_it_well(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(top, "show", interrupted)
        assert typed("top", f"http://127.0.0.1:1/?token={TOKEN}").exit_code == 0

    async def test_explain_and_lint_tell_what_is_registered_now(self, api: PipelineRegistry) -> None:
        api.use(Logging(), Logging())
        with Inspector(api, token=TOKEN) as inspector:
            address = str(inspector.address)
            told = await typed_there("explain", address, "weather", "get")
            assert (told.exit_code, told.stdout) == (0, f"{api.explain('weather', 'get')}\n")
            told = await typed_there("explain", address, "weather", "get", "--jid", "a@b", "--node", "n", "--json")
            assert [(one["jid"], one["node"]) for one in json.loads(told.stdout)] == [("a@b", "n")]
            assert (await typed_there("explain", address, "nothing", "get")).exit_code == 1
            wrong = await typed_there("explain", address, "weather", "get", "--jid", "@@")
            assert (wrong.exit_code, "'@@' is not a JID" in wrong.stderr) == (2, True)
            found = await typed_there("lint", address)
            assert (found.exit_code, found.stdout) == (1, f"{api.lint()}\n")
            found = await typed_there("lint", address, "--json")
            assert [one["reason"] for one in json.loads(found.stdout)] == [one.reason for one in api.lint()]

    async def test_answer_of_a_loop_that_is_held_is_said_to_be_old(self, api: PipelineRegistry) -> None:
        results: list[Result] = []

        def hold(*_: object) -> None:
            results.extend(typed(*words, str(inspector.address)) for words in (("lint",), ("explain",)))

        api.register(hold, "weather", "hold")
        with Inspector(api, token=TOKEN) as inspector:
            assert (await typed_there("lint", str(inspector.address))).stderr == ""
            api.run("weather", "hold")
        lint, explain = results
        assert (lint.exit_code, lint.stdout) == (0, "no known mistake\n")
        assert lint.stderr.startswith("the bot's loop is held; this is what it told ")
        assert (explain.exit_code, explain.stderr) == (3, "the bot's loop is held\n")

    def test_bot_that_cannot_be_asked_is_told_by_exit_code_3(self, api: PipelineRegistry) -> None:
        with Inspector(api, token=TOKEN) as inspector:
            address = str(inspector.address)
            for command in ("top", "lint", "explain"):
                done = typed(command, address.replace(TOKEN, "wrong"))
                assert (done.exit_code, done.stderr) == (3, "the bot refuses the token\n")
        for command in ("top", "lint", "explain"):
            done = typed(command, address)
            assert done.exit_code == 3
            assert done.stderr.startswith("the bot does not answer: ")
            assert TOKEN not in done.output

    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.1:8000/",
            "ftp://localhost/?token=x",
            "http://?token=x",
            "http://[::1/?token=x",
            "http://localhost:port/?token=x",
            "localhost",
            f"http://{'x' * 64}.example/?token=x",
            "http://localhost/?token=a%0Ab",
            "http://localhost:0/?token=x",
        ],
    )
    def test_wrong_address_is_refused_at_once(self, url: str) -> None:
        assert typed("top", url).exit_code == 2

    @pytest.mark.parametrize("command", ["lint", "explain"])
    def test_address_without_a_scheme_is_told_from_a_module(self, command: str) -> None:
        done = typed(command, f"127.0.0.1:8000/?token={TOKEN}")
        assert (done.exit_code, "an address such as http://" in done.stderr) == (2, True)

    async def test_token_may_be_in_the_environment(self, api: PipelineRegistry) -> None:
        with Inspector(api, token=TOKEN) as inspector:
            bare = str(inspector.address).partition("?")[0]
            done = await asyncio.to_thread(typed, "lint", bare, SLIXMPP_PIPELINE_TOKEN=TOKEN)
            with_a_newline = await asyncio.to_thread(typed, "lint", bare, SLIXMPP_PIPELINE_TOKEN=f"{TOKEN}\n")
            wrong = await asyncio.to_thread(typed, "lint", bare, SLIXMPP_PIPELINE_TOKEN=f"{TOKEN} x")
        assert (done.exit_code, with_a_newline.exit_code, wrong.exit_code) == (0, 0, 2)
        assert TOKEN not in wrong.output

    def test_question_that_is_refused_is_told_as_such(self) -> None:
        with server(400, b"window: no", []) as address:
            for command in ("top", "lint", "explain"):
                done = typed(command, address)
                assert (done.exit_code, "the bot refuses the question: window: no" in done.stderr) == (2, True)


@contextmanager
def server(status: int, body: bytes, seen: list[str]) -> Iterator[str]:
    """Give the address of something that is no page."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(f"{self.path} {self.headers['Authorization']}")
            self.send_response(status)
            self.send_header("Location", "http://localhost:1/")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}/bots/one/?token={TOKEN}"
        serving.shutdown()
        thread.join()


@contextmanager
def stuck_server(go_on: threading.Event, first: bytes = b"5", second: bytes = b"6") -> Iterator[str]:
    """Give the address of a stream that says `first`, then nothing, and `second` to who asks again after `go_on`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            said = second if go_on.is_set() else first if not asked else None
            asked.append(None)
            if said is not None:
                self.wfile.write(b"data: " + said + b"\n\n")
            self.wfile.flush()
            go_on.wait(20)

        def log_message(self, *_: Any) -> None:
            return

    asked: list[None] = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}/?token={TOKEN}"
        go_on.set()
        serving.shutdown()
        thread.join()


class TestPage:
    @pytest.mark.parametrize(
        ("status", "body", "said"),
        [
            (200, b"hello", "no page of this release"),
            (200, b'{"text": 5}', "no page of this release"),
            (403, b"Not you.", "403 Forbidden.* Not you."),
            (404, b"<html>", "404 Not Found.$"),
            (302, b"", "302 Found"),
            (429, b"8 look already.", "8 look already"),
        ],
    )
    def test_what_is_no_page_is_told(self, status: int, body: bytes, said: str) -> None:
        seen: list[str] = []
        with server(status, body, seen) as address, pytest.raises(NoPage, match=said):
            Page(address).ask("lint", Snapshot)
        assert seen == [f"/bots/one/lint? Bearer {TOKEN}"]  # below the prefix, and nowhere else

    def test_prefix_may_have_any_characters(self) -> None:
        seen: list[str] = []
        with server(200, b"{}", seen) as address, pytest.raises(NoPage):
            Page(address.replace("/bots/", "/bücher/%20/")).ask("lint", Snapshot, node="\udce9")
        assert seen[0].startswith("/b%C3%BCcher/%20/one/lint?node=%3F ")

    def test_silence_is_told_and_the_stream_goes_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(remote, "_PATIENCE", 0.05)
        silent: list[None] = []
        go_on = threading.Event()

        def said() -> None:
            silent.append(None)
            if len(silent) == 2:
                go_on.set()

        with stuck_server(go_on) as address:
            events = Page(address).events(int, said)
            assert [next(events), next(events)] == [5, 6]
            events.close()
        assert len(silent) >= 2

    def test_last_snapshot_stays_and_is_said_to_be_old(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(remote, "_PATIENCE", 0.05)
        go_on = threading.Event()

        class Screen(StringIO):
            def write(self, text: str) -> int:
                if "what is shown is old" in text:
                    go_on.set()
                return super().write(text)

        out = Console(file=Screen(), force_terminal=True, width=150, height=30)
        monkeypatch.setattr(top, "console", lambda: out)
        said = msgspec.json.encode(SNAPSHOT)
        with stuck_server(go_on, said, said) as address, pytest.raises(NoPage, match="has ended"):
            top.show(Page(address), "minute")
        assert go_on.is_set()

    def test_silence_before_the_first_is_no_page(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(remote, "_PATIENCE", 0.05)
        with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(NoPage, match="timed out"):
            next(Page(f"http://127.0.0.1:{silent.getsockname()[1]}/?token=x").events(int))

    def test_https_is_spoken(self) -> None:
        with server(200, b"", []) as address, pytest.raises(NoPage, match="SSL"):
            Page(address.replace("http", "https")).ask("lint", Snapshot)

    def test_what_else_the_stream_says_is_passed_over(self) -> None:
        with server(200, b": comment\n\ndata: 5\n\ndata: 6\n\n", []) as address:
            events = Page(address).events(int)
            assert [next(events), next(events)] == [5, 6]
            with pytest.raises(NoPage, match="has ended"):
                next(events)

    def test_address_without_a_token_says_where_it_is(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("SLIXMPP_PIPELINE_TOKEN", raising=False)
        with pytest.raises(WrongAddress, match="SLIXMPP_PIPELINE_TOKEN"):
            Page("http://127.0.0.1:8000/?token=")
