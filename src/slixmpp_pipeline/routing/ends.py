"""A handler answers at the inner end of a chain; one that ends in a `CancelledError` nobody asked for has failed."""

from __future__ import annotations

from asyncio import CancelledError
from typing import TYPE_CHECKING, Any

from slixmpp_pipeline.call import Given, defer, note_reached
from slixmpp_pipeline.errors import CallAborted
from slixmpp_pipeline.execution.outcome import discard, finish, is_answered, is_awaitable
from slixmpp_pipeline.execution.tasks import being_cancelled, own_task
from slixmpp_pipeline.generations.writes import begin_writes, end_waiting_writes, end_writes

if TYPE_CHECKING:
    from slixmpp_pipeline.call import Call
    from slixmpp_pipeline.generations.counters import Place
    from slixmpp_pipeline.generations.writes import Writes
    from slixmpp_pipeline.handlers.found import Found
    from slixmpp_pipeline.handlers.table import Table
    from slixmpp_pipeline.layers.layer import CallNext


def end_in_task(table: Table) -> CallNext:
    """Return the inner end of a chain that runs in the call's own task from the start."""

    async def answer(call: Call) -> Any:
        found = table.resolve(call.jid, call.node) if table.is_specific else table.everywhere
        if found is not call.found:
            _note(call, found)
        if found is None:
            return None
        try:
            result = found.run(call.jid, call.node, call.ifrom, call.args)
            if found.is_coroutine:
                return await result
            if is_awaitable(result):
                defer(call)
                return await result
        except CancelledError as error:
            if being_cancelled():
                raise
            raise CallAborted(call) from error
        return result

    answer.__qualname__ = "call_next"  # as layers know it, for Python's messages
    return answer


def end_by_hand(table: Table) -> CallNext:
    """Return the inner end of a chain that is stepped by hand: it asks for a task when the handler needs one."""

    async def answer(call: Call) -> Any:
        found = table.resolve(call.jid, call.node) if table.is_specific else table.everywhere
        if found is not call.found:
            _note(call, found)
        if found is None:
            return None
        if found.is_coroutine:
            await own_task()
            return await finish(call, found.run(call.jid, call.node, call.ifrom, call.args))
        try:
            result = found.run(call.jid, call.node, call.ifrom, call.args)
        except CancelledError as error:  # a plain function has no task that anybody could cancel
            raise CallAborted(call) from error
        if result is None or not is_awaitable(result):
            return result
        if is_answered(result):
            return result.result()
        defer(call)
        try:
            await own_task()
        except BaseException as error:  # cancelled before the loop has started, or refused
            discard(result, cancel=isinstance(error, CancelledError))
            raise
        return await finish(call, result)

    return answer


def awaiting(chain: CallNext) -> CallNext:
    """Return `chain` as a coroutine function, whatever it is."""

    async def outermost(call: Call) -> Any:
        return await chain(call)

    return outermost


def guarded(chain: CallNext) -> CallNext:
    """Return `chain` with the same judgement of a `CancelledError` once more, outermost: a layer may have raised it."""

    async def outermost(call: Call) -> Any:
        try:
            return await chain(call)
        except CancelledError as error:
            if being_cancelled():
                raise
            raise CallAborted(call) from error

    return outermost


def moving(chain: CallNext, written: list[Place]) -> CallNext:
    """Return `chain`, with the generations of what the call writes: gone while it is under way, and moved by then."""

    async def write(call: Call) -> Any:
        writes: Writes = []
        try:
            begin_writes(written, call, writes, may_wait=True)
            return await chain(call)
        except CancelledError as error:  # as `guarded` does
            if being_cancelled():
                raise
            raise CallAborted(call) from error
        finally:
            end_waiting_writes(writes)

    return write


def moving_replaced(end: CallNext, written: list[Place]) -> CallNext:
    """Return `end`, moving the generations of what is written by a call that a layer outside replaced."""

    async def replaced(call: Call) -> Any:
        writes: Writes = []
        try:
            begin_writes(written, call, writes)
            return await end(call)
        finally:
            end_writes(writes)

    def write(call: Call) -> Any:
        return end(call) if type(call) is Given else replaced(call)

    return write


def reaching(chain: CallNext) -> CallNext:
    """Return `chain`, remembering the call that reaches the handler: a cache outside has to know what was asked."""

    async def reach(call: Call) -> Any:
        note_reached(call)
        return await chain(call)

    return reach


def _note(call: Call, found: Found | None) -> None:
    """Note what answers in place of what was found for the call as given: a layer replaced it, or handlers changed."""
    call.notes["tier"] = str(found.tier) if found is not None else "none"
