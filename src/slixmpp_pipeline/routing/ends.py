"""What stands at the inner end of a chain, where the handler is called, and what around a chain?"""

from __future__ import annotations

import asyncio
from asyncio import CancelledError
from typing import TYPE_CHECKING, Any

from slixmpp_pipeline.call import defer, note_answered_by, note_reached
from slixmpp_pipeline.errors import CallAborted
from slixmpp_pipeline.execution.outcome import abort_unless_cancelled, discard, finish, is_answered, is_awaitable
from slixmpp_pipeline.execution.tasks import own_task
from slixmpp_pipeline.generations.writes import begin_redirected_writes, begin_writes, end_writes

if TYPE_CHECKING:
    from slixmpp_pipeline.call import Call
    from slixmpp_pipeline.execution.pending import Forget
    from slixmpp_pipeline.generations.counters import CountedWrite
    from slixmpp_pipeline.generations.writes import Write
    from slixmpp_pipeline.handlers.table import Table
    from slixmpp_pipeline.layers.layer import CallNext


def end_in_task(table: Table, forget: Forget | None = None) -> CallNext:
    """Return the inner end of a chain that runs in the call's own task from the start; all of it, with `forget`."""

    async def answer(call: Call) -> Any:
        found = table.resolve(call.jid, call.node) if table.is_specific else table.everywhere
        if found is not call.found:
            note_answered_by(call, found)  # a layer replaced the call, or handlers changed
        if found is None:
            return None
        try:
            result = found.function(call.jid, call.node, call.ifrom, call.args)
            if found.is_coroutine:
                return await result
            if is_awaitable(result):
                defer(call)
                return await result
        except CancelledError as error:
            abort_unless_cancelled(call, error)
            raise
        finally:
            if forget is not None:
                forget(id(call), None)
        return result

    answer.__qualname__ = "call_next"  # layers know it by this name, which Python's messages show
    return answer


def end_stepped(table: Table) -> CallNext:
    """Return the inner end of a chain that a stepper begins: it asks for a task when the handler needs one."""

    async def answer(call: Call) -> Any:
        found = table.resolve(call.jid, call.node) if table.is_specific else table.everywhere
        if found is not call.found:
            note_answered_by(call, found)  # a layer replaced the call, or handlers changed
        if found is None:
            return None
        if found.is_coroutine:
            await own_task()
            return await finish(call, found.function(call.jid, call.node, call.ifrom, call.args))
        try:
            result = found.function(call.jid, call.node, call.ifrom, call.args)
        except CancelledError as error:  # nobody can cancel a plain function: it has no task
            raise CallAborted(call) from error
        if result is None or not is_awaitable(result):
            return result
        if is_answered(result):
            return result.result()
        defer(call)
        try:
            await own_task()
        except BaseException as error:  # the call was cancelled before the loop started, or was refused
            discard(result, cancel=isinstance(error, CancelledError))
            raise
        return await finish(call, result)

    return answer


def as_coroutine(chain: CallNext) -> CallNext:
    """Return `chain` as a coroutine function, if it is a plain function or another callable."""

    async def outermost(call: Call) -> Any:
        return await chain(call)

    return outermost


def with_abort(chain: CallNext, forget: Forget) -> CallNext:
    """Return `chain` with CallAborted for a `CancelledError` that a layer raised, and nobody asked for.

    It is outermost, and forgets the call at its end.
    """

    async def outermost(call: Call) -> Any:
        try:
            return await chain(call)
        except CancelledError as error:
            abort_unless_cancelled(call, error)
            raise
        finally:
            forget(id(call), None)

    return outermost


def with_writes(chain: CallNext, written: list[CountedWrite], forget: Forget) -> CallNext:
    """Return `chain` in a write of the keys in `written`, and `with_abort`."""

    async def write(call: Call) -> Any:
        writes: list[Write] = []
        try:
            begin_writes(written, call, writes, asyncio.get_running_loop())
            return await chain(call)
        except CancelledError as error:
            abort_unless_cancelled(call, error)
            raise
        finally:
            end_writes(writes, call)
            forget(id(call), None)

    return write


def with_replaced_writes(end: CallNext, written: list[CountedWrite], given: type[Call]) -> CallNext:
    """Return `end`, which counts the keys that a call names if a layer outside replaced it: it is no `given` then.

    They are written until the call that it was has ended: a layer outside may commit later what the handler wrote.
    """

    def write(call: Call) -> Any:
        if type(call) is not given:
            begin_redirected_writes(written, call)
        return end(call)

    return write


def with_reached(end: CallNext) -> CallNext:
    """Return `end`, with each call that reaches it noted: a cache outside has to know what the handler was asked."""

    async def reach(call: Call) -> Any:
        note_reached(call)
        return await end(call)

    return reach
