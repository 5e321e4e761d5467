"""What does a plugin hold? The registry, with its ctype filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from slixmpp.api import APIWrapper

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable

    from slixmpp import JID

    from slixmpp_pipeline.handlers.found import Handler
    from slixmpp_pipeline.introspection.explain import Explanation, Explanations
    from slixmpp_pipeline.layers.layer import Layer
    from slixmpp_pipeline.registry import PipelineRegistry

_L = TypeVar("_L", bound="Layer")


class PipelineWrapper(APIWrapper):
    """One ctype of a `PipelineRegistry`: `plugin.api` of an installed client.

    The methods are those of the registry that are for a ctype, without it; `wrapper["op"](jid, node, ifrom, args)`
    makes a call. Only the registry, `wrapper.api`, has `remove`, `bypass`, `lint`, `pending`, `drain`, `declare`,
    `invalidate`, `purge` and `wrap`.

    >>> from slixmpp_pipeline import PipelineRegistry
    >>> from slixmpp_pipeline.testing import FakeClient
    >>> api = PipelineRegistry(FakeClient("juliet@capulet.example")).wrap("weather")
    >>> api.register(lambda jid, node, ifrom, args: f"rain in {node}", "get")
    >>> api["get"](node="Verona").result()
    'rain in Verona'
    """

    api: PipelineRegistry
    name: str

    def run(
        self,
        op: str,
        jid: JID | str | None = None,
        node: str | None = None,
        ifrom: JID | None = None,
        args: Any = None,
    ) -> Future[Any]:
        """Answer a call of this ctype; see `PipelineRegistry.run`."""
        return self.api.run(self.name, op, jid, node, ifrom, args)

    def __getitem__(self, op: str) -> Callable[..., Future[Any]]:
        """Return what makes calls of `op`: `(jid, node, ifrom, args)`, each None unless given."""
        # The registry is looked up at each call: install() and uninstall() change what it is.
        return lambda jid=None, node=None, ifrom=None, args=None: self.api.run(self.name, op, jid, node, ifrom, args)

    def register(
        self,
        handler: Handler | None,
        op: str,
        jid: JID | str | None = None,
        node: str | None = None,
        default: bool = False,
    ) -> None:
        """Let `handler` answer `op`; see `PipelineRegistry.register`."""
        self.api.register(handler, self.name, op, jid, node, default)

    def register_default(
        self, handler: Handler | None, op: str, jid: JID | str | None = None, node: str | None = None
    ) -> None:
        """Keep `handler` as the default of `op`; `jid` and `node` are ignored, as in slixmpp."""
        self.api.register_default(handler, self.name, op)

    def unregister(self, op: str, jid: JID | str | None = None, node: str | None = None) -> None:
        """Take a handler of `op` away; see `PipelineRegistry.unregister`."""
        self.api.unregister(self.name, op, jid, node)

    def restore_default(self, op: str, jid: JID | str | None = None, node: str | None = None) -> None:
        """Let the default handler of `op` answer; see `PipelineRegistry.restore_default`."""
        self.api.restore_default(self.name, op, jid, node)

    def use(self, *layers: Layer, op: str | None = None) -> None:
        """Put `layers` in front of every handler of this ctype, or of one op; see `PipelineRegistry.use`."""
        self.api.use(*layers, ctype=self.name, op=op)

    @overload
    def layer(self, layer: _L, /) -> _L: ...

    @overload
    def layer(self, /, *, op: str | None = None) -> Callable[[_L], _L]: ...

    def layer(self, layer: Any = None, /, *, op: str | None = None) -> Any:
        """Decorate an async function as a layer of this ctype, or of one op; see `PipelineRegistry.layer`."""
        decorate = self.api.layer(ctype=self.name, op=op)
        return decorate if layer is None else decorate(layer)

    def override(self, layer: Layer, op: str | None = None, *, instead_of: Layer | type | None = None) -> None:
        """Replace a broader layer for this ctype, or for one op; see `PipelineRegistry.override`."""
        self.api.override(layer, self.name, op, instead_of=instead_of)

    @overload
    def explain(self, op: str, jid: JID | str | None = None, node: str | None = None) -> Explanation: ...

    @overload
    def explain(self, op: None = None, jid: JID | str | None = None, node: str | None = None) -> Explanations: ...

    def explain(
        self, op: str | None = None, jid: JID | str | None = None, node: str | None = None
    ) -> Explanation | Explanations:
        """Say what a call of `op`, or of each op, would go through; see `PipelineRegistry.explain`."""
        return self.api.explain(self.name, op, jid, node)

    def exclude(self, *layers: Layer | type, op: str | None = None) -> None:
        """Take layers out for this ctype, or for one op; see `PipelineRegistry.exclude`."""
        self.api.exclude(*layers, ctype=self.name, op=op)
