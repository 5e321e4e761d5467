"""Does the demo do what it says, and does it notice when answers are missing?"""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest

DOCS = Path(__file__).parents[2] / "docs"
if not (DOCS / "demo").is_dir():
    pytest.skip("the demo, docs/demo, is not part of the installed package", allow_module_level=True)
for needed in ("rich", "opentelemetry.sdk"):
    pytest.importorskip(needed, reason="what the demo needs is installed with: pip install 'slixmpp-pipeline[demo]'")

from rich.console import Console  # noqa: E402
from slixmpp import JID  # noqa: E402
from slixmpp.plugins.xep_0054 import VCardTemp  # noqa: E402

from demo.__main__ import demonstrate  # noqa: E402  after the skips
from demo.settings import Settings  # noqa: E402
from demo.storage import VCards  # noqa: E402
from demo.traffic import KINDS, gather_people, make_traffic  # noqa: E402
from demo.trouble import Trouble  # noqa: E402

if TYPE_CHECKING:
    from demo.storage import OpenStorage

OPS = (
    "get_last_activity",
    "set_last_activity",
    "add_feature",
    "get_info",
    "get_items",
    "del_vcard",
    "get_vcard",
    "set_vcard",
    "get_bob",
)
HEADINGS = ("calls", "time", "p50", "p95", "max", "handler", "held", "errors", "hits", "slowest")


class Forgetful:
    """Takes every vCard, keeps none, and answers at once."""

    def __init__(self, path: Path, trouble: Trouble) -> None:
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
    chosen = Settings(stanzas=52, jids=5, **settings)
    console = Console(file=out, width=200, highlight=False)
    with ThreadPoolExecutor() as thread:  # asyncio.run() would take away the loop that pytest-asyncio keeps in this one
        return thread.submit(demonstrate, chosen, console, storage).result(), out.getvalue()


def test_every_stanza_gets_its_answer_and_the_figures_add_up(tmp_path: Path) -> None:
    done = run_demo("--stanzas", "200", "--jids", "20", "--seed", "7", TMPDIR=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert "All 200 stanzas were answered, and the figures add up." in done.stdout
    assert re.search(r"[\d.]+ s, [\d,]+ stanzas per second", done.stdout)
    for word in (*OPS, *HEADINGS):
        assert word in done.stdout
    assert "tier: jid" in done.stdout
    assert "which shadows demo.storage.VCards.get" in done.stdout
    assert "telemetry inside a retry reports attempts as calls" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_terminal_gets_no_colour_no_bar_and_80_columns() -> None:
    done = run_demo("--stanzas", "20", "--jids", "3")
    assert "\x1b" not in done.stdout
    assert "answered \N{BOX DRAWINGS HEAVY HORIZONTAL}" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_gets_colour_unless_told_otherwise(variables: dict[str, str], coloured: bool) -> None:
    done = run_demo("--stanzas", "40", "--jids", "3", TERM="xterm-256color", TTY_COMPATIBLE="1", **variables)
    assert done.returncode == 0
    assert bool(re.search(r"\x1b\[(\d+;)*3\d", done.stdout)) == coloured


def test_the_log_has_a_line_of_json_a_call(tmp_path: Path) -> None:
    log = tmp_path / "calls.jsonl"
    done = run_demo("--stanzas", "20", "--jids", "3", "--log", str(log))
    assert done.returncode == 0
    assert '"op": "get_vcard"' in log.read_text()


@pytest.fixture(scope="module")
def document() -> Any:
    """Return what `--json` prints, parsed."""
    done = run_demo("--stanzas", "150", "--jids", "40", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_a_program_gets_one_json_document(document: Any) -> None:
    assert document["right"]
    assert document["wrong"] == document["lint"] == []
    assert document["duration"] > 0
    assert document["versions"]["slixmpp"]
    assert sum(kind["sent"] for kind in document["stanzas"]) == 150
    assert [kind["kind"] for kind in document["stanzas"]] == [kind.name for kind in KINDS]
    of_op = {(one["op"], one["tier"]): one for one in document["handlers"]}
    assert set(OPS) < {op for op, _ in of_op}
    assert sum(one["calls"] for one in of_op.values()) == sum(document["log"].values())
    reads = of_op["get_vcard", "global"]
    assert reads["p50"] <= reads["p95"] <= reads["p99"] <= reads["longest"]
    hits = sum(one["hits"] for (op, _), one in of_op.items() if op == "get_vcard")
    assert document["statistics"]["xep_0054 get_vcard"]["hits"] == hits
    assert document["slowest"][0]["spans"][-1][0] == "handler"


def test_the_layers_answer_to_the_trouble(document: Any) -> None:
    of_op = {(one["op"], one["tier"]): one for one in document["handlers"]}
    reads, writes = of_op["get_vcard", "global"], of_op["set_vcard", "global"]
    assert reads["hits"] > 0
    assert reads["retries"] > 0
    assert reads["errors"].get("CallTimeout", 0) > 0
    assert writes["retries"] > 0
    assert writes["errors"] == {}


def test_the_picture_loads_nothing_from_anywhere(tmp_path: Path) -> None:
    picture = tmp_path / "images" / "demo.svg"
    done = run_demo("--stanzas", "20", "--jids", "3", "--picture", str(picture))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    drawn = picture.read_text(encoding="utf-8")
    text = "".join(ElementTree.fromstring(drawn).itertext())
    for word in (*OPS, *HEADINGS):
        assert word in text
    assert not re.search(r"@font-face|@import|url\((?!#)|href|src", drawn)


def test_the_picture_in_the_repository_is_of_this_demo() -> None:
    drawn = (DOCS / "images" / "demo.svg").read_text(encoding="utf-8")
    text = "".join(ElementTree.fromstring(drawn).itertext())
    for word in (*OPS, *HEADINGS):
        assert word in text
    assert not re.search(r"@font-face|@import|url\((?!#)|href|src", drawn)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stanzas", "0"], "argument --stanzas: '0' is not allowed; a whole number from 1 to 100,000 is"),
        (["--stanzas", "many"], "argument --stanzas: 'many' is not allowed"),
        (["--jids", "-3"], "argument --jids: '-3' is not allowed; a whole number from 1 to 10,000 is"),
        (["--seed", "1.5"], "argument --seed: '1.5' is not allowed"),
        (["--log", "/nowhere/at/all"], "argument --log: '/nowhere/at/all' cannot be written: No such file"),
        (["--rate", "0"], "argument --rate: '0' is not allowed; a whole number from 1 to 100,000 is"),
        (["--json", "--picture", "demo.svg"], "argument --picture: not allowed with argument --json"),
        (["--fast"], "unrecognized arguments: --fast"),
    ],
)
def test_a_bad_argument_is_named(arguments: list[str], message: str) -> None:
    done = run_demo(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_answers_that_never_come_are_named() -> None:
    code, out = run_on(Silent, attempt_timeout=30, patience=0.05)
    assert code == 1
    assert "stanzas did not get their answer" in out
    assert re.search(r"vCard of an account, q0 from visitor\d@montague.example/\w+ to user\d@\S+: no answer", out)


def test_an_error_in_place_of_a_result_is_no_answer() -> None:
    code, out = run_on(Silent, attempt_timeout=0.05, patience=5)
    assert code == 1
    assert "vCard of an account, q0 from" in out
    assert "remote-server-timeout instead of result" in out
    assert "not read back: xep_0054 get_vcard did not end within 0.05 s" in out


def test_a_vcard_that_was_not_kept_is_named() -> None:
    code, out = run_on(Forgetful)
    assert code == 1
    assert "vCard that a guest sends, q5 from" in out
    assert "'' is kept instead of" in out


def test_a_storage_that_takes_nothing_is_named() -> None:
    code, out = run_on(Failing)
    assert code == 1
    assert "The demo could not begin: [Errno 28] No space left on device" in out


def test_the_same_seed_makes_the_same_traffic() -> None:
    people = gather_people(10)
    assert list(make_traffic(50, people, seed=3)) == list(make_traffic(50, people, seed=3))
    assert list(make_traffic(50, people, seed=3)) != list(make_traffic(50, people, seed=4))


async def test_a_cancelled_write_leaves_the_storage_whole(tmp_path: Path) -> None:
    vcards = VCards(tmp_path / "vcards.sqlite", Trouble())
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
