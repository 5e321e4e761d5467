"""What does a cache cost: a hit, a miss, a hundred that wait for one answer, and an answer that is a stanza?"""

from __future__ import annotations

import asyncio
import copy
from functools import partial
from typing import TYPE_CHECKING, Any

from slixmpp import JID
from slixmpp.plugins.xep_0054.stanza import VCardTemp

from cases.question import Question, Round, Row, Table, against
from cases.rounds import Case, Timer, timed
from cases.stacks import READ, READ_STANZA, ROMEO, idle_telemetry, plain_read, registry
from slixmpp_middleware import Caching

if TYPE_CHECKING:
    from slixmpp_pipeline import Layer

WAITERS = 100
NURSE = JID("nurse@capulet.example")


def layers(is_cached: bool, **settings: Any) -> tuple[Layer, ...] | None:
    """Return a cache, or None for slixmpp's own registry."""
    return (Caching(ttl=60, **settings),) if is_cached else None


def hit(is_cached: bool) -> Timer:
    """Prepare reads of one JID."""
    idle_telemetry()
    api = registry(layers(is_cached))
    api.register(plain_read, *READ)
    call, (ctype, op) = api.run, READ

    async def many(times: int) -> None:
        for _ in range(times):
            call(ctype, op, ROMEO)

    return timed(many)


def miss(is_cached: bool) -> Timer:
    """Prepare reads of two JIDs in turn; there is room for one, so each evicts the other."""
    api = registry(layers(is_cached, max_entries=1))
    api.register(plain_read, *READ)
    call, (ctype, op) = api.run, READ

    async def many(times: int) -> None:
        for _ in range(times):
            call(ctype, op, ROMEO)
            call(ctype, op, NURSE)

    return timed(many)


def waiters(is_cached: bool) -> Timer:
    """Prepare a hundred reads of one JID at once, while the handler waits; nothing is kept afterwards."""
    loop = asyncio.get_running_loop()
    gate: asyncio.Future[None] = loop.create_future()

    async def slow(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        await gate
        return "answer"

    api = registry(layers(is_cached))
    api.register(slow, *READ)
    call, (ctype, op) = api.run, READ

    async def many(times: int) -> None:
        nonlocal gate
        for _ in range(times):
            gate = loop.create_future()
            futures = [call(ctype, op, ROMEO) for _ in range(WAITERS)]
            await asyncio.sleep(0)
            gate.set_result(None)
            for future in futures:
                await future
            if is_cached:
                api.invalidate(ctype, op)

    return timed(many)


def vcard() -> VCardTemp:
    """Return a small vCard."""
    card = VCardTemp()
    card["FN"] = "Romeo Montague"
    card["NICKNAME"] = "Romeo"
    return card


def stanza(is_cached: bool) -> Timer:
    """Prepare reads whose answer is a stanza: slixmpp hands out the very one that is kept, a cache a copy."""
    card = vcard()

    def get_vcard(jid: JID, node: str, ifrom: JID | None, args: Any) -> VCardTemp:
        return card

    api = registry(layers(is_cached))
    api.register(get_vcard, *READ_STANZA)
    call, (ctype, op) = api.run, READ_STANZA

    async def many(times: int) -> None:
        for _ in range(times):
            call(ctype, op, ROMEO)

    return timed(many)


def stanza_copy() -> Timer:
    """Prepare slixmpp's own copying of that stanza."""
    card = vcard()

    async def many(times: int) -> None:
        for _ in range(times):
            copy.copy(card)

    return timed(many)


KINDS = {"hit": (hit, 1), "miss": (miss, 2), "100 waiters": (waiters, WAITERS), "hit, a stanza": (stanza, 1)}


def cases(quick: bool) -> list[Case]:
    """Return them, the same for a quick answer."""
    found = [Case("copy of a stanza", stanza_copy)]
    for name, (prepare, calls) in KINDS.items():
        found.append(Case(f"{name}, slixmpp", partial(prepare, False), calls=calls))
        found.append(Case(name, partial(prepare, True), calls=calls))
    return found


def less_the_copy(times: Round) -> float:
    """Return what a hit that is a stanza takes besides the copying."""
    return times["hit, a stanza"] - times["copy of a stanza"]


QUESTION = Question(
    name="cache",
    asks="What does a cache cost?",
    cases=cases,
    tables=[
        Table(
            "cache",
            "Caching alone, against slixmpp calling the handler that has the answer",
            [
                against("a hit", "hit", "hit, slixmpp"),
                against("a miss that evicts another answer", "miss", "miss, slixmpp"),
                against("100 that wait for one answer, each", "100 waiters", "100 waiters, slixmpp"),
                against("a hit that is a stanza, copied", "hit, a stanza", "hit, a stanza, slixmpp"),
                against("the copy alone", "copy of a stanza", "hit, a stanza, slixmpp"),
                Row(
                    "a hit that is a stanza, less the copy",
                    lambda times: less_the_copy(times) / times["hit, a stanza, slixmpp"],
                    less_the_copy,
                ),
            ],
        )
    ],
    processes=2,
)
