"""How does one run go? Everybody moves in, the stanzas are sent, and each answer is judged."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from demo.component import Shown, make_component, move_in
from demo.judge import judge_answer, judge_kept
from demo.outcome import Outcome, Seen, look_back
from demo.storage import OpenStorage, VCards
from demo.stream import Server, connected
from demo.traffic import KEPT, Stanza, gather_people, make_traffic
from demo.trouble import Trouble

if TYPE_CHECKING:
    from demo.settings import Settings


async def run(
    settings: Settings, open_storage: OpenStorage = VCards, advance: Callable[[], None] = lambda: None
) -> Outcome:
    """Run once, on a storage in a new directory that is gone afterwards; `advance` is called for each stanza.

    What the storage raises for the vCards that are there from the start comes out; `CallTimeout` if it never ends.
    """
    people = gather_people(settings.jids)
    trouble = Trouble(settings.seed, people.stuck)
    with tempfile.TemporaryDirectory(prefix="slixmpp-pipeline-demo-") as directory:
        log_path = settings.log or Path(directory, "calls.jsonl")
        storage = open_storage(Path(directory, "vcards.sqlite"), trouble)
        try:
            with log_path.open("w", encoding="utf-8") as log:
                shown = make_component(storage, log, settings.attempt_timeout)
                async with connected(shown.xmpp) as server:
                    await move_in(shown.xmpp, people)
                    set_up = shown.telemetry.counts()
                    traffic = enumerate(make_traffic(settings.stanzas, people, settings.seed))
                    started = time.perf_counter()
                    judged = await _send(traffic, server, shown, settings, advance)
                    seconds = time.perf_counter() - started
        finally:
            await storage.close()
        seen = Seen(
            settings=settings,
            shown=shown,
            trouble=trouble,
            judged=judged,
            strays=tuple(server.strays),
            seconds=seconds,
            set_up=set_up,
            logged=_read_log(log_path),
        )
        return look_back(seen)


async def _send(
    traffic: Iterator[tuple[int, Stanza]], server: Server, shown: Shown, settings: Settings, advance: Callable[[], None]
) -> dict[Stanza, str]:
    """Send everything and judge what comes back, then what is kept; `at_once` senders and readers take turns."""
    judged: dict[Stanza, str] = {}
    started = time.perf_counter()

    async def send_in_turn() -> None:
        for number, stanza in traffic:  # shared: whoever is free takes the next one
            await asyncio.sleep(started + number / settings.rate - time.perf_counter())
            if stanza.expected == KEPT:
                server.tell(stanza)
                judged[stanza] = "not looked at"
                continue
            judged[stanza] = judge_answer(stanza, await server.ask(stanza, settings.patience))
            advance()

    async def read_in_turn(brought: Iterator[Stanza]) -> None:
        for stanza in brought:
            judged[stanza] = await judge_kept(stanza, shown.xmpp, settings.patience)
            advance()

    async with asyncio.TaskGroup() as senders:
        for _ in range(settings.at_once):
            senders.create_task(send_in_turn())
    await shown.api.drain(settings.patience)
    brought = iter([stanza for stanza in judged if stanza.expected == KEPT])
    async with asyncio.TaskGroup() as readers:
        for _ in range(settings.at_once):
            readers.create_task(read_in_turn(brought))
    return judged


def _read_log(log: Path) -> list[dict[str, str]]:
    with log.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
