"""Does a call take longer the more handlers are registered? From one to a million, against slixmpp's registry."""

from __future__ import annotations

import random
from functools import cache, partial
from typing import Any

from slixmpp import JID

from cases.question import Budget, Question, Row, Table, ratio_of, time_of
from cases.rounds import Case, Timer, timed
from cases.stacks import ROMEO, WRITE, plain, registry

COUNTS = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000]
CALLED = 1_000
"""So many of the handlers are called in turn, where they are not all the same one."""


@cache
def filled(whose: str, count: int) -> Any:
    """Return a registry with so many handlers, each for a JID of its own, without layers."""
    api = registry(() if whose == "ours" else None)
    api.register(plain, *WRITE, ROMEO)
    for index in range(count - 1):
        api.register(plain, *WRITE, user(index))
    return api


def user(index: int) -> JID:
    """Return one JID of many."""
    return JID(f"user{index}@montague.example")


def same(whose: str, count: int) -> Timer:
    """Prepare calls of one handler of so many."""
    call, (ctype, op) = filled(whose, count).run, WRITE

    async def many(times: int) -> None:
        for _ in range(times):
            call(ctype, op, ROMEO)

    return timed(many)


def spread(whose: str, count: int) -> Timer:
    """Prepare calls of a thousand handlers in no order: what the processor keeps near is not all that they need."""
    call, (ctype, op) = filled(whose, count).run, WRITE
    called = [user(index) for index in range(0, count - 1, max(1, (count - 1) // CALLED))]
    called = (called * CALLED)[:CALLED] or [ROMEO] * CALLED
    random.Random(0).shuffle(called)

    async def many(times: int) -> None:
        for _ in range(times):
            for jid in called:
                call(ctype, op, jid)

    return timed(many)


def cases(quick: bool) -> list[Case]:
    """Return them; no more than a hundred thousand handlers for a quick answer."""
    counts = [1, 1_000, 100_000] if quick else COUNTS
    return [
        case
        for count in counts
        for whose in ("slixmpp", "ours")
        for case in (
            Case(f"same, {whose}, {count:,}", partial(same, whose, count)),
            Case(f"spread, {whose}, {count:,}", partial(spread, whose, count), calls=CALLED),
        )
    ]


def against_slixmpp(form: str, count: int) -> Row:
    """Return the row of a call with so many handlers, against slixmpp's with as many."""
    ours = f"{form}, ours, {count:,}"
    return Row(f"{count:,}", ratio_of(ours, f"{form}, slixmpp, {count:,}"), time_of(ours))


def against_one(form: str, whose: str, count: int) -> Row:
    """Return the row of a call with so many handlers, against the same registry with one."""
    case = f"{form}, {whose}, {count:,}"
    budget = Budget(1.2) if (form, whose, count) == ("same", "ours", COUNTS[-1]) else None
    return Row(f"{whose}, {count:,}", ratio_of(case, f"{form}, {whose}, 1"), time_of(case), budget)


QUESTION = Question(
    name="handlers",
    asks="Does a call take longer the more handlers are registered?",
    cases=cases,
    tables=[
        Table("handlers", "Calls of one handler of so many", [against_slixmpp("same", count) for count in COUNTS]),
        Table("handlers-spread", "Calls of a thousand of them", [against_slixmpp("spread", count) for count in COUNTS]),
        *(
            Table(
                f"handlers-growth-{form}",
                title,
                [against_one(form, whose, count) for whose in ("ours", "slixmpp") for count in (1_000, *COUNTS[-2:])],
                "× with one handler",
            )
            for form, title in (("same", "Growth, calls of one handler"), ("spread", "Growth, calls of a thousand"))
        ),
    ],
    processes=1,
    rounds=20,
    seconds=15,
)
