"""What a call would go through, and who would answer it."""

from __future__ import annotations

import functools
import inspect
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slixmpp import JID

from slixmpp_pipeline.call import Tier
from slixmpp_pipeline.chain import Step
from slixmpp_pipeline.layer import layer_name
from slixmpp_pipeline.typing import Handler

if TYPE_CHECKING:
    from slixmpp_pipeline.chain import Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What `explain()` found; its text is for people.

    `steps` are the layers, outermost first, those that opted out included; `handler` is None if nothing is
    registered; `shadowed` are the less specific handlers that would answer if it were not there.
    """

    ctype: str
    op: str
    jid: JID
    node: str
    steps: tuple[Step, ...]
    handler: Handler | None
    tier: Tier
    shadowed: tuple[tuple[Handler, Tier], ...]

    def __str__(self) -> str:
        node = f", node {self.node!r}" if self.node else ""
        lines = [f"{self.ctype} {self.op} for {self.jid}{node}", *_layer_lines(self.steps)]
        if self.handler is None:
            lines.append("  no handler: the answer is None")
        else:
            lines.append(f"  answered by {describe(self.handler)} (tier: {self.tier})")
        lines += [f"  which shadows {describe(handler)} (tier: {tier})" for handler, tier in self.shadowed]
        return "\n".join(lines)


def explain(route: Route, jid: JID, node: str) -> Explanation:
    """Explain a call of `route` for `jid` and `node`."""
    candidates = [(found.handler, found.tier) for found in route.table.candidates(jid, node)]
    handler, tier = candidates[0] if candidates else (None, Tier.NONE)
    return Explanation(
        ctype=route.ctype,
        op=route.op,
        jid=jid,
        node=node,
        steps=route.steps,
        handler=handler,
        tier=tier,
        shadowed=tuple(candidates[1:]),
    )


def describe(handler: Any) -> str:
    """Return the name of a handler, with the file and line of its definition where Python knows them.

    >>> describe(len)
    'builtins.len'
    """
    while isinstance(handler, functools.partial):
        handler = handler.func
    named = handler if hasattr(handler, "__qualname__") else type(handler)
    code = getattr(inspect.unwrap(handler), "__code__", None) or getattr(type(handler).__call__, "__code__", None)
    place = f", {_short(code.co_filename)}:{code.co_firstlineno}" if code is not None else ""
    return f"{named.__module__}.{named.__qualname__}{place}"


def _layer_lines(steps: tuple[Step, ...]) -> list[str]:
    lines = ["  no layers"] if not steps else []
    position = 0
    for step in steps:
        placed = step.placed
        position += step.layer is not None
        mark = "-" if step.layer is None else f"{position}."
        lines.append(f"  {mark} {_layer_text(placed.layer)} [{placed.scope}] {_short(placed.where)}")
        if placed.instead_of is not None:
            lines.append(f"     instead of {_layer_text(placed.instead_of.layer)} [{placed.instead_of.scope}]")
        if step.layer is None:
            lines.append(f"     left out: {step.reason}")
    return lines


def _layer_text(layer: object) -> str:
    return layer_name(layer) if hasattr(layer, "__qualname__") else repr(layer)


def _short(path: str) -> str:
    """Return `path` as seen from the working directory, if it is below that."""
    return path.removeprefix(f"{Path.cwd()}{os.sep}")
