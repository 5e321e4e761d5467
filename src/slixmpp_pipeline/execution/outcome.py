"""How does a handler's answer end: is it awaitable, answered, aborted?"""

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
    from slixmpp_pipeline.execution.pending import Forget


_NOT_AWAITABLE = frozenset({type(None), bool, int, float, str, bytes, tuple, list, dict, set, frozenset, JID})


def is_awaitable(value: Any) -> bool:
    """Whether `value`, the answer of a plain function, can be awaited.

    >>> is_awaitable({"a": "dict"})
    False
    """
    kind = type(value)
    try:
        if kind in _NOT_AWAITABLE:  # most answers are: to look for a missing attribute takes longer
            return False
    except TypeError:  # a metaclass may make its classes unhashable
        pass
    if kind is GeneratorType:
        return bool(value.gi_code.co_flags & CO_ITERABLE_COROUTINE)
    return getattr(kind, "__await__", None) is not None


async def finish(call: Call, result: Awaitable[Any]) -> Any:
    """Await what a handler returned, in the call's own task."""
    try:
        return await result
    except CancelledError as error:
        abort_unless_cancelled(call, error)
        raise


async def finish_call(call: Call, result: Awaitable[Any], forget: Forget) -> Any:
    """Await what a handler without layers returned: the whole of a call, which is forgotten at its end."""
    try:
        return await finish(call, result)
    finally:
        forget(id(call), None)


def abort_unless_cancelled(call: Call, error: CancelledError) -> None:
    """Raise CallAborted from `error` if nobody cancelled the running task: the call has failed then."""
    if not being_cancelled():
        raise CallAborted(call) from error


def is_answered(awaitable: Any) -> bool:
    """Whether `awaitable` is a future that already has a result."""
    if not asyncio.isfuture(awaitable) or not awaitable.done():
        return False
    return not awaitable.cancelled() and awaitable.exception() is None


def discard(awaitable: Any, *, cancel: bool = False) -> None:
    """Drop an awaitable that will never be awaited: close a coroutine, and `cancel` a future if asked to."""
    if asyncio.iscoroutine(awaitable):
        awaitable.close()
    elif cancel and asyncio.isfuture(awaitable):
        awaitable.cancel()
