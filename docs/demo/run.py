"""How does one run go? Everybody moves in, the stanzas are sent, and each answer is judged."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from slixmpp import JID
from slixmpp.exceptions import XMPPError

from demo.component import Shown, make_component, move_in, stored_name
from demo.durations import Figures
from demo.storage import OpenStorage, VCards
from demo.stream import Answer, Server, connected
from demo.traffic import DOMAIN, KEPT, Stanza, gather_people, make_traffic
from slixmpp_pipeline import Explanation


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How much traffic, and how long to wait.

    `at_once` stanzas are under way at a time. `read_timeout` is the seconds a vCard may take to be read, `patience`
    the seconds to wait for an answer; it is longer, so that a timeout is answered with an error. `log` None means a
    file that is removed at the end.
    """

    stanzas: int = 3000
    jids: int = 300
    seed: int = 1
    at_once: int = 64
    read_timeout: float = 2
    patience: float = 8
    log: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a run: each stanza with what is wrong, `""` for nothing, and what was measured."""

    judged: Mapping[Stanza, str]
    strays: tuple[Answer, ...]
    seconds: float
    figures: tuple[Figures, ...]
    events: Mapping[str, int]
    explanation: Explanation

    @property
    def missing(self) -> dict[Stanza, str]:
        """The stanzas without the right answer, with what came instead."""
        return {stanza: wrong for stanza, wrong in self.judged.items() if wrong}

    @property
    def all_answered(self) -> bool:
        """Whether every stanza got its answer, and none another."""
        return not self.missing and not self.strays


async def run(
    settings: Settings, open_storage: OpenStorage = VCards, advance: Callable[[], None] = lambda: None
) -> Outcome:
    """Run once, on a storage in a new directory that is gone afterwards; `advance` is called for each stanza.

    What the storage raises for the vCards that are there from the start comes out; `CallTimeout` if it never ends.
    """
    people = gather_people(settings.jids, settings.seed)
    with tempfile.TemporaryDirectory(prefix="slixmpp-pipeline-demo-") as directory:
        log_path = settings.log or Path(directory, "calls.jsonl")
        storage = open_storage(Path(directory, "vcards.sqlite"), people.slow)
        try:
            with log_path.open("w", encoding="utf-8") as log:
                shown = make_component(storage, log, settings.read_timeout)
                async with connected(shown.xmpp) as server:
                    await move_in(shown.xmpp, people)
                    traffic = make_traffic(settings.stanzas, people, settings.seed)
                    started = time.perf_counter()
                    judged = await _send(traffic, server, shown, settings, advance)
                    seconds = time.perf_counter() - started
        finally:
            await storage.close()
        return Outcome(
            judged=judged,
            strays=tuple(server.strays),
            seconds=seconds,
            figures=tuple(shown.durations.figures()),
            events=_count_events(log_path),
            explanation=shown.api.explain("xep_0054", "get_vcard", DOMAIN),
        )


async def _send(
    traffic: Iterator[Stanza], server: Server, shown: Shown, settings: Settings, advance: Callable[[], None]
) -> dict[Stanza, str]:
    """Send everything and judge what comes back."""
    judged: dict[Stanza, str] = {}

    async def send_in_turn() -> None:
        for stanza in traffic:  # shared: whoever is free takes the next one
            if stanza.expected == KEPT:
                server.tell(stanza)
                judged[stanza] = "not looked at"
                continue
            judged[stanza] = _judge(stanza, await server.ask(stanza, settings.patience))
            advance()

    async def look_in_storage(stanza: Stanza) -> None:
        judged[stanza] = await _judge_kept(stanza, shown, settings.patience)
        advance()

    async with asyncio.TaskGroup() as senders:
        for _ in range(settings.at_once):
            senders.create_task(send_in_turn())
    await shown.api.drain(settings.patience)
    async with asyncio.TaskGroup() as readers:
        for stanza in judged:
            if stanza.expected == KEPT:
                readers.create_task(look_in_storage(stanza))
    return judged


def _judge(stanza: Stanza, answer: Answer | None) -> str:
    """Say what is wrong with an answer, `""` for nothing."""
    if answer is None:
        return "no answer"
    if answer.outcome != stanza.expected:
        return f"{answer.outcome} instead of {stanza.expected}"
    if stanza.detail and stanza.detail not in answer.holds:
        return f"{answer.outcome} without {stanza.detail!r}"
    return ""


async def _judge_kept(stanza: Stanza, shown: Shown, patience: float) -> str:
    """Say what is wrong with what is stored, `""` for nothing."""
    try:
        async with asyncio.timeout(patience):
            name = await stored_name(shown.xmpp, JID(stanza.sender))
    except (OSError, sqlite3.Error, XMPPError) as error:  # timeouts are among them
        return f"not read back: {str(error) or repr(error)}"
    return "" if name == stanza.detail else f"{name!r} is kept instead of {stanza.detail!r}"


def _count_events(log: Path) -> Mapping[str, int]:
    with log.open(encoding="utf-8") as lines:
        return Counter(json.loads(line)["event"] for line in lines)
