"""What is counted, in instructions: layers in front of a handler, each against slixmpp's own registry with the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cases import stacks
from cases.stacks import ROMEO, WRITE, Stack, TasklessPassing, coroutine, five, plain


@dataclass(frozen=True, slots=True)
class Case:
    """One row: layers in front of a handler, against the last row that is slixmpp's own, which has none.

    `instructions` is the most that it may cost of that, counted on CPython 3.11.
    """

    name: str
    instructions: float
    layers: Stack | None = None
    handler: Any = plain
    op: tuple[str, str] = WRITE


CASES = [
    Case("slixmpp, plain handler", 1),
    Case("no layers", 0.43, tuple),
    Case("a taskless layer", 1.0, lambda: (TasklessPassing(),)),
    Case("Logging, Tracing, Caching, Timeout, Retry; a write", 2.82, five),
    Case("the same; a cache hit", 1.71, five, op=stacks.READ),
    Case("slixmpp, coroutine handler", 1, handler=coroutine),
    Case("no layers, coroutine handler", 0.86, tuple, coroutine),
    Case("the same five, coroutine handler; a write", 1.49, five, coroutine),
]


def registry(case: Case) -> Any:
    """Return the registry that a case is about; telemetry is on, and records nothing."""
    stacks.idle_telemetry()
    api = stacks.registry(None if case.layers is None else case.layers())
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
