"""How does a client get our registry, and slixmpp's own back?

The registry object stays the same and changes its class: wrappers and `api["op"]` closures that plugins already hold
refer to that object, so their calls go through the pipeline, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from slixmpp import JID
from slixmpp.api import APIRegistry, APIWrapper

from slixmpp_pipeline.registry import PipelineRegistry
from slixmpp_pipeline.wrapper import PipelineWrapper

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slixmpp_pipeline.handlers.registrations import Registrations
    from slixmpp_pipeline.layers.layer import Layer


def install(xmpp: Any, *layers: Layer, automatic: bool = False) -> PipelineRegistry:
    """Put a `PipelineRegistry` in the place of `xmpp.api`, and `layers` everywhere; return it.

    `xmpp` is a slixmpp client or component, before or after plugins are registered: handlers, defaults and settings
    move over, and what plugins already hold goes through the pipeline. A second call returns the same registry.
    TypeError if `xmpp` has no slixmpp registry, or if `layers` are given a second time; nothing is changed then.

    `automatic` is for tools that install for an application which knows nothing of them, and which may call `install()`
    itself. Their layers are outside those of the application, and step aside where it has one of the type.

    >>> from slixmpp_pipeline.testing import FakeClient
    >>> xmpp = FakeClient("juliet@capulet.example")
    >>> install(xmpp) is install(xmpp) is xmpp.api
    True
    """
    api = getattr(xmpp, "api", None)
    if type(automatic) is not bool:
        raise TypeError(f"install(): automatic: {automatic!r} is {type(automatic).__name__}; a bool is allowed")
    if isinstance(api, PipelineRegistry):
        if layers and not automatic and not api._is_automatic:
            raise TypeError("install(): the pipeline is in place already; add layers with xmpp.api.use(...)")
        if layers:
            api._use(layers, None, None, automatic)
        api._is_automatic = api._is_automatic and automatic
        return api
    if type(api) is not APIRegistry:
        raise TypeError(f"install(): xmpp: {xmpp!r} has no slixmpp registry as its api, but {api!r}")
    staged = PipelineRegistry(xmpp)
    _copy_handlers(cast("Any", api), staged._registrations)
    if layers:
        staged._use(layers, None, None, automatic)
    staged._is_automatic = automatic
    staged.settings = api.settings
    _turn(xmpp, api, staged)
    installed = cast("PipelineRegistry", api)
    installed._layers_changed()  # now that it has the calls under way
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
        raise TypeError(f"uninstall(): xmpp: {xmpp!r} has no slixmpp registry as its api, but {api!r}")
    plain: Any = cast("Any", APIRegistry)(xmpp)
    plain.settings = api.settings
    if api._was_observed:
        plain.observe = _observe_no_longer
    for (ctype, op), table in api._registrations.tables.items():
        plain._setup(ctype, op)
        for jid, node, handler in table:
            plain.register(handler, ctype, op, jid if jid is None else JID(jid), node)
        if table.default is not None:
            plain.register_default(table.default, ctype, op)
    _turn(xmpp, api, plain)
    return api


def _turn(xmpp: Any, api: Any, into: Any) -> None:
    """Turn `api`, and the wrappers that plugins hold, into the kind of `into`; other attributes of them stay."""
    pending = api.__dict__.get("_pending")
    gone = type(api)(xmpp).__dict__.keys() - into.__dict__.keys()
    if pending is not None:  # the object keeps the calls under way, or nothing would hold them
        into._pending = pending
        if isinstance(into, PipelineRegistry):
            into._compiler.forget = pending.forget
    api.__dict__.pop("observe", None)
    # In this order: a call in another thread finds either class with all that it needs.
    api.__dict__.update(into.__dict__)
    api.__class__ = type(into)
    for name in gone - {"_pending"}:
        del api.__dict__[name]
    wrapper = PipelineWrapper if isinstance(into, PipelineRegistry) else APIWrapper
    for name in xmpp.plugin:
        held = getattr(xmpp.plugin[name], "api", None)
        if isinstance(held, APIWrapper) and held.api is api:
            held.__class__ = wrapper


def _observe_no_longer(observer: object, *, automatic: bool = False) -> None:
    """Stand for `observe()` after `uninstall()`: who has looked may still say that it looks no more."""
    if observer is not None:
        raise RuntimeError("observe(): the pipeline is not installed any more")


def _copy_handlers(api: Any, registrations: Registrations) -> None:
    for ctype, op, handler, jid, node in _registered(api):
        table = registrations.table(ctype, op)
        table.put(handler, jid, node)
        registrations.keep(ctype, op, table)
    for ctype, defaults in api._handler_defaults.items():
        for op, handler in defaults.items():
            registrations.put_default(handler, ctype, op)


def _registered(api: Any) -> Iterator[tuple[str, str, Any, Any, Any]]:
    for ctype, ops in api._handlers.items():
        for op, levels in ops.items():
            yield ctype, op, levels["global"], None, None
            # Of several keys for one JID, slixmpp finds the one that is a JID: it comes last, and counts.
            for jid, handler in sorted(levels["jid"].items(), key=lambda entry: isinstance(entry[0], JID)):
                yield ctype, op, handler, jid, None
            for (jid, node), handler in levels["node"].items():
                yield ctype, op, handler, jid, node
