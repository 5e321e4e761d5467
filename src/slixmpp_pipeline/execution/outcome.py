"""Does what a handler returned have to be awaited, and how does that end?"""

from __future__ import annotations

import asyncio
from asyncio import CancelledError
from collections.abc import Awaitable
from inspect import CO_ITERABLE_COROUTINE
from types import GeneratorType
from typing import TYPE_CHECKING, Any

from slixmpp import JID

from slixmpp_pipeline.errors import CallAborted
from slixmpp_pipeline.execution.tasks import being_cancelled

if TYPE_CHECKING:
    from slixmpp_pipeline.call import Call


_NOT_AWAITABLE = frozenset({type(None), bool, int, float, str, bytes, tuple, list, dict, set, frozenset, JID})


def is_awaitable(value: Any) -> bool:
    """Whether `await value` means something; what a plain function answered with is looked at with this.

    >>> is_awaitable({"a": "dict"})
    False
    """
    kind = type(value)
    try:
        if kind in _NOT_AWAITABLE:  # most answers: a look for an attribute that is not there takes long
            return False
    except TypeError:  # a class may be such that it cannot be hashed
        pass
    if kind is GeneratorType:
        return bool(value.gi_code.co_flags & CO_ITERABLE_COROUTINE)
    return getattr(kind, "__await__", None) is not None


async def finish(call: Call, result: Awaitable[Any]) -> Any:
    """Await what a handler returned, in the call's own task."""
    try:
        return await result
    except CancelledError as error:
        if being_cancelled():
            raise
        raise CallAborted(call) from error


def is_answered(awaitable: Any) -> bool:
    """Whether `awaitable` is a future that already holds a result."""
    if not asyncio.isfuture(awaitable) or not awaitable.done():
        return False
    return not awaitable.cancelled() and awaitable.exception() is None


def discard(awaitable: Any, *, cancel: bool = False) -> None:
    """Drop what will never be awaited: close a coroutine, without asyncio's warning; `cancel` a future."""
    if asyncio.iscoroutine(awaitable):
        awaitable.close()
    elif cancel and asyncio.isfuture(awaitable):
        awaitable.cancel()
