"""What does a cache do with a million JIDs? It keeps the bound: time of a call, ten thousand new JIDs at a time.

And what do five layers cost in front of a handler that waits, if each of its calls is for another JID?
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import count
from time import thread_time

from slixmpp import JID

from cases.question import Question, Row, Table, ratio_of, time_of
from cases.rounds import Case, Timer
from cases.stacks import READ, STACKS, idle_telemetry, plain_read, registry
from cases.waits import answer
from slixmpp_middleware import Caching

AT_A_TIME = 10_000
AT_ONCE = 100
ENTRIES = 10_000
ROUNDS = 98
"""With the two rounds before them, a million JIDs."""


def new_jids() -> Iterator[list[JID]]:
    """Yield lists of JIDs that nobody has asked for before."""
    for first in count(0, AT_A_TIME):
        yield [JID(f"user{index}@montague.example") for index in range(first, first + AT_A_TIME)]


def run(is_cached: bool) -> Timer:
    """Prepare reads, each of a JID that nobody asked for before; they miss, and soon evict."""
    caching = Caching(ttl=3600, max_entries=ENTRIES)
    api = registry((caching,) if is_cached else None)
    api.register(plain_read, *READ)
    call, (ctype, op) = api.run, READ
    unasked = new_jids()

    async def timer(loops: int) -> float:
        jids = next(unasked)
        started = thread_time()
        for jid in jids:
            call(ctype, op, jid)
        seconds = thread_time() - started
        if is_cached and caching.statistics(api).entries > ENTRIES:
            raise RuntimeError(f"{caching.statistics(api)}: more than {ENTRIES} entries are kept")
        return seconds

    return timer


def wait(stack: str) -> Timer:
    """Prepare reads that wait, a hundred at once, each of a JID that nobody asked for before."""
    idle_telemetry()
    api = registry(None if stack == "slixmpp" else STACKS[stack]())
    api.register(answer, *READ)
    call, (ctype, op) = api.run, READ
    unasked = new_jids()

    async def timer(loops: int) -> float:
        jids = next(unasked)
        started = thread_time()
        for first in range(0, AT_A_TIME, AT_ONCE):
            for future in [call(ctype, op, jid) for jid in jids[first : first + AT_ONCE]]:
                await future
        return thread_time() - started

    return timer


def cases(quick: bool) -> list[Case]:
    """Return them; a quick answer comes of fewer rounds."""
    plain = [(name, partial(run, is_cached)) for name, is_cached in (("slixmpp", False), ("Caching", True))]
    waiting = [(f"waits, {stack}", partial(wait, stack)) for stack in ("slixmpp", "five")]
    return [Case(name, prepare, calls=AT_A_TIME, loops=1) for name, prepare in plain + waiting]


QUESTION = Question(
    name="jids",
    asks="What does a cache do with a million JIDs?",
    cases=cases,
    tables=[
        Table(
            "jids",
            "A million JIDs through Caching alone, which keeps ten thousand answers",
            [Row("a call", ratio_of("Caching", "slixmpp"), time_of("Caching"))],
        ),
        Table(
            "jids-wait",
            "A million JIDs through five layers, a handler that waits, a hundred calls at once",
            [Row("a call", ratio_of("waits, five", "waits, slixmpp"), time_of("waits, five"))],
        ),
    ],
    processes=1,
    rounds=ROUNDS,
    seconds=75,
)
