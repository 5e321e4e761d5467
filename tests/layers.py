"""Which layers do tests put beside the one they are about? They do nothing, leave notes, or report events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from slixmpp_pipeline import Call, CallNext, Event, Route


async def passing(call: Call, call_next: CallNext, /) -> Any:
    """Do nothing: a layer as a user writes it, which promises nothing, and so wants a task of its own."""
    return await call_next(call)


@dataclass(frozen=True, slots=True)
class Noting:
    """A layer that leaves notes."""

    notes: dict[Any, Any]

    taskless: ClassVar[bool] = True

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        call.notes.update(self.notes)
        return await call_next(call)


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A layer that remembers for which ops it was asked, and answers with `instead`, or itself."""

    ops: list[str] = field(default_factory=list)
    instead: Any = ...

    def for_route(self, route: Route) -> Any:
        self.ops.append(f"{route.ctype} {route.op}")
        return self if self.instead is ... else self.instead

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        return ("asked", await call_next(call))


class Reporting:
    """A layer that reports events."""

    taskless: ClassVar[bool] = True

    def __init__(self, *events: Event) -> None:
        self.events = events

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        for event in self.events:
            call.report(event)
        return await call_next(call)


def verdicts(calls: list[Call]) -> list[object]:
    """Return what a cache reported of each call."""
    return [event.fields["verdict"] for call in calls for event, _ in call.events]
