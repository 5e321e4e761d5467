"""What is measured: layers in front of a handler, each against slixmpp's own registry with the same handler."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from slixmpp import JID

from slixmpp_middleware import Caching, Logging, Metrics, Retry, Timeout, Tracing
from slixmpp_pipeline import Layer, install
from slixmpp_pipeline.testing import FakeClient

if TYPE_CHECKING:
    from slixmpp_pipeline import Call, CallNext

ROMEO = JID("romeo@montague.example/orchard")
WRITE, READ = ("xep_0054", "set_vcard"), ("xep_0153", "get_hash")


def plain(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
    """Do what a plugin's default handler does at least: nothing that can be measured."""


async def coroutine(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
    """Do the same as a coroutine function; it does not suspend."""


async def passing(call: Call, call_next: CallNext) -> Any:
    """Do nothing, as a user's layer."""
    return await call_next(call)


class TasklessPassing:
    """Do nothing, as a layer that promises to need no task."""

    taskless = True

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Pass the call on."""
        return await call_next(call)


def five() -> tuple[Layer, ...]:
    """Return the layers of the budgets."""
    return Logging(slow=1), Tracing(), Caching(ttl=60), Timeout(5), Retry(3)


@dataclass(frozen=True, slots=True)
class Case:
    """One row: layers in front of a handler, against the row named `base`, or the last that is slixmpp's own.

    `budget` is the most that it may cost of that, in time; `instructions` the most of it, counted, on CPython 3.11.
    """

    name: str
    layers: Callable[[], tuple[Layer, ...]] | None = None
    handler: Any = plain
    op: tuple[str, str] = WRITE
    handlers: int = 1
    base: str = ""
    budget: float | None = None
    instructions: float | None = None


NEWEST = sys.version_info >= (3, 12)

CASES = [
    Case("slixmpp, plain handler", instructions=1),
    Case("no layers", tuple, budget=0.4, instructions=0.43),
    Case("a user's layer", lambda: (passing,)),
    Case("a taskless layer", lambda: (TasklessPassing(),), instructions=1.05),
    Case("Logging alone", lambda: (Logging(slow=1),)),
    Case("Tracing alone", lambda: (Tracing(),)),
    Case("Metrics alone", lambda: (Metrics(),)),
    Case("Caching alone, on a write", lambda: (Caching(ttl=60),)),
    Case("Timeout alone", lambda: (Timeout(5),)),
    Case("Retry alone", lambda: (Retry(3),)),
    Case("Logging, Tracing, Caching, Timeout, Retry; a write", five, budget=1.3, instructions=2.2),
    Case("the same; a cache hit", five, op=READ, budget=1.2, instructions=2.1),
    Case("slixmpp, coroutine handler", handler=coroutine, instructions=1),
    Case("no layers, coroutine handler", tuple, coroutine, instructions=0.86),
    Case(
        "the same five, coroutine handler; a write",
        five,
        coroutine,
        budget=0.4 if NEWEST else 1.0,
        instructions=1.25,
    ),
    Case("no layers, one handler for a JID", tuple, handlers=1),
    Case("the same, 100,000 handlers", tuple, handlers=100_000, base="no layers, one handler for a JID", budget=1.2),
]


def registry(case: Case) -> Any:
    """Return the registry that a case is about; telemetry is on, and records nothing."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    xmpp = FakeClient()
    api = xmpp.api if case.layers is None else install(xmpp, *case.layers())
    if "for a JID" in case.name or case.handlers > 1:
        api.register(case.handler, *case.op, ROMEO)
        for index in range(case.handlers - 1):
            api.register(case.handler, *case.op, JID(f"user{index}@montague.example"))
    else:
        api.register(case.handler, *case.op)
    return api


async def call(api: Any, case: Case, times: int) -> None:
    """Make the call of a case so many times."""
    run, (ctype, op) = api.run, case.op
    if case.handler is coroutine:
        for _ in range(times):
            await run(ctype, op, ROMEO)
    else:
        for _ in range(times):
            run(ctype, op, ROMEO)
