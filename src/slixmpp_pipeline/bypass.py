"""The layers left out of calls made here are in a context variable, so nested calls and tasks inherit them."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_bypassed: ContextVar[Mapping[object, tuple[object, ...]]] = ContextVar("slixmpp_pipeline.bypassed", default={})  # noqa: B039  never changed, only replaced


def bypassed(registry: object) -> tuple[object, ...]:
    """Return the layers and types that calls of `registry` made here leave out."""
    return _bypassed.get().get(registry, ())


@contextmanager
def bypassing(registry: object, chosen: tuple[object, ...]) -> Iterator[None]:
    """Leave `chosen` out of the calls of `registry` made inside, besides what is left out already."""
    token = _bypassed.set({**_bypassed.get(), registry: bypassed(registry) + chosen})
    try:
        yield
    finally:
        _bypassed.reset(token)
