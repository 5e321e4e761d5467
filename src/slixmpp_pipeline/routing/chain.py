"""A route is what a call of one op goes through, compiled once and never at a call: layers in front of the resolver."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, NamedTuple

from slixmpp_pipeline.catalogue.entry import unknown
from slixmpp_pipeline.layers.layer import layer_name, require_layer
from slixmpp_pipeline.routing.ends import awaiting, end_by_hand, end_in_task, guarded, moving, moving_replaced, reaching
from slixmpp_pipeline.routing.link import link

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slixmpp_pipeline.call import Call
    from slixmpp_pipeline.catalogue.entry import Entry
    from slixmpp_pipeline.generations.counters import Generations
    from slixmpp_pipeline.handlers.table import Table
    from slixmpp_pipeline.layers.layer import CallNext, Layer
    from slixmpp_pipeline.layers.placement import Placed


class Step(NamedTuple):
    """A placed layer on a route: what runs there, or None and why not."""

    placed: Placed
    layer: Layer | None
    reason: str


@dataclass(frozen=True, slots=True)
class OptedOut:
    """What a layer's `for_route` returns when the layer has nothing to do there; `reason` says why, in words.

    >>> OptedOut("not a read").reason
    'not a read'
    """

    reason: str


class Subject(NamedTuple):
    """What a route is of: an op of one registry, with its handlers and what the catalogue says of it, or None."""

    ctype: str
    op: str
    table: Table
    entry: Entry | None
    generations: Generations
    registry: object


class Route:
    """What was compiled for one op of one registry: its layers, linked, in front of the resolver.

    A layer's `for_route(route)` gets a route without layers, and knows from it `ctype`, `op`, `entry`, what the
    catalogue says of the op, or None, and `registry`, whose route it is: a layer that keeps state keeps it for each.

    >>> from slixmpp_pipeline import install
    >>> from slixmpp_pipeline.testing import FakeClient
    >>> class OnlyWrites:
    ...     def for_route(self, route):
    ...         return self if route.entry and route.entry.writes else None
    ...     async def __call__(self, call, call_next):
    ...         return await call_next(call)
    >>> api = install(FakeClient(), OnlyWrites())
    >>> [step.reason for step in api.explain("xep_0054", "get_vcard").steps]
    ['OnlyWrites has nothing to do here']
    """

    __slots__ = (
        "_last_move",
        "_read",
        "_subject",
        "_variants",
        "as_task",
        "by_hand",
        "ctype",
        "entry",
        "has_chain",
        "op",
        "registry",
        "steps",
        "table",
        "taskless",
        "written",
    )

    def __init__(self, subject: Subject, steps: tuple[Step, ...] = ()) -> None:
        self._subject = subject
        self.ctype, self.op, self.table, self.entry, generations, self.registry = subject
        self.steps = steps
        known = self.entry or unknown(self.ctype, self.op)
        self._read = generations.places(known.reads if known.cacheable else ())
        self._last_move = generations.last_move_of(self._read)
        self._variants: dict[tuple[int, ...], Route] = {}
        layers = [step.layer for step in steps if step.layer is not None]
        self.written = generations.places(self.entry.writes if generations.is_used and self.entry is not None else ())
        self.has_chain = bool(layers) or bool(self.written)
        self.taskless = all(getattr(layer, "taskless", False) for layer in layers)
        # Two ends, one set of layers: see the three ways in which a call begins, in `dispatch`.
        by_hand = self._linked(layers, end_by_hand(self.table))
        # A plain function would run in the caller's context, and an awaitable of another kind cannot be stepped.
        self.by_hand = by_hand if iscoroutinefunction(by_hand) else awaiting(by_hand)
        in_task = self._linked(layers, end_in_task(self.table))
        self.as_task = moving(in_task, self.written) if self.written else guarded(in_task) if layers else in_task

    def without(self, chosen: Iterable[object]) -> Route:
        """Return this route without the layers, or those of the types, in `chosen`: the same specialised layers."""
        left_out = tuple(index for index, step in enumerate(self.steps) if step.placed.is_one_of(chosen))
        if left_out not in self._variants:
            steps = tuple(step for index, step in enumerate(self.steps) if index not in left_out)
            self._variants[left_out] = Route(self._subject, steps)
        return self._variants[left_out]

    def generations(self, call: Call) -> tuple[int, ...] | None:
        """Return the generations of what the answer to `call` is read from, for a cache; None if it must not be kept.

        An answer is good as long as they are equal to those from before it was asked for. They move with every write
        that the catalogue knows, whatever layers are on, while a layer of role `"cache"` is registered anywhere, and
        with every change of layers. There are none while such a write is under way, and for a call that bypasses
        layers. Those of an op that is not in the catalogue only move when its handlers change, and by
        `api.invalidate()`.
        """
        return None if call.is_bypassing or not self._read else self._subject.generations.of(self._read, call)

    def last_move(self, call: Call) -> int | None:
        """Return the last generation of all that the op reads, whatever `call` names; None if that cannot be told.

        As long as it is what it was, `generations()` would tell the same: this costs less, since it computes no key.
        """
        return None if call.is_bypassing else self._last_move()

    def _linked(self, layers: list[Layer], end: CallNext) -> CallNext:
        if self.written:
            # What the call writes is moved outside the layers, which may write, too; and here what the handler gets
            # if one of them replaced the call.
            return link(layers, moving_replaced(end, self.written)) if layers else end
        if any(getattr(step.placed.layer, "role", "") == "cache" for step in self.steps):
            end = reaching(end)
        return link(layers, end)

    def opt_out(self, reason: str) -> OptedOut:
        """Return what a layer's `for_route` returns when it has nothing to do; `api.explain()` shows the reason.

        >>> class Cached:
        ...     def for_route(self, route):
        ...         if route.op.startswith("get_"):
        ...             return self
        ...         return route.opt_out("not a read")
        ...     async def __call__(self, call, call_next):
        ...         return await call_next(call)
        """
        return OptedOut(reason)

    def __repr__(self) -> str:
        return f"Route({self.ctype} {self.op})"


def compile_route(subject: Subject, placed: Iterable[Placed]) -> Route:
    """Ask each layer what it has to do for an op, and link those that have something; the first is outermost."""
    bare = Route(subject)
    return Route(subject, tuple(_step(one, bare) for one in placed))


def _step(placed: Placed, route: Route) -> Step:
    name = layer_name(placed.layer)
    for_route = getattr(placed.layer, "for_route", None)
    layer = placed.layer if for_route is None else for_route(route)
    if layer is None:
        layer = OptedOut(f"{name} has nothing to do here")
    if isinstance(layer, OptedOut):
        return Step(placed, None, layer.reason)
    return Step(placed, require_layer(layer, f"{name}.for_route()"), "")
