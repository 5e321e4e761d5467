"""A layer, and where it was registered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from slixmpp_pipeline.callables import is_same
from slixmpp_pipeline.typing import Layer


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
        return any(is_same(one.layer, layer) for one in self.lineage())

    def lineage(self) -> Iterator[Placed]:
        """Iterate over this, what it replaces, what that replaces, and so on."""
        one: Placed | None = self
        while one is not None:
            yield one
            one = one.instead_of

    def is_one_of(self, chosen: Iterable[object]) -> bool:
        """Whether this layer is meant by one of `chosen`: the very object, or a type it is an instance of."""
        return any(isinstance(self.layer, one) if isinstance(one, type) else is_same(self.layer, one) for one in chosen)
