"""How does somebody look at calls without being a layer? With timers in front of each layer, and at the handler."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from slixmpp_pipeline.layers.layer import qualified_name

if TYPE_CHECKING:
    from slixmpp_pipeline.layers.layer import Layer
    from slixmpp_pipeline.routing.route import Route


class Observer(Protocol):
    """What `api.observe()` takes.

    >>> from slixmpp_pipeline import install
    >>> from slixmpp_pipeline.testing import FakeClient
    >>> class Names:
    ...     def timers(self, route, layers):
    ...         return [self.timer(name) for name in (*layers, "handler")]
    ...     def timer(self, name):
    ...         async def tell(call, call_next):
    ...             print(name, "begins")
    ...             return await call_next(call)
    ...         return tell
    >>> async def audit(call, call_next):
    ...     return await call_next(call)
    >>> api = install(FakeClient(), audit)
    >>> api.observe(Names())
    >>> future = api.run("weather", "get")
    audit begins
    handler begins
    """

    def timers(self, route: Route, layers: Sequence[str]) -> Sequence[Layer]:
        """Return a new timer for each of `layers`, given by their names, the outermost first, and one for the handler.

        A timer is an `async def (call, call_next)` that answers with `call_next(call)`. It is asked for when a chain is
        linked, and gets the qualified name of what it times, which asyncio shows in reports of a Task. Events are
        recorded in each call that is observed.
        """
        ...


def with_timers(layers: Sequence[Layer], observer: Observer, route: Route, names: Sequence[str]) -> list[Layer]:
    """Return `layers` with a timer of `observer` in front of each, and one innermost; ValueError for another number."""
    timers: list[Any] = list(observer.timers(route, names))
    if len(timers) != len(layers) + 1:
        raise ValueError(f"{observer!r} gave {len(timers)} timers for {len(layers)} layers and the handler")
    found: list[Layer] = []
    for timer, layer in zip(timers, layers, strict=False):
        timer.__qualname__ = qualified_name(layer)
        found += [timer, layer]
    timers[-1].__qualname__ = "call_next"
    return [*found, timers[-1]]
