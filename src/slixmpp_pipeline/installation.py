"""A client gets our registry in place of slixmpp's, and its own back.

The registry object stays the same and changes its class: wrappers and `api["op"]` closures that somebody already
holds refer to the object, so they go through the pipeline too.
"""

# it turns one registry into the other, so it knows the insides of both
from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from slixmpp import JID
from slixmpp.api import APIRegistry, APIWrapper

from slixmpp_pipeline.handlers.signatures import takes_only_three
from slixmpp_pipeline.handlers.table import Table
from slixmpp_pipeline.registry import PipelineRegistry
from slixmpp_pipeline.wrapper import PipelineWrapper

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slixmpp_pipeline.layers.layer import Layer


def install(xmpp: Any, *layers: Layer) -> PipelineRegistry:
    """Put a `PipelineRegistry` in the place of `xmpp.api`, and `layers` everywhere; return it.

    `xmpp` is a slixmpp client or component, before or after plugins are registered: handlers, defaults and settings
    move over, and what plugins already hold goes through the pipeline. A second call returns the same registry.
    TypeError if `xmpp` has no slixmpp registry, or if `layers` are given a second time; nothing is changed then.

    >>> from slixmpp_pipeline.testing import FakeClient
    >>> xmpp = FakeClient("juliet@capulet.example")
    >>> install(xmpp) is install(xmpp) is xmpp.api
    True
    """
    api = getattr(xmpp, "api", None)
    if isinstance(api, PipelineRegistry):
        if layers:
            raise TypeError("install(): the pipeline is in place already; add layers with xmpp.api.use(...)")
        return api
    if type(api) is not APIRegistry:
        raise TypeError(f"install(): {xmpp!r} has no slixmpp registry as its api, but {api!r}")
    tables = _tables_from(cast("Any", api))
    staged = PipelineRegistry(xmpp)
    if layers:
        staged.use(*layers)
    staged.settings = api.settings
    staged._tables = tables
    _turn(xmpp, api, staged)
    installed = cast("PipelineRegistry", api)
    installed._layers_changed()  # now that it knows the calls that are under way
    return installed


def uninstall(xmpp: Any) -> APIRegistry:
    """Give `xmpp` slixmpp's own registry back, with the handlers, defaults and settings as they now are; return it.

    Layers are gone, calls under way go on. No error if nothing is installed; TypeError if `xmpp` has no registry.

    >>> from slixmpp_pipeline.testing import FakeClient
    >>> xmpp = FakeClient("juliet@capulet.example")
    >>> api = install(xmpp)
    >>> type(uninstall(xmpp)).__name__, xmpp.api is api
    ('APIRegistry', True)
    """
    api = getattr(xmpp, "api", None)
    if not isinstance(api, PipelineRegistry):
        if isinstance(api, APIRegistry):
            return api
        raise TypeError(f"uninstall(): {xmpp!r} has no slixmpp registry as its api, but {api!r}")
    plain: Any = cast("Any", APIRegistry)(xmpp)
    plain.settings = api.settings
    for (ctype, op), table in api._tables.items():
        plain._setup(ctype, op)
        for jid, node, handler in table:
            plain.register(handler, ctype, op, jid if jid is None else JID(jid), node)
        if table.default is not None:
            plain.register_default(table.default, ctype, op)
    _turn(xmpp, api, plain)
    return api


def _turn(xmpp: Any, api: Any, into: Any) -> None:
    """Make `api`, and the wrappers that plugins hold, what `into` is; what others keep on it stays."""
    in_flight = api.__dict__.get("_in_flight")
    for name in type(api)(xmpp).__dict__:
        del api.__dict__[name]
    api.__dict__.update(into.__dict__)
    if in_flight is not None:  # the calls under way stay known to the object, or nothing would hold them
        api._in_flight = in_flight
    api.__class__ = type(into)
    wrapper = PipelineWrapper if isinstance(into, PipelineRegistry) else APIWrapper
    for name in xmpp.plugin:
        held = getattr(xmpp.plugin[name], "api", None)
        if isinstance(held, APIWrapper) and held.api is api:
            held.__class__ = wrapper


def _tables_from(api: Any) -> dict[tuple[str, str], Table]:
    tables: dict[tuple[str, str], Table] = {}
    for ctype, op, handler, jid, node in _registered(api):
        tables.setdefault((ctype, op), Table()).put(handler, jid, node)
    for ctype, defaults in api._handler_defaults.items():
        for op, handler in defaults.items():
            if handler is not None:
                takes_only_three(handler)
            tables.setdefault((ctype, op), Table()).default = handler
    return tables


def _registered(api: Any) -> Iterator[tuple[str, str, Any, Any, Any]]:
    for ctype, ops in api._handlers.items():
        for op, levels in ops.items():
            yield ctype, op, levels["global"], None, None
            # Keys that mean one JID: the one that slixmpp finds, a JID, comes last and counts.
            for jid, handler in sorted(levels["jid"].items(), key=lambda entry: isinstance(entry[0], JID)):
                yield ctype, op, handler, jid, None
            for (jid, node), handler in levels["node"].items():
                yield ctype, op, handler, jid, node
