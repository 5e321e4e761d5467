"""The tutorial that finds a slow handler is as it says: what is typed shows what is shown."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slixmpp_inspector.details import Told
from slixmpp_inspector.remote import Page
from slixmpp_inspector.snapshots import Snapshot

PAGE = Path(__file__).parents[2] / "docs" / "tutorial" / "slow-handler.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def comparable(text: str) -> list[str]:
    """Return the words of a text without what differs from run to run."""
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "<time>", text)
    text = re.sub(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{22}\b", "<page>", text)
    text = re.sub(r"[\d.,]+( (s|ms|µs)\b|%)", "<number>", text)
    text = re.sub(r"\S+/asyncio/tasks.py:\d+", "<asyncio>", text)
    return re.sub(r"━+", "<bar>", text).split()


@pytest.fixture
def bot(tmp_path: Path) -> Path:
    (source,) = blocks("python")
    (tmp_path / "bot.py").write_text(source, encoding="utf-8")
    return tmp_path


def command() -> list[str]:
    """Return the command of the page, of this environment."""
    (typed,) = [one for one in blocks("console") if "watch" in one]
    name, *words = shlex.split(typed.removeprefix("$ "))
    return [str(Path(sys.executable).with_name(name)), *words]


def test_it_shows_what_the_page_shows(bot: Path) -> None:
    done = subprocess.run(command(), cwd=bot, capture_output=True, text=True, check=False, timeout=100)
    assert (done.returncode, done.stdout) == (0, "")
    at_once, at_the_end, *_ = blocks("text")
    assert comparable(done.stderr) == comparable(at_once + at_the_end)


def test_a_signal_shows_the_line_at_which_it_waits(bot: Path) -> None:
    source = (bot / "bot.py").read_text(encoding="utf-8")
    later = "asyncio.get_running_loop().call_later(0.05, open, 'waits', 'w')"  # when it waits
    source = source.replace("asyncio.sleep(0.3)", f"asyncio.sleep(0.3, {later})")
    (bot / "bot.py").write_text(source, encoding="utf-8")
    running = subprocess.Popen(command(), cwd=bot, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not (bot / "waits").exists() and time.monotonic() < until:
        os.sched_yield()
    running.send_signal(signal.SIGUSR1)
    _, shown = running.communicate(timeout=100)
    words = comparable(blocks("text")[2])
    start = comparable(shown).index("waits") - words.index("waits")
    assert comparable(shown)[start : start + len(words)] == words


def test_page_of_a_bot_that_goes_on_shows_both_handlers(bot: Path) -> None:
    source, last = (bot / "bot.py").read_text(encoding="utf-8"), "bot.loop.run_until_complete(bot.busy_day())\n"
    assert source.endswith(last)
    (bot / "bot.py").write_text(source.removesuffix(last) + blocks("text")[3], encoding="utf-8")
    with subprocess.Popen(command(), cwd=bot, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        page = Page(running.stderr.readline().removeprefix("Bot: ").strip())
        for snapshot in page.events(Snapshot, window="minute"):
            shown = {row.profile.op: row for row in snapshot.handlers}
            if len(shown) == 2 and snapshot.last_held is not None:  # both handlers
                break
        told = page.ask("explain", Told, ctype="xep_0054", op="get_vcard")
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=100)
    assert snapshot.last_held is not None
    assert snapshot.last_held.op == "get_last_activity"
    assert shown["get_last_activity"].held_loop > 0.1
    assert "answered by __main__.Bot.get_vcard" in told.text
    assert "slowest calls" in said
