"""Where does the time of a call go? Its parts, one by one, and what they stand in for."""

from __future__ import annotations

from asyncio import Future, get_running_loop
from collections import OrderedDict
from collections.abc import Callable
from contextvars import copy_context
from importlib import import_module
from threading import Lock
from typing import Any

from slixmpp import JID

from cases.question import Question, Row, Table, ratio_of, time_of
from cases.rounds import Case, Timer, timed
from cases.stacks import READ, ROMEO, WRITE, TasklessPassing, five, idle_telemetry, plain, plain_read, registry
from slixmpp_middleware import Caching, Logging, Tracing
from slixmpp_pipeline.call import Given
from slixmpp_pipeline.execution.stepper import Stepper
from slixmpp_pipeline.generations.writes import Write, begin_writes, end_writes

BASE = "slixmpp's run()"


async def ended() -> None:
    """Be a coroutine that does not suspend."""


def repeated(part: Callable[[], Any]) -> Timer:
    """Return what makes a part over and over; the loop and the call of the part are in its time."""

    async def many(times: int) -> None:
        for _ in range(times):
            part()

    return timed(many)


def whole(layers: tuple[Any, ...] | None) -> Timer:
    """Prepare whole calls."""
    idle_telemetry()
    api = registry(layers)
    api.register(plain, *WRITE)
    run, (ctype, op) = api.run, WRITE
    return repeated(lambda: run(ctype, op, ROMEO))


def given() -> Given:
    """Return the record of a call, made as `run()` makes it."""
    return tuple.__new__(Given, (*WRITE, ROMEO, "", None, None, None))


def future() -> Timer:
    """Prepare finished futures."""
    loop = get_running_loop()

    def part() -> None:
        made: Future[None] = Future(loop=loop)
        made.set_result(None)

    return repeated(part)


def sent() -> None:
    """Step a coroutine to its end, which is an exception."""
    try:  # noqa: SIM105  # suppress() costs more than this
        ended().send(None)
    except StopIteration:
        pass


def stepped() -> Timer:
    """Prepare the same without the exception."""
    send = Stepper().send
    return repeated(lambda: send(ended()))


def written() -> Timer:
    """Prepare the moving of generations by a write."""
    idle_telemetry()
    api = registry((Caching(ttl=60),))
    api.register(plain, *WRITE)
    api.run(*WRITE, ROMEO)
    places, call = api._compiler.chains[WRITE[0]][WRITE[1]].written, given()  # noqa: SLF001  # it is about the insides

    def part() -> None:
        writes: list[Write] = []
        begin_writes(places, call, writes)
        end_writes(writes, call)

    return repeated(part)


def noted() -> None:
    """Make a call's notes, as a cache does."""
    given().notes["cache"] = "hit"


def found_by_cachetools() -> Timer:
    """Prepare a look-up of the least recently used, with the lock that it needs."""
    kept: Any = import_module("cachetools").LRUCache(10_000)  # only the benchmarks have it
    lock, key = Lock(), ("op", str(ROMEO), "", None, None)
    kept[key] = 1

    def part() -> None:
        with lock:
            kept[key]

    return repeated(part)


def found() -> Timer:
    """Prepare the same as it is."""
    kept, key = OrderedDict[Any, int](), ("op", str(ROMEO), "", None, None)
    kept[key] = 1
    get, use = kept.get, kept.move_to_end

    def part() -> None:
        get(key)
        use(key)

    return repeated(part)


def hit() -> Timer:
    """Prepare hits, through nothing but the cache."""
    idle_telemetry()
    api = registry((Caching(ttl=60),))
    api.register(plain_read, *READ)
    run, (ctype, op) = api.run, READ
    return repeated(lambda: run(ctype, op, ROMEO))


PARTS: dict[str, Callable[[], Timer]] = {
    "a finished future": future,
    "a copy of the JID": lambda: repeated(lambda: JID(ROMEO)),
    "its text": lambda: repeated(lambda: ROMEO.full),
    "the text of the bare JID": lambda: repeated(lambda: ROMEO.bare),
    "the record of a call": lambda: repeated(given),
    "the same, with notes": lambda: repeated(noted),
    "a copy of the context": lambda: repeated(copy_context),
    "a coroutine, and its one step": stepped,
    "the same, by send() and StopIteration": lambda: repeated(sent),
    "what a write moves": written,
    "a look into the cache": found,
    "the same, in cachetools with a lock": found_by_cachetools,
}
WHOLE: dict[str, Callable[[], Timer]] = {
    BASE: lambda: whole(None),
    "ours, no layers": lambda: whole(()),
    "ours, a taskless layer": lambda: whole((TasklessPassing(),)),
    "ours, a cache hit": hit,
    "ours, Logging and Tracing": lambda: whole((Logging(slow=60), Tracing())),
    "the same, and Caching": lambda: whole((Logging(slow=60), Tracing(), Caching(ttl=60))),
    "the same, and Timeout and Retry: five": lambda: whole(five()),
}


def cases(quick: bool) -> list[Case]:
    """Return them, the same for a quick answer."""
    return [Case(name, prepare) for name, prepare in {**WHOLE, **PARTS}.items()]


QUESTION = Question(
    name="parts",
    asks="Where does the time of a call go?",
    cases=cases,
    tables=[
        Table("whole", "Whole calls", [Row(name, ratio_of(name, BASE), time_of(name)) for name in WHOLE]),
        Table("parts", "Their parts", [Row(name, ratio_of(name, BASE), time_of(name)) for name in PARTS]),
    ],
    processes=2,
    seconds=4,
)
