"""How a real client or component comes by its registry: ours, early, late or no longer, or slixmpp's own."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from slixmpp import ClientXMPP, ComponentXMPP
from slixmpp.plugins import PLUGINS

from slixmpp_middleware import Logging, Timeout
from slixmpp_pipeline import Layer, install, uninstall
from tests.layers import passing

Entity: TypeAlias = Literal["client", "component"]
Prepare: TypeAlias = Callable[[Any], None]

SKIPPED = {
    "xep_0027": "its presence filter runs the gpg program",
    **({} if importlib.util.find_spec("aiohttp") else {"xep_0363": "it needs aiohttp"}),
}


def nothing(xmpp: Any) -> None:
    """Prepare nothing."""


def make(entity: Entity) -> Any:
    """Return a new client or component, without plugins."""
    if entity == "client":
        return ClientXMPP("juliet@capulet.example/balcony", "secret")
    return ComponentXMPP("gateway.example", "secret", "localhost", 5347)


def register_plugins(xmpp: Any) -> None:
    """Register every plugin of the installed slixmpp."""
    xmpp.plugin_whitelist = [name for name in PLUGINS if name not in SKIPPED]
    xmpp.register_plugins()


@dataclass(frozen=True, slots=True)
class Arrangement:
    """When our registry is installed, and with which layers."""

    name: str
    when: Literal["never", "before", "after", "uninstalled"]
    layers: Callable[[], list[Layer]] = list

    def build(self, entity: Entity, prepare: Prepare = nothing) -> Any:
        """Return an entity with every plugin; `prepare` fills its plugins before the stream is open."""
        xmpp = make(entity)
        if self.when in {"before", "uninstalled"}:
            install(xmpp, *self.layers())
        register_plugins(xmpp)
        prepare(xmpp)
        if self.when == "after":
            install(xmpp, *self.layers())
        if self.when == "uninstalled":
            uninstall(xmpp)
        return xmpp

    def __str__(self) -> str:
        return self.name


def _built_in() -> list[Layer]:
    return [Logging(), Timeout(5)]


REFERENCE = Arrangement("never", "never")

INSTALLED = [
    Arrangement("before, bare", "before"),
    Arrangement("before, a layer", "before", lambda: [passing]),
    Arrangement("before, built-in", "before", _built_in),
    Arrangement("after, bare", "after"),
    Arrangement("after, a layer", "after", lambda: [passing]),
    Arrangement("after, built-in", "after", _built_in),
]

UNINSTALLED = [
    Arrangement("uninstalled, bare", "uninstalled"),
    Arrangement("uninstalled, a layer", "uninstalled", lambda: [passing]),
]
