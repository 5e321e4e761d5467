"""What runs for a call of one op? The layers of the op, linked in front of its handlers."""

from __future__ import annotations

from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, NamedTuple

from slixmpp_pipeline.call import Call, Given, ObservedGiven
from slixmpp_pipeline.layers.layer import layer_name
from slixmpp_pipeline.routing.ends import (
    as_coroutine,
    end_in_task,
    end_stepped,
    with_abort,
    with_reached,
    with_replaced_writes,
    with_writes,
)
from slixmpp_pipeline.routing.link import link
from slixmpp_pipeline.routing.observer import with_timers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slixmpp_pipeline.execution.pending import Forget
    from slixmpp_pipeline.generations.counters import Counters
    from slixmpp_pipeline.handlers.table import Table
    from slixmpp_pipeline.layers.layer import CallNext, Layer
    from slixmpp_pipeline.layers.placement import Placed
    from slixmpp_pipeline.routing.observer import Observer
    from slixmpp_pipeline.routing.route import Route


class Step(NamedTuple):
    """A layer of an op, where it was registered: what runs for it, or None and the reason."""

    placed: Placed
    layer: Layer | None
    reason: str


class Chain:
    """The layers of one op of one registry, linked, and what `run()` has to know of them.

    `stepped` and `in_task` are the chain for two ways in which a call begins (see `dispatch`); `answering` is it for
    a third, None where no cache may answer in the place of a coroutine handler. `is_direct` is true if no layer and no
    counted write stands in front of the handlers. `taskless` is true if no layer needs a task, `written` are the keys
    that a call writes, if anything counts them, and `given` is the class of its calls. With an `observer` there are its
    timers between the layers; `steps` and `taskless` do not tell of them.
    """

    __slots__ = (
        "_counters",
        "_forget",
        "_observer",
        "_variants",
        "answering",
        "given",
        "in_task",
        "is_direct",
        "route",
        "stepped",
        "steps",
        "table",
        "taskless",
        "written",
    )

    def __init__(
        self,
        route: Route,
        table: Table,
        counters: Counters,
        steps: tuple[Step, ...],
        forget: Forget,
        observer: Observer | None,
    ) -> None:
        self._forget = forget
        self._observer = observer
        self.route = route
        self.table = table
        self.steps = steps
        self._counters = counters
        self._variants: dict[tuple[int, ...], Chain] = {}
        layers = [step.layer for step in steps if step.layer is not None]
        self.written = counters.counted_writes(route.entry.writes if route.entry is not None else ())
        self.taskless = all(getattr(layer, "taskless", False) for layer in layers)
        if observer is not None:
            names = [layer_name(step.placed.layer) for step in steps if step.layer is not None]
            layers = with_timers(layers, observer, route, names)
        is_observed = observer is not None or any(getattr(layer, "reads_events", False) for layer in layers)
        self.given: type[Call] = ObservedGiven if is_observed else Given
        self.is_direct = not layers and not self.written
        stepped = self._linked(layers, end_stepped(table))
        # A plain function would run in the caller's context, and an awaitable of another kind cannot be stepped.
        self.stepped = stepped if iscoroutinefunction(stepped) else as_coroutine(stepped)
        has_cache = any(getattr(step.placed.layer, "role", "") == "cache" for step in steps if step.layer is not None)
        may_answer = has_cache and self.taskless and not self.written
        self.answering = with_abort(self.stepped, forget) if may_answer else None
        if self.written:
            self.in_task = with_writes(self._linked(layers, end_in_task(table)), self.written, forget)
        elif layers:
            self.in_task = with_abort(self._linked(layers, end_in_task(table)), forget)
        else:
            self.in_task = end_in_task(table, forget)

    def without(self, chosen: Iterable[object]) -> Chain:
        """Return this chain without the layers in `chosen`, or those of the types there."""
        left_out = tuple(index for index, step in enumerate(self.steps) if step.placed.is_one_of(chosen))
        if left_out not in self._variants:
            steps = tuple(step for index, step in enumerate(self.steps) if index not in left_out)
            self._variants[left_out] = self._of(steps, self._observer)
        return self._variants[left_out]

    def observed(self, observer: Observer | None) -> Chain:
        """Return this chain, of the same steps, with timers of `observer`; with none for None."""
        return self._of(self.steps, observer)

    def _of(self, steps: tuple[Step, ...], observer: Observer | None) -> Chain:
        return Chain(self.route, self.table, self._counters, steps, self._forget, observer)

    def _linked(self, layers: list[Layer], end: CallNext) -> CallNext:
        if self.written:
            # The call's own keys are counted outside the layers, which may write, too. A call that a layer replaced may
            # write other keys, which are counted at the handler.
            return link(layers, with_replaced_writes(end, self.written, self.given)) if layers else end
        if any(getattr(step.placed.layer, "role", "") == "cache" for step in self.steps):
            end = with_reached(end)
        return link(layers, end)
