"""What would a call go through, and which handler would answer it?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from slixmpp import JID

from slixmpp_pipeline.handlers.found import Handler, Tier
from slixmpp_pipeline.handlers.names import describe, short_path
from slixmpp_pipeline.layers.layer import layer_text
from slixmpp_pipeline.routing.chain import Step

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slixmpp_pipeline.routing.chain import Chain

_FEW = 3  # handlers of the same account are worth a line each


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Explanation:
    """The answer of `api.explain()`; `str()` gives a text for people.

    - `steps`: the layers, outermost first. `layer` is None for one that opted out, and `reason` says why.
    - `handler`: the handler that answers, None if nothing is registered; `tier` says how specific it is.
    - `shadowed`: less specific handlers that would answer without it, each with its tier.
    - `near`: handlers for another resource or node of the same account, each with its JID and node, None for any.
    - `others`: how many handlers of the op are for other JIDs and nodes.
    - `known_ops`: the ops of the ctype that have handlers.

    >>> from slixmpp_pipeline import install
    >>> from slixmpp_pipeline.testing import FakeClient
    >>> api = install(FakeClient())
    >>> api.register(lambda jid, node, ifrom, args: "rain", "weather", "get")
    >>> explanation = api.explain("weather", "get", node="Verona")
    >>> str(explanation.tier), explanation.steps, explanation.known_ops
    ('global', (), ('get',))
    """

    ctype: str
    op: str
    jid: JID
    node: str
    steps: tuple[Step, ...]
    handler: Handler | None
    tier: Tier
    shadowed: tuple[tuple[Handler, Tier], ...]
    near: tuple[tuple[Handler, str | None, str | None], ...]
    others: int
    known_ops: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{self.ctype} {self.op} for {self.jid}{_node_text(self.node)}", *_layer_lines(self.steps)]
        if self.handler is None:
            known = ", ".join(self.known_ops) or "nothing"
            lines.append(f"  no handler: the answer is None; for {self.ctype} there is {known}")
        else:
            lines.append(f"  answered by {describe(self.handler)} (tier: {self.tier})")
        lines += [f"  which shadows {describe(handler)} (tier: {tier})" for handler, tier in self.shadowed]
        for handler, jid, node in self.near[:_FEW]:
            lines.append(f"  not asked: {describe(handler)}, for {jid}{_node_text(node)}, which is not the same")
        if len(self.near) > _FEW:
            lines.append(f"  nor {len(self.near) - _FEW} more for other resources and nodes of {self.jid.bare}")
        return "\n".join(lines)

    __repr__ = __str__


class Explanations(list[Explanation]):
    """What `api.explain()` says of several ops: a list; `print()` it for a table of all of them, by their layers.

    >>> from slixmpp_pipeline import install
    >>> from slixmpp_pipeline.testing import FakeClient
    >>> api = install(FakeClient())
    >>> api.register(print, "weather", "get", jid="verona.example")
    >>> print(api.explain())
    no layers
      weather get: no handler, and 1 for other JIDs and nodes
    """

    __slots__ = ()

    def __str__(self) -> str:
        by_layers: dict[str, list[str]] = {}
        for one in self:
            layers = " > ".join(layer_text(step.placed.layer) for step in one.steps if step.layer is not None)
            by_layers.setdefault(layers or "no layers", []).append(_line(one))
        return "\n".join(line for layers, ops in by_layers.items() for line in (layers, *ops)) or "no op"


def _line(of: Explanation) -> str:
    answered_by = "no handler" if of.handler is None else f"{describe(of.handler)} (tier: {of.tier})"
    others = f", and {of.others} for other JIDs and nodes" if of.others else ""
    return f"  {of.ctype} {of.op}: {answered_by}{others}"


def explain(chain: Chain, known_ops: Iterable[str], jid: JID, node: str) -> Explanation:
    """Explain a call on `chain` for `jid` and `node`."""
    candidates = [(found.handler, found.tier) for found in chain.table.candidates(jid, node)]
    handler, tier = candidates[0] if candidates else (None, Tier.NONE)
    return Explanation(
        ctype=chain.route.ctype,
        op=chain.route.op,
        jid=jid,
        node=node,
        steps=chain.steps,
        handler=handler,
        tier=tier,
        shadowed=tuple(candidates[1:]),
        near=tuple((handler, jid, node) for jid, node, handler in chain.table.near(jid, node)),
        others=chain.table.count() - len(candidates),
        known_ops=tuple(known_ops),
    )


def _layer_lines(steps: tuple[Step, ...]) -> list[str]:
    lines = ["  no layers"] if not steps else []
    position = 0
    for step in steps:
        placed = step.placed
        position += step.layer is not None
        mark = "-" if step.layer is None else f"{position}."
        lines.append(f"  {mark} {layer_text(placed.layer)} [{placed.scope}] {short_path(placed.where)}")
        if placed.instead_of is not None:
            lines.append(f"     instead of {layer_text(placed.instead_of.layer)} [{placed.instead_of.scope}]")
        if step.layer is None:
            lines.append(f"     left out: {step.reason}")
        elif remark := getattr(step.layer, "remark", ""):
            lines.append(f"     {remark}")
    return lines


def _node_text(node: str | None) -> str:
    return f", node {node!r}" if node else ""
