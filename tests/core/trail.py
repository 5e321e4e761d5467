"""Which layers did a call go through, and in which order? These layers leave their names on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from slixmpp_pipeline import Call, CallNext, PipelineRegistry


@dataclass(frozen=True, slots=True)
class Named:
    """A layer that leaves its name in the list that the call has as args. Two of one type and name are equal."""

    name: str

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        call.args.append(self.name)
        return await call_next(call)


@dataclass(frozen=True, slots=True)
class Red(Named):
    """A layer of one type."""


@dataclass(frozen=True, slots=True)
class Blue(Red):
    """A layer of another type; also a Red."""


@dataclass(frozen=True, slots=True)
class Green(Named):
    """A layer of a third type, no Red."""


def order(api: PipelineRegistry, ctype: str = "c", op: str = "x") -> str:
    """Make a call, and return the names of the layers that it went through."""
    passed: list[str] = []
    assert api.run(ctype, op, args=passed).done()
    return " ".join(passed)
