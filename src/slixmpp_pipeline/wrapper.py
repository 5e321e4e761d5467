"""What a plugin holds: the registry with its ctype filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from slixmpp.api import APIWrapper

if TYPE_CHECKING:
    from collections.abc import Callable

    from slixmpp_pipeline.registry import PipelineRegistry
    from slixmpp_pipeline.typing import Layer

_L = TypeVar("_L", bound="Layer")


class PipelineWrapper(APIWrapper):
    """One ctype of a `PipelineRegistry`: `plugin.api` of an installed client.

    The methods are the registry's, without the ctype; `wrapper["op"](jid, node, ifrom, args)` makes a call.

    >>> from slixmpp_pipeline import PipelineRegistry
    >>> from slixmpp_pipeline.testing import FakeClient
    >>> api = PipelineRegistry(FakeClient("juliet@capulet.example")).wrap("weather")
    >>> api.register(lambda jid, node, ifrom, args: f"rain in {node}", "get")
    >>> api["get"](node="Verona").result()
    'rain in Verona'
    """

    api: PipelineRegistry
    name: str

    def use(self, *layers: Layer, op: str | None = None) -> None:
        """Put `layers` in front of every handler of this ctype, or of one op; see `PipelineRegistry.use`."""
        self.api.use(*layers, ctype=self.name, op=op)

    def layer(self, *, op: str | None = None) -> Callable[[_L], _L]:
        """Decorate an async function as a layer of this ctype, or of one op; see `PipelineRegistry.layer`."""
        return self.api.layer(ctype=self.name, op=op)

    def override(self, layer: Layer, op: str | None = None, *, instead_of: Layer | type | None = None) -> None:
        """Replace a broader layer for this ctype, or for one op; see `PipelineRegistry.override`."""
        self.api.override(layer, self.name, op, instead_of=instead_of)

    def exclude(self, *layers: Layer | type, op: str | None = None) -> None:
        """Take layers out for this ctype, or for one op; see `PipelineRegistry.exclude`."""
        self.api.exclude(*layers, ctype=self.name, op=op)
