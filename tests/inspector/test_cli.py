"""The command `slixmpp-pipeline`, as somebody types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from slixmpp_inspector import cli, command, targets
from tests.inspector.lines_of import call, hold, text

BOT = """
import asyncio
from slixmpp_middleware import Logging, Timeout
from slixmpp_pipeline import install
from slixmpp_pipeline.testing import FakeClient

def get(jid, node, ifrom, args):
    return "rain"

loop = asyncio.new_event_loop()
xmpp = FakeClient(loop=loop)
api = install(xmpp, Timeout(5))
api.register(get, "weather", "get")

def made():
    return xmpp

def broken():
    return 5

wrong = FakeClient(loop=loop)
install(wrong, Logging(), Logging())

class Handler:
    def __call__(self, jid, node, ifrom, args):
        return "rain"

wrong.api.register(Handler(), "weather", "get")
alone = FakeClient(loop=loop)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "weatherbot.py").write_text(BOT, encoding="utf-8")
    yield tmp_path
    module: Any = sys.modules.pop("weatherbot", None)
    if hasattr(module, "loop"):
        module.loop.close()


def typed(*args: str, **given: Any) -> Result:
    return CliRunner().invoke(cli.main, args, prog_name="slixmpp-pipeline", catch_exceptions=False, **given)


def as_process(*args: str, **given: Any) -> subprocess.CompletedProcess[str]:
    command_line = [sys.executable, "-c", "from slixmpp_inspector.command import main; main()", *args]
    return subprocess.run(command_line, capture_output=True, text=True, check=False, timeout=60, **given)


class TestReport:
    def test_shows_table_errors_holds_and_slowest_calls(self, folder: Path) -> None:
        lines = text(call(2.5), call(outcome="error", error="LookupError"), hold(1, 3, stack=("bot.py:5 sort",)))
        (folder / "calls.jsonl").write_bytes(lines)
        done = typed("report", "calls.jsonl")
        assert done.exit_code == 0
        for word in (
            "weather get  bot.get (global)",
            "LookupError",
            "held the loop for 2.00 s",
            "bot.py:5 sort",
            "1. 2.5",
        ):
            assert word in done.stdout
        assert done.stderr == ""

    def test_reads_stdin_and_several_files(self, folder: Path) -> None:
        (folder / "old.jsonl").write_bytes(text(call(), call()))
        done = typed("report", "old.jsonl", "-", "--json", input=text(call(op="set")))
        assert json.loads(done.stdout)["calls"] == 3

    def test_says_on_stderr_what_is_missing(self) -> None:
        lines = text(call(), "{", *["no"] * 6, "\x1b[2J", {"v": 1}, {"v": 1, "dropped": 1200})
        done = typed("report", "-", input=lines)
        assert done.exit_code == 0
        assert done.stderr.splitlines()[0].startswith("-:2: ")
        assert done.stderr.splitlines()[-3:] == [
            "more lines that cannot be read: 3",
            "lines of something else: 1",
            "calls that were dropped while they were written: 1,200",
        ]
        assert "\x1b" not in done.stderr

    def test_of_no_call_exits_with_1(self) -> None:
        done = typed("report", "-", input=b"")
        assert (done.exit_code, done.stdout) == (1, "no call\n")

    def test_shows_one_call_with_all_its_parts(self) -> None:
        spans = [["Caching", 0, 2], ["Retry", 0.001, 2], ["handler", 0.001, 2]]
        lines = text(call(2.0, spans=spans), call(3.0))
        done = typed("report", "-", "--call", "2", input=lines)
        assert [line.split()[0] for line in done.stdout.splitlines()] == [
            "2.",
            "bot.get",
            "Caching",
            "Retry",
            "handler",
        ]
        one = json.loads(typed("report", "-", "--call", "2", "--json", input=lines).stdout)
        assert (one["seconds"], one["spans"][0]) == (2.0, ["Caching", 0, 2])
        wrong = typed("report", "-", "--call", "3", input=lines)
        assert (wrong.exit_code, "the slowest 2 are kept" in wrong.stderr) == (2, True)

    def test_shows_as_many_calls_as_asked_for(self) -> None:
        done = typed("report", "-", "--slowest", "1", input=text(call(), call(), call()))
        assert sum(line.startswith(("1. ", "2. ")) for line in done.stdout.splitlines()) == 1

    def test_tells_how_far_it_is_on_a_terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cli, "_LINES", 1)
        times = iter([0.0, 0.5, 2.0, 3.0])
        monkeypatch.setattr(cli, "time", SimpleNamespace(monotonic=lambda: next(times)))
        lines = text(call(), call(), call())
        assert "lines read" not in typed("report", "-", input=lines).stderr
        times = iter([0.0, 0.5, 2.0, 3.0])
        monkeypatch.setattr(cli, "_is_terminal", lambda: True)
        assert typed("report", "-", input=lines).stderr.count("lines read") == 2

    def test_is_silent_if_the_pipe_is_closed(self, folder: Path) -> None:
        (folder / "calls.jsonl").write_bytes(text(*(call(op=f"get{number}") for number in range(3000))))
        script = "from slixmpp_inspector.command import main; main()"
        pipe = f"{sys.executable} -c '{script}' report calls.jsonl | head -1"
        done = subprocess.run(["bash", "-c", pipe], capture_output=True, text=True, check=False, timeout=60)
        assert (done.stderr, len(done.stdout.splitlines())) == ("", 1)

    def test_has_no_colour_without_a_terminal(self) -> None:
        assert "\x1b" not in typed("report", "-", input=text(call())).stdout


class TestExplain:
    @pytest.mark.parametrize("target", ["weatherbot:xmpp", "weatherbot:api", "weatherbot:made", "weatherbot:xmpp.api"])
    def test_takes_a_client_a_registry_or_a_function(self, target: str) -> None:
        done = typed("explain", target, "weather", "get")
        assert done.exit_code == 0
        assert "Timeout(seconds=5)" in done.stdout
        assert "answered by weatherbot.get" in done.stdout

    def test_shows_all_ops_and_exits_with_1_where_nothing_is(self) -> None:
        assert "weather get" in typed("explain", "weatherbot:api").stdout
        done = typed("explain", "weatherbot:api", "weather", "set", "--jid", "a@b", "--node", "n")
        assert (done.exit_code, "no handler" in done.stdout) == (1, True)

    def test_prints_json(self) -> None:
        (one,) = json.loads(typed("explain", "weatherbot:api", "weather", "get", "--json").stdout)
        assert (one["handler"], one["tier"], one["others"]) == ("weatherbot.get", "global", 0)
        assert [(layer["layer"], layer["scope"], layer["left_out"]) for layer in one["layers"]] == [
            ("Timeout(seconds=5)", "everywhere", None)
        ]
        (of_object,) = json.loads(typed("explain", "weatherbot:wrong", "weather", "get", "--json").stdout)
        assert of_object["handler"] == "weatherbot.Handler"
        (none,) = json.loads(typed("explain", "weatherbot:api", "weather", "set", "--json").stdout)
        assert none["handler"] is None

    @pytest.mark.parametrize(
        ("target", "message"),
        [
            ("weatherbot", "module:attribute is"),
            (":x", "module:attribute is"),
            ("nowhere:x", "there is no module nowhere"),
            ("weatherbot.sub:x", "there is no module weatherbot.sub"),
            ("weatherbot:nothing", "weatherbot has no nothing"),
            ("weatherbot:broken", "int has no pipeline"),
            (".weatherbot:xmpp", "module:attribute is"),
            ("weatherbot:get", "cannot be called without arguments"),
            ("weatherbot:alone", "FakeClient has no pipeline; install(xmpp, ...) makes one"),
        ],
    )
    def test_says_what_is_wrong_with_a_target(self, target: str, message: str) -> None:
        done = typed("explain", target)
        assert (done.exit_code, done.stdout) == (2, "")
        assert message in " ".join(done.stderr.split())

    def test_says_that_a_jid_is_none(self) -> None:
        done = typed("explain", "weatherbot:api", "weather", "get", "--jid", "a@@b")
        assert (done.exit_code, "--jid" in done.stderr) == (2, True)

    def test_shows_an_error_of_the_module_itself(self, folder: Path) -> None:
        (folder / "weatherbot.py").write_text("import nowhere_at_all", encoding="utf-8")
        with pytest.raises(ModuleNotFoundError, match="nowhere_at_all"):
            typed("explain", "weatherbot:api")

    def test_names_the_line_of_a_module_that_does_not_end(self, folder: Path) -> None:
        (folder / "weatherbot.py").write_text("import threading\nthreading.Event().wait()\n", encoding="utf-8")
        script = "from slixmpp_inspector.targets import registry_of; registry_of('weatherbot:api', 0.2)"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 2
        assert "weatherbot.py:2 <module>" in done.stderr
        assert 'if __name__ == "__main__":' in done.stderr

    def test_waits_for_a_module_no_longer_than_that(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        exits: list[int] = []
        source = "import time\nimport slixmpp_inspector.targets as targets\nwhile not targets.told: pass\n" + BOT
        (folder / "weatherbot.py").write_text(source, encoding="utf-8")
        monkeypatch.setattr(targets, "told", exits, raising=False)
        monkeypatch.setattr(os, "_exit", exits.append)
        assert targets.registry_of("weatherbot:api", 0.01).calls() == []
        assert exits == [2]
        assert "weatherbot.py:3 <module>" in capsys.readouterr().err


class TestLint:
    def test_exits_with_1_where_there_are_mistakes(self) -> None:
        done = typed("lint", "weatherbot:wrong")
        assert (done.exit_code, "reports every call twice" in done.stdout) == (1, True)
        (finding,) = json.loads(typed("lint", "weatherbot:wrong", "--json").stdout)
        assert finding.keys() == {"reason", "layers", "scopes"}

    def test_exits_with_0_where_there_are_none(self) -> None:
        done = typed("lint", "weatherbot:api")
        assert (done.exit_code, done.stdout) == (0, "no known mistake\n")


class TestCommand:
    def test_help_loads_click_and_nothing_else(self) -> None:
        script = (
            "import sys; sys.argv = ['slixmpp-pipeline', '--help']\n"
            "from slixmpp_inspector.command import main\n"
            "names = ('slixmpp', 'rich', 'msgspec', 'ddsketch')\n"
            "try: main()\n"
            "except SystemExit: print([name for name in names if name in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
        assert done.stdout.splitlines()[-1] == "[]"
        assert "watch" in done.stdout

    def test_package_loads_nothing_until_it_is_asked(self) -> None:
        script = "import slixmpp_inspector, sys\nprint([one for one in sys.modules if one in sys.argv])"
        names = ["slixmpp", "click", "rich", "msgspec", "ddsketch", "opentelemetry"]
        done = subprocess.run(
            [sys.executable, "-c", script, *names], capture_output=True, text=True, check=True, timeout=60
        )
        assert done.stdout == "[]\n"

    def test_says_its_version(self) -> None:
        assert as_process("--version").stdout.startswith("slixmpp-pipeline, version ")

    def test_without_the_extra_says_what_to_type(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(command, "find_spec", lambda name: None if name == "rich" else object())
        with pytest.raises(SystemExit) as exited:
            command.main()
        assert exited.value.code == 2
        assert "pip install 'slixmpp-pipeline[inspector]'" in capsys.readouterr().err

    def test_begins_the_command(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setattr(sys, "argv", ["slixmpp-pipeline", "lint", "weatherbot:api"])
        with pytest.raises(SystemExit) as exited:
            command.main()
        assert (exited.value.code, capsys.readouterr().out) == (0, "no known mistake\n")

    def test_wrong_use_exits_with_2(self) -> None:
        assert typed("report").exit_code == 2
        assert typed("report", "nowhere.jsonl").exit_code == 2
        done = typed("watch", "--threshold", "0", "bot.py")
        assert (done.exit_code, "--threshold" in done.stderr) == (2, True)

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (["nowhere.py"], "there is no file nowhere.py"),
            (["-m", "nowhere"], "there is no module nowhere"),
            (["-m", "nowhere.sub"], "there is no module nowhere.sub"),
            (["-m", ".sub"], "there is no module .sub"),
            (["--treshold", "1", "weatherbot.py"], "No such option"),
            (["--threshold", "inf", "weatherbot.py"], "--threshold"),
            (["--threshold", "1e300", "weatherbot.py"], "--threshold"),
            (["--write", "nowhere/calls.jsonl", "weatherbot.py"], "No such file or directory"),
            (["--write", ".", "weatherbot.py"], "Is a directory"),
        ],
    )
    def test_wrong_use_of_watch_is_told_before_the_program_begins(self, given: list[str], message: str) -> None:
        done = typed("watch", *given)
        assert (done.exit_code, done.stdout) == (2, "")
        assert message in " ".join(done.stderr.replace("│", " ").split())
