"""Layers become one callable in front of the resolver, compiled once for each op and never at a call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from slixmpp_pipeline.answer import end_by_hand, end_in_task, guarded
from slixmpp_pipeline.callables import is_same
from slixmpp_pipeline.layer import layer_name, require_layer
from slixmpp_pipeline.typing import Layer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slixmpp_pipeline.resolver import Table
    from slixmpp_pipeline.typing import CallNext


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A layer where it was registered: in a scope (`everywhere`, a ctype, or a ctype and op), at a file and line.

    `instead_of` is the broader layer that it overrides, or None.
    """

    layer: Layer
    scope: str
    where: str
    instead_of: Placed | None = None

    def involves(self, layer: object) -> bool:
        """Whether this is `layer`, or stands in its place, or in the place of what does."""
        return is_same(self.layer, layer) or (self.instead_of is not None and self.instead_of.involves(layer))

    def is_one_of(self, chosen: Iterable[object]) -> bool:
        """Whether this layer is meant by one of `chosen`: the very object, or a type it is an instance of."""
        return any(isinstance(self.layer, one) if isinstance(one, type) else is_same(self.layer, one) for one in chosen)


class Step(NamedTuple):
    """A placed layer on a route: what runs there, or None and why not."""

    placed: Placed
    layer: Layer | None
    reason: str


class Route:
    """What was compiled for one op of one registry: its layers, linked, in front of the resolver.

    A layer's `for_route(route)` gets it while it is being compiled, and knows from it `ctype` and `op`.
    """

    __slots__ = (
        "_reason",
        "_variants",
        "as_task",
        "by_hand",
        "ctype",
        "has_layers",
        "op",
        "steps",
        "table",
        "taskless",
    )

    def __init__(self, ctype: str, op: str, table: Table) -> None:
        self.ctype = ctype
        self.op = op
        self.table = table
        self._variants: dict[tuple[int, ...], Route] = {}
        self._link(())

    def compiled(self, placed: Iterable[Placed]) -> Self:
        """Ask each layer what it has to do here, and link them; the first is outermost."""
        self._link(tuple(map(self._step, placed)))
        return self

    def without(self, chosen: Iterable[object]) -> Route:
        """Return this route without the layers, or those of the types, in `chosen`: the same specialised layers."""
        left_out = tuple(index for index, step in enumerate(self.steps) if step.placed.is_one_of(chosen))
        if left_out not in self._variants:
            variant = Route(self.ctype, self.op, self.table)
            variant._link(tuple(step for index, step in enumerate(self.steps) if index not in left_out))
            self._variants[left_out] = variant
        return self._variants[left_out]

    def opt_out(self, reason: str) -> Layer | None:
        """Return None, for a layer's `for_route` to return, and keep the reason for `explain()`.

        >>> class Cached:
        ...     def for_route(self, route):
        ...         return self if route.op.startswith("get_") else route.opt_out("not a read")
        ...     async def __call__(self, call, call_next):
        ...         return await call_next(call)
        """
        self._reason = reason
        return None

    def _step(self, placed: Placed) -> Step:
        self._reason = ""
        for_route = getattr(placed.layer, "for_route", None)
        layer = placed.layer if for_route is None else for_route(self)
        if layer is None:
            return Step(placed, None, self._reason or f"{layer_name(placed.layer)} has nothing to do here")
        return Step(placed, require_layer(layer, f"{layer_name(placed.layer)}.for_route()"), "")

    def _link(self, steps: tuple[Step, ...]) -> None:
        self.steps = steps
        layers = [step.layer for step in steps if step.layer is not None]
        self.has_layers = bool(layers)
        self.taskless = all(getattr(layer, "taskless", False) for layer in layers)
        # Two ends, one set of layers: see the three ways in which a call begins, in `invoke`.
        self.by_hand = link(layers, end_by_hand(self.table))
        in_task = link(layers, end_in_task(self.table))
        self.as_task = guarded(in_task) if layers else in_task

    def __repr__(self) -> str:
        names = [layer_name(step.placed.layer) for step in self.steps if step.layer is not None]
        return f"Route({' -> '.join([f'{self.ctype} {self.op}', *names, 'resolver'])})"


def link(layers: list[Layer], end: CallNext) -> CallNext:
    """Return one callable that goes through `layers`, the first outermost, to `end`."""
    chain = end
    for layer in reversed(layers):
        chain = _bound(layer, chain)
    return chain


def _bound(layer: Any, call_next: CallNext) -> CallNext:
    run = layer if hasattr(layer, "__code__") else layer.__call__  # a bound method: the slot is looked up once

    def enter(call: Any) -> Any:
        return run(call, call_next)

    return enter
