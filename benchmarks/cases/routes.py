"""What does the first call of an op cost, which compiles its route?"""

from __future__ import annotations

from functools import partial
from time import thread_time

from cases.question import Question, Round, Row, Table, against
from cases.rounds import Case, Timer
from cases.stacks import ROMEO, STACKS, WRITE, idle_telemetry, plain, registry
from slixmpp_pipeline.catalogue.slixmpp_ops import SLIXMPP_OPS

FIRST = ["no layers", "five", "six"]


def run(stack: str, is_first: bool) -> Timer:
    """Prepare calls of ops that were never called before, or once; the catalogue says of each what it says of one."""
    idle_telemetry()
    ctype, _ = WRITE

    async def timer(loops: int) -> float:
        api = registry(None if stack == "slixmpp" else STACKS[stack]())
        ops = [f"op {index}" for index in range(loops)]
        for op in ops:
            if stack != "slixmpp":
                api.declare(ctype, op, SLIXMPP_OPS[WRITE])
            api.register(plain, ctype, op)
        for op in () if is_first else ops:
            api.run(ctype, op, ROMEO)
        call = api.run
        started = thread_time()
        for op in ops:
            call(ctype, op, ROMEO)
        return thread_time() - started

    return timer


def cases(quick: bool) -> list[Case]:
    """Return them, the same for a quick answer."""
    return [
        Case(f"{stack}, {when}", partial(run, stack, when == "first"), loops=300)
        for stack in ("slixmpp", *FIRST)
        for when in ("first", "later")
    ]


def compiling(stack: str) -> Row:
    """Return the row of what the first call takes more than a later one."""

    def more(times: Round) -> float:
        return times[f"{stack}, first"] - times[f"{stack}, later"]

    return Row(f"{stack}, the route alone", lambda times: more(times) / times["slixmpp, later"], more)


QUESTION = Question(
    name="routes",
    asks="What does the first call of an op cost, which compiles its route?",
    cases=cases,
    tables=[
        Table(
            "routes",
            "The first call of an op, a write",
            [
                *(against(f"{one}, first call", f"{one}, first", "slixmpp, later") for one in ["slixmpp", *FIRST]),
                *(compiling(stack) for stack in FIRST),
            ],
            "× a later call of slixmpp",
        )
    ],
    processes=1,
    rounds=10,
)
