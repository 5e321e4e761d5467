"""What comes back, when it is done, and how an error comes out."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from slixmpp_pipeline import CallAborted, CallRefused
from tests.contract.table import (
    FUTURE,
    UNAWAITED,
    answered,
    answered_later,
    bare,
    differs,
    failed,
    failed_later,
    raised,
    same,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    from slixmpp import JID

    from tests.contract.stage import Stage


class Oops(Exception):
    """What handlers raise here."""


class NoEquals:
    """Equal to nothing but itself."""


_RESULT = NoEquals()


@same(
    answered(True),
    each={"object": _RESULT, "None": None, "False": False, "0": 0, "''": "", "dict": {}, "class": asyncio.Future},
)
def plain_answer_is_the_very_object(stage: Stage, value: object) -> object:
    stage.register(lambda jid, node, ifrom, args: value)
    future: Any = stage.run()
    assert future.result() is value
    stage.register(lambda jid, node, ifrom, args: True)
    return stage.run()


@differs(
    slixmpp=answered_later(_RESULT), ours=answered(_RESULT), ours_off=answered_later(_RESULT), because="first step"
)
def coroutine_that_does_not_suspend(stage: Stage) -> object:
    async def handler(jid: JID, node: str, ifrom: JID | None, args: object) -> object:
        return _RESULT

    stage.register(handler)
    return stage.run()


@same(answered_later(_RESULT))
def coroutine_that_suspends(stage: Stage) -> object:
    async def handler(jid: JID, node: str, ifrom: JID | None, args: object) -> object:
        await asyncio.sleep(0)
        return _RESULT

    stage.register(handler)
    return stage.run()


@same(answered(None, "acted"))
def plain_handler_has_acted_when_run_returns(stage: Stage) -> object:
    stage.register(lambda jid, node, ifrom, args: stage.seen.append("acted"))
    return stage.run()


@differs(
    slixmpp=answered_later(None),
    ours=answered_later(None, "begun"),
    ours_off=answered_later(None),
    because="first step",
)
def coroutine_handler_has_begun_when_run_returns(stage: Stage) -> object:
    async def handler(jid: JID, node: str, ifrom: JID | None, args: object) -> None:
        stage.seen.append("begun")
        await asyncio.sleep(0)

    stage.register(handler)
    return stage.run()


# Errors


@same(raised(Oops))
def plain_error(stage: Stage) -> object:
    def handler(jid: JID, node: str, ifrom: JID | None, args: object) -> None:
        raise Oops

    stage.register(handler)
    return stage.run()


@differs(slixmpp=failed_later(Oops), ours=failed(Oops), ours_off=failed_later(Oops), because="first step")
def coroutine_error_before_it_suspends(stage: Stage) -> object:
    async def handler(jid: JID, node: str, ifrom: JID | None, args: object) -> None:
        raise Oops

    stage.register(handler)
    return stage.run()


@same(failed_later(Oops))
def coroutine_error_after_it_suspended(stage: Stage) -> object:
    async def handler(jid: JID, node: str, ifrom: JID | None, args: object) -> None:
        await asyncio.sleep(0)
        raise Oops

    stage.register(handler)
    return stage.run()


@same(bare(True))
def plain_error_is_the_very_object(stage: Stage) -> object:
    error = Oops()

    def handler(jid: JID, node: str, ifrom: JID | None, args: object) -> None:
        raise error

    stage.register(handler)
    try:
        stage.run()
    except Oops as caught:
        return caught is error
    return "nothing raised"


@same(raised(KeyboardInterrupt))
def plain_interrupt(stage: Stage) -> object:
    def handler(jid: JID, node: str, ifrom: JID | None, args: object) -> None:
        raise KeyboardInterrupt

    stage.register(handler)
    return stage.run()


@differs(slixmpp=raised(asyncio.CancelledError), ours=raised(CallAborted), because="aborted")
def plain_cancelled_error(stage: Stage) -> object:
    def handler(jid: JID, node: str, ifrom: JID | None, args: object) -> None:
        raise asyncio.CancelledError

    stage.register(handler)
    return stage.run()


@differs(
    slixmpp=failed_later(asyncio.CancelledError),
    ours=failed(CallAborted),
    ours_off=failed_later(CallAborted),
    because="aborted",
)
def coroutine_cancelled_error(stage: Stage) -> object:
    async def handler(jid: JID, node: str, ifrom: JID | None, args: object) -> None:
        raise asyncio.CancelledError

    stage.register(handler)
    return stage.run()


@same(failed_later(asyncio.CancelledError))
def cancelled_future(stage: Stage) -> object:
    async def handler(jid: JID, node: str, ifrom: JID | None, args: object) -> None:
        await asyncio.sleep(0)

    stage.register(handler)
    future: Any = stage.run()
    future.cancel()
    return future


# What a plain function returns may be awaitable


async def _soon(value: object) -> object:
    return value


async def _later(value: object) -> object:
    await asyncio.sleep(0)
    return value


async def _oops() -> object:
    raise Oops


@differs(slixmpp=answered(UNAWAITED), ours=answered(_RESULT), ours_off=answered_later(_RESULT), because="awaitable")
def plain_handler_returns_a_coroutine(stage: Stage) -> object:
    stage.register(lambda jid, node, ifrom, args: _soon(_RESULT))
    return stage.run()


@differs(slixmpp=answered(UNAWAITED), ours=answered_later(_RESULT), because="awaitable")
def plain_handler_returns_a_coroutine_that_suspends(stage: Stage) -> object:
    stage.register(lambda jid, node, ifrom, args: _later(_RESULT))
    return stage.run()


@differs(slixmpp=answered(UNAWAITED), ours=failed(Oops), ours_off=failed_later(Oops), because="awaitable")
def plain_handler_returns_a_coroutine_that_fails(stage: Stage) -> object:
    stage.register(lambda jid, node, ifrom, args: _oops())
    return stage.run()


def _future(stage: Stage) -> asyncio.Future[object]:
    return stage.xmpp.loop.create_future()


@differs(slixmpp=answered(FUTURE), ours=answered(_RESULT), because="awaitable")
def plain_handler_returns_a_done_future(stage: Stage) -> object:
    done = _future(stage)
    done.set_result(_RESULT)
    stage.register(lambda jid, node, ifrom, args: done)
    return stage.run()


@differs(slixmpp=answered(FUTURE), ours=answered_later(_RESULT), because="awaitable")
def plain_handler_returns_a_pending_future(stage: Stage) -> object:
    pending = _future(stage)
    stage.register(lambda jid, node, ifrom, args: pending)
    answer = stage.run()
    stage.xmpp.loop.call_soon(pending.set_result, _RESULT)
    return answer


@differs(slixmpp=answered(FUTURE), ours=failed(Oops), ours_off=failed_later(Oops), because="awaitable")
def plain_handler_returns_a_failed_future(stage: Stage) -> object:
    broken = _future(stage)
    broken.set_exception(Oops())
    stage.register(lambda jid, node, ifrom, args: broken)
    return stage.run()


@differs(slixmpp=answered(FUTURE), ours=failed(CallAborted), ours_off=failed_later(CallAborted), because="awaitable")
def plain_handler_returns_a_cancelled_future(stage: Stage) -> object:
    cancelled = _future(stage)
    cancelled.cancel()
    stage.register(lambda jid, node, ifrom, args: cancelled)
    return stage.run()


class Promise:
    """An awaitable that is no coroutine and no future."""

    def __await__(self) -> Generator[Any, None, object]:
        return _soon(_RESULT).__await__()


_PROMISE = Promise()


@differs(slixmpp=answered(_PROMISE), ours=answered(_RESULT), ours_off=answered_later(_RESULT), because="awaitable")
def plain_handler_returns_another_awaitable(stage: Stage) -> object:
    stage.register(lambda jid, node, ifrom, args: _PROMISE)
    return stage.run()


@same(bare([1, 2]))
def plain_handler_returns_a_generator(stage: Stage) -> object:
    stage.register(lambda jid, node, ifrom, args: (number for number in (1, 2)))
    future: Any = stage.run()
    return list(future.result())


@differs(
    slixmpp=answered_later(_RESULT),
    ours=raised(CallRefused),
    ours_off=answered_later(_RESULT),
    because="another thread",
)
def coroutine_called_from_another_thread(stage: Stage) -> object:
    async def handler(jid: JID, node: str, ifrom: JID | None, args: object) -> object:
        await asyncio.sleep(0)
        return _RESULT

    stage.register(handler)
    with ThreadPoolExecutor(1) as other:
        return other.submit(stage.run).result()


@same(answered(_RESULT))
def plain_handler_called_from_another_thread(stage: Stage) -> object:
    stage.register(lambda jid, node, ifrom, args: _RESULT)
    with ThreadPoolExecutor(1) as other:
        return other.submit(stage.run).result()
