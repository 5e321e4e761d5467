"""How does a handler answer at the inner end of a chain, and what of a `CancelledError` that nobody asked for?"""

from __future__ import annotations

import asyncio
from asyncio import CancelledError
from typing import TYPE_CHECKING, Any

from slixmpp_pipeline.begun import own_task
from slixmpp_pipeline.callables import is_awaitable
from slixmpp_pipeline.errors import CallAborted

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from slixmpp_pipeline.call import Call
    from slixmpp_pipeline.resolver import Table
    from slixmpp_pipeline.typing import CallNext


def terminal(table: Table, *, in_task: bool) -> CallNext:
    """Return the inner end of a chain over `table`: it resolves the call it is given and runs the handler.

    With `in_task` the chain runs in the call's own task from the start; otherwise it asks for one when the handler
    turns out to need it.
    """

    async def answer(call: Call) -> Any:
        found = table.resolve(call.jid, call.node)
        if found is not call.found:  # a layer replaced the call, or the handlers have changed
            call.notes["tier"] = str(found.tier) if found is not None else "none"
        if found is None:
            return None
        if found.is_coroutine:
            if not in_task:
                await own_task()
            return await finish(call, found.run(call.jid, call.node, call.ifrom, call.args))
        try:
            result = found.run(call.jid, call.node, call.ifrom, call.args)
        except CancelledError as error:
            raise CallAborted(call) from error
        if result is None or not is_awaitable(result):
            return result
        if is_answered(result):
            return result.result()
        if not in_task:
            try:
                await own_task()
            except BaseException:
                discard(result)
                raise
        return await finish(call, result)

    return answer


def guarded(chain: CallNext) -> CallNext:
    """Return `chain` with one more judgement of a `CancelledError`, outermost: a layer may have raised it."""

    async def outermost(call: Call) -> Any:
        try:
            return await chain(call)
        except CancelledError as error:
            if being_cancelled():
                raise
            raise CallAborted(call) from error

    return outermost


async def finish(call: Call, result: Awaitable[Any]) -> Any:
    """Await what a handler returned, in the call's own task."""
    try:
        return await result
    except CancelledError as error:
        if being_cancelled():
            raise
        raise CallAborted(call) from error


def being_cancelled() -> bool:
    """Whether somebody asked to cancel the task that runs."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no loop runs, so no task can be asked
        return False
    return task is not None and task.cancelling() > 0


def is_answered(awaitable: Any) -> bool:
    """Whether `awaitable` is a future that already holds a result."""
    if not asyncio.isfuture(awaitable) or not awaitable.done():
        return False
    return not awaitable.cancelled() and awaitable.exception() is None


def discard(awaitable: Any) -> None:
    """Drop a coroutine that will never be awaited, without asyncio's warning."""
    if asyncio.iscoroutine(awaitable):
        awaitable.close()
