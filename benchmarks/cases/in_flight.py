"""What does a call cost while others wait? From one to ten thousand calls at once, that all wait for the same thing."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from cases.question import Question, Row, Table, ratio_of
from cases.rounds import Case, Timer, timed
from cases.stacks import ROMEO, STACKS, WRITE, idle_telemetry, registry

if TYPE_CHECKING:
    from slixmpp import JID

COUNTS = [1, 10, 100, 1_000, 10_000]
WHOSE = {"slixmpp": None, "no layers": STACKS["no layers"], "five": STACKS["five"]}


def run(stack: str, count: int) -> Timer:
    """Prepare so many calls that begin, wait for one future, and end."""
    idle_telemetry()
    loop = asyncio.get_running_loop()
    gate: asyncio.Future[None] = loop.create_future()

    async def waiting(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        await gate

    make = WHOSE[stack]
    api = registry(None if make is None else make())
    api.register(waiting, *WRITE)
    call, (ctype, op) = api.run, WRITE

    async def many(times: int) -> None:
        nonlocal gate
        for _ in range(times):
            gate = loop.create_future()
            futures = [call(ctype, op, ROMEO) for _ in range(count)]
            await asyncio.sleep(0)  # slixmpp's handlers begin here
            gate.set_result(None)
            for future in futures:
                await future

    return timed(many)


def cases(quick: bool) -> list[Case]:
    """Return them; fewer calls for a quick answer."""
    counts = [1, 100] if quick else COUNTS
    return [Case(f"{stack}, {count:,}", partial(run, stack, count), calls=count) for stack in WHOSE for count in counts]


def added(stack: str, count: int) -> Row:
    """Return the row of a stack: a call against slixmpp's, and what it takes more."""
    case, base = f"{stack}, {count:,}", f"slixmpp, {count:,}"
    return Row(f"{stack}, {count:,} at once", ratio_of(case, base), lambda times: times[case] - times[base])


QUESTION = Question(
    name="in_flight",
    asks="What does a call cost while others wait?",
    cases=cases,
    tables=[
        Table(
            "in-flight",
            "Calls that wait, from their beginning to their end",
            [added(stack, count) for stack in list(WHOSE)[1:] for count in COUNTS],
            unit="µs added",
        )
    ],
    processes=1,
    seconds=12,
)
