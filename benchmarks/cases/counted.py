"""What is counted, in instructions: layers in front of a handler, each against slixmpp's own registry with the same."""

from __future__ import annotations

import asyncio
import itertools
import logging
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from slixmpp import JID

from cases import stacks
from cases.stacks import ROMEO, WRITE, Stack, TasklessPassing, coroutine, five, plain
from slixmpp_inspector import Profiler


@dataclass(frozen=True, slots=True)
class Case:
    """One row: layers in front of a handler, against the last row that is slixmpp's own, which has none.

    `instructions` is the most that it may cost of that, counted on CPython 3.11. `of_many` means that each call is for
    another JID, `is_profiled` that a profiler of the inspector looks at it.
    """

    name: str
    instructions: float
    layers: Stack | None = None
    handler: Any = plain
    op: tuple[str, str] = WRITE
    of_many: bool = False
    is_profiled: bool = False


async def waiting(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
    """Wait one turn of the loop."""
    await asyncio.sleep(0)


def failing(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
    """Fail."""
    raise LookupError


_MOST = 1200  # calls of a case

CASES = [
    Case("slixmpp, plain handler", 1),
    Case("no layers", 0.43, tuple),
    Case("a taskless layer", 1.0, lambda: (TasklessPassing(),)),
    Case("Logging, Tracing, Caching, Timeout, Retry; a write", 2.82, five),
    Case("the same; a cache hit", 1.71, five, op=stacks.READ),
    Case("the same; a cache miss", 6.5, five, op=stacks.READ, of_many=True),
    Case("no layers, profiled", 1.71, tuple, is_profiled=True),
    Case("the same five; a write, profiled", 4.45, five, is_profiled=True),
    Case("slixmpp, coroutine handler", 1, handler=coroutine),
    Case("no layers, coroutine handler", 0.77, tuple, coroutine),
    Case("the same five, coroutine handler; a write", 1.42, five, coroutine),
    Case("slixmpp, a handler that waits", 1, handler=waiting),
    Case("no layers, a handler that waits", 1.09, tuple, waiting),
    Case("the same five, a handler that waits; a write", 1.81, five, waiting),
    Case("the same five, a handler that waits; a cache hit", 0.42, five, waiting, stacks.READ),
    Case("slixmpp, a handler that fails", 1, handler=failing),
    Case("the same five, a handler that fails; a write", 3.36, five, failing),
]


def registry(case: Case) -> Any:
    """Return the registry that a case is about; telemetry is on, and records nothing."""
    stacks.idle_telemetry(logging.CRITICAL)
    api = stacks.registry(None if case.layers is None else case.layers())
    api.register(case.handler, *case.op)
    if case.is_profiled:
        # Calls that all take as long: how many are among the slowest would be chance.
        api.observe(Profiler(clock=partial(next, itertools.count(0.0, 2**-20))))
    return api


async def call(api: Any, case: Case, times: int) -> None:
    """Make the call of a case so many times."""
    run, (ctype, op) = api.run, case.op
    many = [JID(f"user{number}@montague.example") for number in range(_MOST)]  # as many in each process
    jids = many[:times] if case.of_many else [ROMEO] * times
    if case.handler in (coroutine, waiting):
        for jid in jids:
            await run(ctype, op, jid)
    elif case.handler is failing:
        for jid in jids:
            with suppress(LookupError):
                run(ctype, op, jid)
    else:
        for jid in jids:
            run(ctype, op, jid)
