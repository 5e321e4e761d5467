"""Which layers do tests put beside the one they are about? One that does nothing, and one that leaves notes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from slixmpp_pipeline import Call, CallNext


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
