"""What does a user feel? Stanzas that a real component answers in a second, with layers and without."""

from __future__ import annotations

from functools import partial

from cases.component import stanzas_per_second
from cases.question import Question, Row, Table, ratio_of
from cases.rounds import Case, Timer
from cases.stacks import STACKS, idle_telemetry

FEW = ["no layers", "five", "six"]


def answer(stack: str) -> Timer:
    """Prepare a component that answers so many stanzas; it is connected anew each time."""
    idle_telemetry()

    async def timer(loops: int) -> float:
        layers = None if stack == "slixmpp" else STACKS[stack]()
        return loops / await stanzas_per_second(layers, loops)

    return timer


def cases(quick: bool) -> list[Case]:
    """Return them; fewer stanzas for a quick answer."""
    return [Case(stack, partial(answer, stack), loops=200 if quick else 500) for stack in ("slixmpp", *FEW)]


def rate(stack: str) -> Row:
    """Return the row of a rate, where more is better."""
    return Row(stack, ratio_of("slixmpp", stack), lambda times: 1 / times[stack])


QUESTION = Question(
    name="stanzas",
    asks="What does a user feel?",
    cases=cases,
    tables=[
        Table(
            "stanzas",
            "IQ stanzas that a component answers in a second",
            [rate(stack) for stack in ("slixmpp", *FEW)],
            "× the rate of slixmpp",
            "stanzas/s",
        )
    ],
    processes=2,
    rounds=8,
    seconds=6,
)
