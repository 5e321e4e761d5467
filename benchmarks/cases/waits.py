"""What does a call cost whose handler waits, as handlers in production do: on a database, a file, a peer?"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from slixmpp import JID
from slixmpp.plugins.xep_0054.stanza import VCardTemp

from cases.question import Budget, Question, Row, Table, against
from cases.rounds import Case, Timer, timed
from cases.stacks import READ, ROMEO, STACKS, WRITE, idle_telemetry, plain_read, registry
from slixmpp_middleware import Caching, Logging, Retry, Timeout, Tracing

SLIXMPP = "slixmpp"
AT_ONCE = 300
NURSE = JID("nurse@capulet.example/hall")  # who asks, in half of the rows


class Failed(Exception):
    """What handlers raise here."""


def vcard() -> VCardTemp:
    """Return a vCard, as a stanza: what `set_vcard` gets."""
    stanza = VCardTemp()
    stanza["FN"] = "Juliet"
    stanza["NICKNAME"] = "nurse"
    return stanza


async def turn(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
    """Wait one turn of the loop."""
    await asyncio.sleep(0)


async def answer(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
    """Wait for a future that another part of the program sets, as a driver of a database does."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[str] = loop.create_future()
    loop.call_soon(future.set_result, "03d09cdb")
    return await future


def returned_coroutine(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
    """Return a coroutine, from a plain function."""
    return turn(jid, node, ifrom, args)


def returned_future(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
    """Return a future, from a plain function, as a storage does that commits in batches."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()
    loop.call_soon(future.set_result, None)
    return future


def fails(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
    """Fail."""
    raise Failed


async def fails_later(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
    """Wait one turn of the loop, and fail."""
    await asyncio.sleep(0)
    raise Failed


def missing() -> tuple[Any, ...]:
    """Return five layers whose cache has room for one answer: a question that follows another is a miss."""
    return Logging(slow=60), Tracing(), Caching(60, max_entries=1), Timeout(5), Retry(3)


LAYERS = {**STACKS, "missing": missing}


class Calls(NamedTuple):
    """The calls of a row: their handler, op and layers, who asks, with what, and the budget.

    That is against slixmpp with the same handler; one that returns a coroutine is against one that is a coroutine.
    """

    handler: Any
    op: tuple[str, str]
    stack: str
    ifrom: JID | None = None
    budget: Budget | None = None
    args: Any = None

    @property
    def of_slixmpp(self) -> Calls:
        """The calls that these are against."""
        handler = turn if self.handler is returned_coroutine else self.handler
        return self._replace(handler=handler, stack=SLIXMPP)

    def prepared(self) -> Callable[[JID], Any]:
        """Return what makes such a call; telemetry is on, and nothing is written."""
        idle_telemetry(logging.CRITICAL)
        api = registry(None if self.stack == SLIXMPP else LAYERS[self.stack]())
        api.register(self.handler, *self.op)
        return lambda jid: api.run(*self.op, jid, None, self.ifrom, self.args)


async def answered(future: Any) -> None:
    """Await a call; slixmpp's future holds what a plain function returned, and nobody has awaited that."""
    with suppress(Failed):
        inside = await future
        if asyncio.isfuture(inside) or asyncio.iscoroutine(inside):
            await inside


def one_by_one(calls: Calls) -> Timer:
    """Prepare calls of which each is awaited before the next."""
    call = calls.prepared()
    jids = itertools.cycle([ROMEO, NURSE])

    async def many(times: int) -> None:
        for _ in range(times):
            with suppress(Failed):
                await answered(call(next(jids)))

    return timed(many)


def at_once(calls: Calls) -> Timer:
    """Prepare calls that are begun, and then awaited."""
    call = calls.prepared()
    jids = [JID(f"user{number}@montague.example") for number in range(AT_ONCE)]

    async def many(times: int) -> None:
        for _ in range(times):
            for future in [call(jid) for jid in jids]:
                await answered(future)

    return timed(many)


ONE_BY_ONE = {
    "a turn of the loop, no layers": Calls(turn, WRITE, "no layers", None, Budget(1.15, since_312=0.8)),
    "a turn of the loop, Timeout": Calls(turn, WRITE, "Timeout"),
    "a turn of the loop, five": Calls(turn, WRITE, "five", NURSE, Budget(1.8, since_312=1.3)),
    "a future, five": Calls(answer, WRITE, "five", NURSE, Budget(2.0, since_312=1.55)),
    "a future, five, with a vCard": Calls(answer, WRITE, "five", NURSE, args=vcard()),
    "a coroutine of a plain function, five": Calls(returned_coroutine, WRITE, "five", None, Budget(2.7, since_312=2.2)),
    "a future of a plain function, five": Calls(returned_future, WRITE, "five"),
    "a miss that waits for a future, five": Calls(answer, READ, "missing", NURSE, Budget(4.3, since_312=3.8)),
    "a miss, plain handler, five": Calls(plain_read, READ, "missing", None, Budget(8, since_312=5.5)),
    "fails at once, five": Calls(fails, WRITE, "five", None, Budget(3.4, since_312=2.6)),
    "fails later, five": Calls(fails_later, WRITE, "five", NURSE, Budget(2.4, since_312=1.9)),
}
HIT = "a hit in front of a handler that waits, five"
MANY = {
    "a turn of the loop, no layers": Calls(turn, WRITE, "no layers", None, Budget(1.25, since_312=0.9)),
    "a turn of the loop, five": Calls(turn, WRITE, "five", NURSE, Budget(2.05, since_312=1.55)),
    "a future, five": Calls(answer, WRITE, "five", NURSE, Budget(2.4, since_312=1.75)),
    "a future of a plain function, five": Calls(returned_future, WRITE, "five"),
    "a future of a plain function, five, with a vCard": Calls(returned_future, WRITE, "five", NURSE, args=vcard()),
}


def hit(stack: str) -> Timer:
    """Prepare calls of a handler that waits; a cache answers them from memory."""
    call = Calls(answer, READ, stack).prepared()

    async def many(times: int) -> None:
        await call(ROMEO)
        for _ in range(times):
            await call(ROMEO)

    return timed(many)


def cases(quick: bool) -> list[Case]:
    """Return them, the same for a quick answer: each row, and slixmpp with the same handler."""
    found = [Case(f"{HIT}, {stack}", partial(hit, stack)) for stack in (SLIXMPP, "five")]
    for how, rows, calls in ((one_by_one, ONE_BY_ONE, 1), (at_once, MANY, AT_ONCE)):
        for name, row in rows.items():
            label = f"{how.__name__} {name}"
            found.append(Case(f"{label}, slixmpp", partial(how, row.of_slixmpp), calls=calls))
            found.append(Case(f"{label}, ours", partial(how, row), calls=calls))
    return found


def table(name: str, title: str, how: Any, rows: dict[str, Calls]) -> Table:
    """Return a table of rows, each against slixmpp with the same handler."""

    def row(of: str) -> Row:
        return against(of, f"{how.__name__} {of}, ours", f"{how.__name__} {of}, slixmpp", rows[of].budget)

    extra = (
        [against(HIT, f"{HIT}, five", f"{HIT}, {SLIXMPP}", Budget(0.4, since_312=0.35))] if rows is ONE_BY_ONE else []
    )
    return Table(name, title, [*map(row, rows), *extra])


QUESTION = Question(
    name="waits",
    asks="What does a call cost whose handler waits, against slixmpp's own registry on the same handler?",
    cases=cases,
    tables=[
        table("waits-one-by-one", "Handlers that wait, each call awaited before the next", one_by_one, ONE_BY_ONE),
        table("waits-at-once", "The same, 300 calls at once", at_once, MANY),
    ],
    seconds=10,
)
