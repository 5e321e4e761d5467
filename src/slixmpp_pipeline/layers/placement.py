"""Where was a layer registered, and for which calls?"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from slixmpp_pipeline.handlers.names import is_same
from slixmpp_pipeline.layers.layer import Layer


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A layer in the scope where it was registered; `where` is the file and line of that.

    `scope` is a text: `everywhere`, a ctype, or a ctype and op. `instead_of` is the broader layer that this one
    overrides, or None. `is_automatic` is true for one that no line of the application has placed.
    """

    layer: Layer
    scope: str
    where: str
    instead_of: Placed | None = None
    is_automatic: bool = False

    def involves(self, layer: object) -> bool:
        """Whether this is `layer`, or overrides it, directly or not."""
        return any(is_same(one.layer, layer) for one in self.lineage())

    def lineage(self) -> Iterator[Placed]:
        """Iterate over this, the one that it overrides, the one that that one overrides, and so on."""
        one: Placed | None = self
        while one is not None:
            yield one
            one = one.instead_of

    def is_one_of(self, chosen: Iterable[object]) -> bool:
        """Whether `chosen` has this very layer, or a type of it."""
        return any(isinstance(self.layer, one) if isinstance(one, type) else is_same(self.layer, one) for one in chosen)


class Scope(NamedTuple):
    """Where a layer applies: everywhere, one ctype, or one op of a ctype."""

    ctype: str | None = None
    op: str | None = None

    def __str__(self) -> str:
        return "everywhere" if self.ctype is None else self.ctype if self.op is None else f"{self.ctype} {self.op}"


EVERYWHERE = Scope()


def make_scope(ctype: Any, op: Any) -> Scope:
    """Return the scope of `ctype` and `op`; TypeError for an op without a ctype, or for other types."""
    for name, value in (("ctype", ctype), ("op", op)):
        if value is not None and not isinstance(value, str):
            raise TypeError(f"{name}: {value!r} is {type(value).__name__}; a string or None is allowed")
    if ctype is None and op is not None:
        raise TypeError(f"op: {op!r} was given without a ctype; an op belongs to a ctype")
    return Scope(ctype, op)


def where_called() -> str:
    """Return the file and line of the innermost caller outside this package."""
    frame = sys._getframe(1)  # documented, and reads no source file
    package = __name__.partition(".")[0]
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).partition(".")[0] == package:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
