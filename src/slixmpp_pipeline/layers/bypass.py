"""Which layers do calls leave out? A context variable says it, so that nested calls and tasks inherit it.

What outlives the block keeps the context: a socket's reader that was made inside calls for every stanza later. So the
variable has the block, and a block that has ended leaves nothing out.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Block:
    """A `with` block in which calls of `registry` leave out `chosen`, layers and types; `outer` is one around it."""

    __slots__ = ("chosen", "has_ended", "outer", "registry")

    def __init__(self, registry: object, chosen: tuple[object, ...], outer: Block | None) -> None:
        self.registry = registry
        self.chosen = chosen
        self.outer = outer
        self.has_ended = False


bypassing: ContextVar[Block | None] = ContextVar("slixmpp_pipeline.bypassing", default=None)
"""The innermost block that the running code is in, or was started in; None if there is none, for a cheap look."""


@contextmanager
def bypass(registry: object, chosen: tuple[object, ...]) -> Iterator[None]:
    """Leave `chosen` out of the calls of `registry` in the `with` block, besides what is left out already."""
    block = Block(registry, chosen, bypassing.get())
    token = bypassing.set(block)
    try:
        yield
    finally:
        block.has_ended = True
        bypassing.reset(token)


def left_out(registry: object, innermost: Block) -> tuple[object, ...]:
    """Return what calls of `registry` leave out in the blocks around that have not ended."""
    chosen: tuple[object, ...] = ()
    block: Block | None = innermost
    while block is not None:
        if block.registry is registry and not block.has_ended:
            chosen = block.chosen + chosen
        block = block.outer
    return chosen
