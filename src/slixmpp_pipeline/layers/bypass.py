"""Which layers do calls leave out? A context variable says it, so that nested calls and tasks inherit it."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: By registry: the layers and types that its calls leave out. None if nothing is, for a cheap look.
bypassed: ContextVar[Mapping[object, tuple[object, ...]] | None] = ContextVar("slixmpp_pipeline.bypassed", default=None)


@contextmanager
def bypassing(registry: object, chosen: tuple[object, ...]) -> Iterator[None]:
    """Leave `chosen` out of the calls of `registry` in the `with` block, besides what is left out already."""
    before = bypassed.get() or {}
    token = bypassed.set({**before, registry: before.get(registry, ()) + chosen})
    try:
        yield
    finally:
        bypassed.reset(token)
