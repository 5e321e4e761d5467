"""A program that knows nothing of it is watched, and ends as it would without."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from slixmpp.basexmpp import BaseXMPP

from slixmpp_inspector import Inspector, cli
from slixmpp_inspector.watch import Watch

BOT = """
import asyncio, os, signal, sys, time
from slixmpp import ComponentXMPP

class Bot(ComponentXMPP):
    def __init__(self, name="bot.localhost"):
        super().__init__(name, "secret", "127.0.0.1", 5347)
        self.register_plugin("xep_0054")
        self.register_plugin("xep_0012")
        self.plugin["xep_0054"].api.register(self.get_vcard, "get_vcard")
        self.plugin["xep_0012"].api.register(self.last, "get_last_activity")

    async def get_vcard(self, jid, node, ifrom, args):
        await self.query()

    async def query(self):
        await asyncio.sleep(0.5 if "--wait" in sys.argv or "--show" in sys.argv else 0.01)

    def last(self, jid, node, ifrom, args):
        until = time.monotonic() + 0.2
        while time.monotonic() < until:
            pass
        return {"seconds": 5, "status": "away"}

async def main():
    bot = Bot()
    await asyncio.sleep(0.05)
    asked = bot.api.run("xep_0054", "get_vcard", "romeo@montague.example")
    if "--show" in sys.argv:
        os.kill(os.getpid(), signal.SIGUSR1)
        await asyncio.sleep(0.3)
    await asked
    await bot.api.run("xep_0012", "get_last_activity", "romeo@montague.example")
    await asyncio.sleep(0)
    print("argv", sys.argv[1:], __name__)
    if "--two" in sys.argv:
        Bot("two.localhost")
    if "--fail" in sys.argv:
        raise LookupError("no luck")
    if "--exit" in sys.argv:
        sys.exit(7)
    if "--terminate" in sys.argv:
        signal.raise_signal(signal.SIGTERM)
        await asyncio.sleep(1)
    if "--interrupt" in sys.argv:
        raise KeyboardInterrupt
    if "--install" in sys.argv:
        from slixmpp_middleware import Timeout
        from slixmpp_pipeline import install
        print(install(bot, Timeout(5)).explain("xep_0054", "get_vcard"))

if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "argv", [*sys.argv])
    (tmp_path / "bot.py").write_text(BOT, encoding="utf-8")
    made, handled, threads = BaseXMPP.__init__, signal.getsignal(signal.SIGUSR1), set(threading.enumerate())
    yield tmp_path
    assert BaseXMPP.__init__ is made
    assert signal.getsignal(signal.SIGUSR1) is handled
    assert set(threading.enumerate()) == threads


def watched(*args: str) -> Result:
    return CliRunner().invoke(cli.main, ["watch", *args])


def test_names_both_handlers_and_the_line_that_holds_the_loop() -> None:
    done = watched("bot.py", "--flag", "word")
    assert done.exit_code == 0
    assert done.stdout == "argv ['--flag', 'word'] __main__\n"
    page, *first = done.stderr.splitlines()[:3]
    assert re.fullmatch(r"Bot: http://127\.0\.0\.1:\d+/\?token=[\w-]{22}", page)
    assert first[0].startswith("xep_0012 get_last_activity: __main__.Bot.last holds the loop for ")
    assert first[1].strip().startswith("bot.py:")
    assert first[1].endswith(" Bot.last")
    for words in ("bot.localhost", "xep_0054 get_vcard  __main__.Bot.get_vcard (global)", "slowest calls"):
        assert words in done.stderr


def test_runs_a_module() -> None:
    done = watched("-m", "bot", "word")
    assert (done.exit_code, done.stdout) == (0, "argv ['word'] __main__\n")


def test_runs_a_folder_and_a_module_of_a_package_that_makes_a_client(folder: Path) -> None:
    (folder / "app").mkdir()
    (folder / "app" / "__init__.py").write_text("from bot import Bot\nbot = Bot()\n", encoding="utf-8")
    (folder / "app" / "part.py").write_text("print('runs')\nfrom app import bot\nbot.loop.close()\n", encoding="utf-8")
    (folder / "app" / "__main__.py").write_text("print('runs')", encoding="utf-8")
    done = watched("-m", "app.part")
    asyncio.set_event_loop(None)
    sys.modules.pop("app"), sys.modules.pop("bot")
    assert (done.exit_code, done.stdout) == (0, "runs\n")
    assert "\nbot.localhost\n" in done.stderr
    assert watched("app").stdout == "runs\n"
    (folder / "empty").mkdir()
    (folder / "empty" / "__init__.py").write_text("", encoding="utf-8")
    assert "No module named" in watched("-m", "empty.nothing").stderr


def test_fork_ends_by_the_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    watch = Watch(0.1, "omit", None)
    watch._process = os.getpid() + 1
    monkeypatch.setattr(os, "kill", lambda _, number: killed.append(number))
    before = signal.getsignal(signal.SIGTERM)
    watch._terminate(signal.SIGTERM, None)
    signal.signal(signal.SIGTERM, before)
    assert (killed, watch._is_terminated) == ([signal.SIGTERM], False)


def test_program_ends_by_the_signal_whatever_cannot_be_shown(caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch(0.1, "omit", None)
    watch.clients.append(None)  # type: ignore[arg-type]  # something is wrong
    watch._close()
    assert [one.getMessage() for one in caplog.records] == ["what was seen could not be shown"]


def test_exit_code_is_the_programs() -> None:
    done = watched("bot.py", "--exit")
    assert done.exit_code == 7
    assert "Bot.get_vcard" in done.stderr


def test_traceback_is_as_without() -> None:
    done = watched("bot.py", "--fail")
    assert done.exit_code == 1
    begin = done.stderr.index("Traceback")
    traceback = done.stderr[begin : done.stderr.index("LookupError: no luck")].splitlines()
    assert traceback[1].startswith('  File "bot.py", line ')
    assert not any("slixmpp_inspector" in line or "runpy" in line for line in traceback)


def test_interrupt_ends_it_as_python_does() -> None:
    done = watched("bot.py", "--interrupt")
    assert done.exit_code == 128 + signal.SIGINT
    assert "KeyboardInterrupt" in done.stderr


def test_script_without_a_client_has_nothing_to_show(folder: Path) -> None:
    (folder / "none.py").write_text("print('hello')", encoding="utf-8")
    done = watched("none.py")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "hello\n", "no slixmpp client was made\n")


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="there are no such signals")
def test_signal_shows_where_calls_wait() -> None:
    done = watched("bot.py", "--show")
    assert done.stderr.count("bot.localhost") == 2  # then, and at the end
    waits = done.stderr[done.stderr.index("xep_0054 get_vcard: __main__.Bot.get_vcard waits for") :].splitlines()
    assert [line.rpartition(" ")[2] for line in waits[1:4]] == ["Bot.get_vcard", "Bot.query", "sleep"]


def test_program_that_is_terminated_shows_what_was_seen(folder: Path) -> None:
    program = """
import os, signal, sys, time
sys.argv = ["slixmpp-pipeline", "watch", "--write", "calls.jsonl", "bot.py", "--terminate"]
from slixmpp_inspector.command import main
main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == -signal.SIGTERM
    assert "xep_0012 get_last_activity  __main__.Bot.last (global)" in done.stderr
    assert "get_last_activity" in (folder / "calls.jsonl").read_text(encoding="utf-8")


def test_signal_ends_it_after_that(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[tuple[object, ...]] = []
    monkeypatch.setattr(os, "kill", lambda *given: ended.append((*given, signal.getsignal(signal.SIGTERM))))
    done = watched("--write", "calls.jsonl", "bot.py", "--terminate")
    assert ended[0] == (os.getpid(), signal.SIGTERM, signal.SIG_DFL)
    assert done.stderr.count("slowest calls") > 1  # before that, and since nothing has ended it here


def test_program_that_handles_the_signal_itself_does_so(folder: Path) -> None:
    handled: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: handled.append(number))
    try:
        assert watched("bot.py").exit_code == 0
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert handled == [signal.SIGTERM]


def test_jids_of_clients_are_not_shown_unless_asked_for(folder: Path) -> None:
    program = "import asyncio, slixmpp\nasync def main(): slixmpp.ClientXMPP('romeo@montague.example/home', 'x')\n"
    (folder / "client.py").write_text(f"{program}asyncio.run(main())\n", encoding="utf-8")
    assert "\nClientXMPP\n" in watched("client.py").stderr
    assert "\nromeo@montague.example\n" in watched("--jids", "bare", "client.py").stderr


def test_looks_do_not_pile_up_while_the_loop_is_held(folder: Path) -> None:
    source = BOT.replace("time.monotonic() + 0.2", "time.monotonic() + 1.5").replace("Bot.query", "Bot.query")
    (folder / "bot.py").write_text(source, encoding="utf-8")
    shown = watched("bot.py", "--wait").stderr
    share = re.search(r"waited here at (\d+)% of looks", shown)
    assert share is not None
    assert int(share[1]) > 60  # of 0.5 s in which it waited, and none of 1.5 s in which nobody could look


def test_where_there_are_no_such_signals_nothing_is_asked_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    handled = signal.getsignal(signal.SIGUSR1)
    with monkeypatch.context() as without:
        without.delattr(signal, "SIGUSR1")
        done = watched("bot.py")
    assert (done.exit_code, signal.getsignal(signal.SIGUSR1)) == (0, handled)


def test_each_client_has_a_table_and_a_file(folder: Path) -> None:
    done = watched("--write", "calls.jsonl", "bot.py", "--two")
    assert "\nbot.localhost\n" in done.stderr
    assert "\ntwo.localhost\nno call\n" in done.stderr
    found = [json.loads(line) for line in (folder / "calls.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {line["op"] for line in found} >= {"get_last_activity"}
    assert [line["stack"][0].rpartition(" ")[2] for line in found if "hold" in line] == ["Bot.last"]
    assert (folder / "calls.jsonl.client2").read_text(encoding="utf-8") == ""
    assert "romeo" not in (folder / "calls.jsonl").read_text(encoding="utf-8")


def test_jids_are_there_if_asked_for() -> None:
    assert "jid montague.example" in " ".join(watched("--jids", "domain", "bot.py").stderr.split())


def test_program_that_installs_layers_keeps_them() -> None:
    done = watched("bot.py", "--install")
    assert done.exit_code == 0
    assert "Timeout(seconds=5)" in done.stdout


WITHOUT_A_LOOP = """
import asyncio, time
from bot import Bot
bot = Bot()
time.sleep(0.3)
bot.loop.close()
asyncio.set_event_loop(None)
"""
UNINSTALLED = """
import asyncio
from bot import Bot
from slixmpp_pipeline import uninstall
async def main():
    uninstall(Bot())
    await asyncio.sleep(0.3)
asyncio.run(main())
"""


@pytest.mark.parametrize("program", [WITHOUT_A_LOOP, UNINSTALLED], ids=["without a loop", "uninstalled"])
def test_client_that_cannot_be_looked_at_is_left_alone(folder: Path, program: str) -> None:
    (folder / "other.py").write_text(program, encoding="utf-8")
    done = watched("other.py")
    assert (done.exit_code, done.stderr.split("\n")[2:4]) == (0, ["bot.localhost", "no call"])


def test_lines_at_which_calls_waited_are_shown() -> None:
    done = watched("bot.py", "--wait")
    shown = done.stderr[done.stderr.index("where calls waited") :].splitlines()
    assert shown[1].startswith("xep_0054 get_vcard: __main__.Bot.get_vcard waited here at ")
    assert [line.rpartition(" ")[2] for line in shown[2:5]] == ["Bot.get_vcard", "Bot.query", "sleep"]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


class TestPage:
    PAGE = re.compile(r"^(\w+): http://127\.0\.0\.1:(\d+)/\?token=[\w-]{22}$", re.MULTILINE)

    def test_each_client_has_a_page_and_the_first_has_the_port(self) -> None:
        port = free_port()
        done = watched("--port", str(port), "bot.py", "--two")
        first, second = self.PAGE.findall(done.stderr)
        assert first == ("Bot", str(port))
        assert second[1] != str(port)

    def test_page_is_served_while_the_program_runs(self, folder: Path) -> None:
        (folder / "bot.py").write_text(
            BOT.replace("    await asked\n", "    await asked\n    await asyncio.to_thread(sys.stdin.readline)\n"),
            encoding="utf-8",
        )
        command = [sys.executable, "-c", "from slixmpp_inspector.command import main; main()", "watch", "bot.py"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
            assert running.stderr is not None
            page = running.stderr.readline().partition(" ")[2].strip()
            asked = CliRunner().invoke(cli.main, ["explain", page, "xep_0054", "get_vcard"])
            running.communicate("go on\n", timeout=60)
        assert "answered by __main__.Bot.get_vcard" in asked.stdout
        assert running.returncode == 0

    def test_there_is_none_if_it_is_not_wanted(self) -> None:
        assert self.PAGE.findall(watched("--no-page", "bot.py").stderr) == []

    def test_port_in_use_is_told_before_the_program_runs(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as used:
            port = used.getsockname()[1]
            done = watched("--port", str(port), "bot.py")
        assert (done.exit_code, done.stdout) == (2, "")
        assert f"nobody can listen at port {port}" in done.stderr

    def test_port_that_is_taken_meanwhile_costs_the_page_alone(self, folder: Path) -> None:
        port = free_port()
        (folder / "other.py").write_text(
            f"import asyncio, socket\nused = socket.create_server(('127.0.0.1', {port}))\n"
            "import bot\nasyncio.run(bot.main())\nused.close()\n",
            encoding="utf-8",
        )
        done = watched("--port", str(port), "other.py")
        sys.modules.pop("bot")
        assert done.exit_code == 0
        assert f"Bot has no page: Inspector: nobody can listen at port {port}" in done.stderr
        assert "slowest calls" in done.stderr

    def test_error_of_the_page_costs_the_page_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(_: Inspector) -> str:
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(Inspector, "start", fail)
        done = watched("bot.py")
        assert done.exit_code == 0
        assert "Bot has no page: can't start new thread" in done.stderr
        assert "xep_0012 get_last_activity" in done.stderr

    def test_port_in_use_is_no_matter_where_no_page_is_wanted(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as used:
            done = watched("--no-page", "--port", str(used.getsockname()[1]), "bot.py")
        assert done.exit_code == 0

    def test_eight_clients_have_one_at_most(self, folder: Path) -> None:
        source = (
            "import asyncio\nfrom bot import Bot\nasync def main():\n    [Bot(f'b{n}.localhost') for n in range(9)]\n"
        )
        (folder / "many.py").write_text(f"{source}asyncio.run(main())\n", encoding="utf-8")
        done = watched("many.py")
        sys.modules.pop("bot")
        assert len(self.PAGE.findall(done.stderr)) == 8
        assert "b8.localhost" in done.stderr
