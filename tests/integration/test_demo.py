"""Does the demo do what it says, and does it notice when answers are missing?"""

from __future__ import annotations

import asyncio
import io
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"
if not (DOCS / "demo").is_dir():
    pytest.skip("the demo, docs/demo, is not part of the installed package", allow_module_level=True)
pytest.importorskip("rich", reason="the demo shows its tables with rich: pip install 'slixmpp-pipeline[demo]'")

from rich.console import Console  # noqa: E402
from slixmpp import JID  # noqa: E402
from slixmpp.plugins.xep_0054 import VCardTemp  # noqa: E402

from demo.__main__ import demonstrate  # noqa: E402  after the skips
from demo.durations import Durations  # noqa: E402
from demo.run import Settings  # noqa: E402
from demo.storage import VCards  # noqa: E402
from demo.traffic import KINDS, gather_people, make_traffic  # noqa: E402
from slixmpp_pipeline import install  # noqa: E402
from slixmpp_pipeline.testing import FakeClient  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Collection

    from demo.storage import OpenStorage

OPS = (
    "xep_0012 get_last_activity",
    "xep_0012 set_last_activity",
    "xep_0030 add_feature",
    "xep_0030 get_info",
    "xep_0030 get_items",
    "xep_0054 del_vcard",
    "xep_0054 get_vcard",
    "xep_0054 set_vcard",
    "xep_0231 get_bob",
)


class Forgetful:
    """Takes every vCard, keeps none, and answers at once."""

    def __init__(self, path: Path, slow: Collection[str]) -> None:
        pass

    async def get(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> VCardTemp | None:
        return None

    async def set(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        pass

    async def delete(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        pass

    async def close(self) -> None:
        pass


class Silent(Forgetful):
    """Never answers a read."""

    async def get(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> VCardTemp | None:
        await asyncio.Event().wait()
        raise AssertionError


class Failing(Forgetful):
    """Has no room for anything."""

    async def set(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        raise OSError(28, "No space left on device")


def run_demo(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(DOCS), "PYTHONIOENCODING": "utf-8", "COLUMNS": "80", **variables}
    environment.pop("FORCE_COLOR", None)
    command = [sys.executable, "-W", "error", "-m", "demo", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", timeout=60, check=False)


def run_on(storage: OpenStorage, **settings: Any) -> tuple[int, str]:
    out = io.StringIO()
    chosen = Settings(stanzas=48, jids=5, **settings)
    console = Console(file=out, width=200, highlight=False)
    with ThreadPoolExecutor() as thread:  # asyncio.run() would take away the loop that pytest-asyncio keeps in this one
        return thread.submit(demonstrate, chosen, console, storage).result(), out.getvalue()


def test_every_stanza_gets_its_answer(tmp_path: Path) -> None:
    done = run_demo("--stanzas", "200", "--jids", "20", "--seed", "7", TMPDIR=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"All 200 stanzas were answered: [\d.]+ s, [\d,]+ stanzas per second", done.stdout)
    for op in OPS:
        assert op in done.stdout
    for kind in KINDS:
        assert kind.name in done.stdout
    assert "tier: jid" in done.stdout
    assert "which shadows demo.storage.VCards.get" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_terminal_gets_no_colour_and_80_columns() -> None:
    done = run_demo("--stanzas", "20", "--jids", "3")
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_the_log_has_a_line_of_json_a_call(tmp_path: Path) -> None:
    log = tmp_path / "calls.jsonl"
    done = run_demo("--stanzas", "20", "--jids", "3", "--log", str(log))
    assert done.returncode == 0
    assert '"op": "get_vcard"' in log.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stanzas", "0"], "argument --stanzas: '0' is not allowed; a whole number from 1 to 1,000,000 is"),
        (["--stanzas", "many"], "argument --stanzas: 'many' is not allowed"),
        (["--jids", "-3"], "argument --jids: '-3' is not allowed; a whole number from 1 to 10,000 is"),
        (["--seed", "1.5"], "argument --seed: '1.5' is not allowed"),
        (["--log", "/nowhere/at/all"], "argument --log: '/nowhere/at/all' cannot be written: No such file"),
        (["--fast"], "unrecognized arguments: --fast"),
    ],
)
def test_a_bad_argument_is_named(arguments: list[str], message: str) -> None:
    done = run_demo(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_answers_that_never_come_are_named() -> None:
    code, out = run_on(Silent, read_timeout=30, patience=0.05)
    assert code == 1
    assert "stanzas did not get their answer" in out
    assert re.search(r"vCard of an account, q0 from visitor\d@montague.example/\w+ to user\d@\S+: no answer", out)


def test_an_error_in_place_of_a_result_is_no_answer() -> None:
    code, out = run_on(Silent, read_timeout=0.05, patience=5)
    assert code == 1
    assert "vCard of an account, q0 from" in out
    assert "remote-server-timeout instead of result" in out
    assert "not read back: xep_0054 get_vcard did not end within 0.05 s" in out


def test_a_vcard_that_was_not_kept_is_named() -> None:
    code, out = run_on(Forgetful)
    assert code == 1
    assert "vCard that a guest sends, q4 from" in out
    assert "'' is kept instead of" in out


def test_a_storage_that_takes_nothing_is_named() -> None:
    code, out = run_on(Failing)
    assert code == 1
    assert "The demo could not begin: [Errno 28] No space left on device" in out


def test_the_same_seed_makes_the_same_traffic() -> None:
    people = gather_people(10, seed=3)
    assert list(make_traffic(50, people, seed=3)) == list(make_traffic(50, people, seed=3))
    assert list(make_traffic(50, people, seed=3)) != list(make_traffic(50, people, seed=4))


async def test_a_cancelled_write_leaves_the_storage_whole(tmp_path: Path) -> None:
    vcards = VCards(tmp_path / "vcards.sqlite")
    card = VCardTemp()
    card["FN"] = "Zoë & Söhne"
    try:
        for number in range(50):
            writing = asyncio.ensure_future(vcards.set(JID(f"user{number}@cards.example"), "", None, card))
            await asyncio.sleep(0)
            writing.cancel()
        await vcards.set(JID("last@cards.example"), "", None, card)
        kept = await vcards.get(JID("last@cards.example/phone"), "", None, None)
        assert kept is not None
        assert kept["FN"] == "Zoë & Söhne"
    finally:
        await vcards.close()


async def test_the_percentiles_are_of_the_nearest_rank() -> None:
    ticks = iter([tick for call in range(1, 101) for tick in (0.0, float(call))])
    durations = Durations(clock=lambda: next(ticks))
    api = install(FakeClient(), durations)
    for call in range(100):
        await api.run("weather", "get", f"user{call}@cards.example")
    (figures,) = durations.figures()
    assert (figures.calls, figures.errors) == (100, 0)
    assert (figures.p50, figures.p95, figures.p99) == (50, 95, 99)
    assert figures.slowest.jid == "user99@cards.example"
