"""Which layers have something to do for an op? They are asked when its chain is compiled, at its first call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slixmpp_pipeline.catalogue.entry import Entry
from slixmpp_pipeline.catalogue.slixmpp_ops import SLIXMPP_OPS
from slixmpp_pipeline.handlers.registrations import require_op
from slixmpp_pipeline.layers.layer import layer_name, require_layer
from slixmpp_pipeline.routing.chain import Chain, Step
from slixmpp_pipeline.routing.route import OptedOut, Route

if TYPE_CHECKING:
    from slixmpp_pipeline.execution.pending import Forget
    from slixmpp_pipeline.generations.counters import Counters
    from slixmpp_pipeline.handlers.registrations import Registrations
    from slixmpp_pipeline.layers.placement import Placed
    from slixmpp_pipeline.layers.scopes import Scopes
    from slixmpp_pipeline.routing.observer import Observer


class Compiler:
    """The chains of one registry, by ctype and op, and what they are compiled from.

    The registry itself is given with each question, since `install()` puts a compiler into another registry object.
    `declared` are the entries that the application has declared in place of the catalogue's. `forget` is what calls say
    at their end. `observer` looks at all calls, None for nobody.
    """

    __slots__ = ("_counters", "_registrations", "_scopes", "chains", "declared", "forget", "observer")

    def __init__(self, registrations: Registrations, scopes: Scopes, counters: Counters, forget: Forget) -> None:
        self.forget = forget
        self._registrations = registrations
        self._scopes = scopes
        self._counters = counters
        self.declared: dict[tuple[str, str], Entry | None] = {}
        self.observer: Observer | None = None
        self.chains: dict[str, dict[str, Chain]] = {}

    def chain(self, registry: object, ctype: str, op: str) -> Chain:
        """Compile the chain of an op, and keep it until the layers change."""
        chains = self.chains  # if a layer makes a change while it is asked, these are dropped, and there are others
        chain = self._compiled(registry, ctype, op)
        self._registrations.keep(ctype, op, chain.table)
        chains.setdefault(ctype, {})[op] = chain
        return chain

    def glance(self, registry: object, ctype: str, op: str) -> Chain:
        """Return the chain of an op. If the op was never called, the chain is compiled, and dropped again."""
        return self.chains.get(ctype, {}).get(op) or self._compiled(registry, ctype, op)

    def declare(self, ctype: str, op: str, entry: Entry | None) -> None:
        """Use `entry` for an op instead of the catalogue's; TypeError for other types."""
        require_op(ctype, op)
        if entry is not None and not isinstance(entry, Entry):
            raise TypeError(f"entry: {entry!r} is {type(entry).__name__}; an Entry or None is allowed")
        self.declared[ctype, op] = entry
        self._counters.read(self.declared.values())

    def observe(self, observer: Observer | None) -> None:
        """Link every chain anew with timers of `observer`, or without. What layers have, caches keep."""
        observed = {
            ctype: {op: chain.observed(observer) for op, chain in chains.items()}
            for ctype, chains in self.chains.items()
        }
        self.observer, self.chains = observer, observed

    def drop(self) -> None:
        """Forget every chain. Calls under way keep theirs."""
        self.chains = {}

    def entry(self, ctype: str, op: str) -> Entry | None:
        """Return the entry of an op, declared or else the catalogue's; None if there is none."""
        return self.declared.get((ctype, op), SLIXMPP_OPS.get((ctype, op)))

    def _compiled(self, registry: object, ctype: str, op: str) -> Chain:
        table = self._registrations.table(ctype, op)
        route = Route(ctype, op, self.entry(ctype, op), registry, self._counters)
        aside = [Step(one, None, "the application has its own") for one in self._scopes.aside(ctype, op)]
        steps = (*aside, *(_step(one, route) for one in self._scopes.layers(ctype, op)))
        return Chain(route, table, self._counters, steps, self.forget, self.observer)


def _step(placed: Placed, route: Route) -> Step:
    name = layer_name(placed.layer)
    for_route = getattr(placed.layer, "for_route", None)
    layer = placed.layer if for_route is None else for_route(route)
    if layer is None:
        layer = OptedOut(f"{name} has nothing to do here")
    if isinstance(layer, OptedOut):
        return Step(placed, None, layer.reason)
    return Step(placed, require_layer(layer, f"{name}.for_route()"), "")
