"""Which laws must every layer keep that passes calls on?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from slixmpp_pipeline.errors import CallAborted
from slixmpp_pipeline.handlers.names import describe
from slixmpp_pipeline.handlers.registrations import require_op
from slixmpp_pipeline.handlers.signatures import is_async, takes
from slixmpp_pipeline.installation import install
from slixmpp_pipeline.jids import parse_jid
from slixmpp_pipeline.testing.fakes import FakeClient, idle_loop

if TYPE_CHECKING:
    from slixmpp import JID

    from slixmpp_pipeline.layers.layer import Layer
    from slixmpp_pipeline.registry import PipelineRegistry


class LawBroken(AssertionError):
    """A layer does not keep one of the laws; the message says which, and how.

    >>> async def twice(call, call_next):
    ...     await call_next(call)
    ...     return await call_next(call)
    >>> check_layer(lambda: twice)
    Traceback (most recent call last):
        ...
    slixmpp_pipeline.testing.laws.LawBroken: the handler runs once: ['acted', 'acted'] came out
    """


class _Asked(NamedTuple):
    """What the laws' calls are made for: the arguments of `run()`."""

    ctype: str
    op: str
    jid: JID | str | None
    node: str | None
    ifrom: JID | None
    args: Any


def check_layer(
    make: Callable[[], Layer],
    *,
    ctype: str = "law",
    op: str = "get",
    jid: JID | str | None = None,
    node: str | None = None,
    ifrom: JID | None = None,
    args: Any = None,
) -> None:
    """Check that the layers that `make` returns keep the laws; LawBroken says which they break.

    The other arguments are those of the calls that are made, where a layer only lets some pass. The laws are those
    of a layer that passes calls on as they are; one that changes answers, or waits, breaks the first two by design.

    - The handler runs once, and what comes out is its own result or exception object.
    - If nothing suspends, the handler has acted and the future is done when `api.run()` returns, the loop on or off.
    - Cancelling the future reaches the handler, and nothing swallows it.
    - A context variable set outside is seen inside.
    - No task is left behind.

    TypeError if `make` is no function that makes layers; ValueError for a malformed `jid`; RuntimeError in a running
    loop: call it from a plain test function, since it runs loops of its own.

    >>> async def deaf(call, call_next):
    ...     try:
    ...         return await call_next(call)
    ...     except Exception:
    ...         return None
    >>> check_layer(lambda: deaf)
    Traceback (most recent call last):
        ...
    slixmpp_pipeline.testing.laws.LawBroken: the handler's own exception object comes out: None came out
    """
    given: Any = make
    if not callable(given) or is_async(given) or not takes(given, 0):
        shown = describe(given) if callable(given) else repr(given)
        raise TypeError(f"check_layer(): make: {shown} is no function that makes a layer; write lambda: ...")
    require_op(ctype, op)
    if jid is not None:
        parse_jid(jid)
    if asyncio._get_running_loop() is not None:
        raise RuntimeError("check_layer() runs loops of its own; call it from a plain `def` test, outside a loop")
    asked = _Asked(ctype, op, jid, node, ifrom, args)
    for law in (_result_law, _error_law, _cancel_law, _abort_law, _context_law):
        with asyncio.Runner() as runner:
            runner.run(_keep(law, make(), asked))
    _off_law(make(), asked)


_mark: ContextVar[str] = ContextVar("slixmpp_pipeline.testing.mark", default="lost")

_Law: TypeAlias = "Callable[[PipelineRegistry, _Asked], Coroutine[Any, Any, None]]"


class _Passing(Exception):
    """What the laws' handlers raise: no layer has a reason to treat it specially."""


async def _keep(law: _Law, layer: Layer, asked: _Asked) -> None:
    before = asyncio.all_tasks()
    api = install(FakeClient(), layer)
    await law(api, asked)
    for _ in range(3):  # what has ended may take a turn or two of the loop to be gone
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - before
    _require(not left and not api.pending, "no task is left behind", left)


async def _result_law(api: PipelineRegistry, asked: _Asked) -> None:
    result = object()
    acted: list[str] = []

    def plain(jid: JID, node: str, ifrom: JID | None, args: Any) -> object:
        acted.append("acted")
        return result

    async def coroutine(jid: JID, node: str, ifrom: JID | None, args: Any) -> object:
        return plain(jid, node, ifrom, args)

    async def waiting(jid: JID, node: str, ifrom: JID | None, args: Any) -> object:
        await asyncio.sleep(0)
        return plain(jid, node, ifrom, args)

    for handler in (plain, coroutine, waiting):
        api.register(handler, asked.ctype, asked.op)
        future = _begin(api, asked)
        _require(future.done() or handler is waiting, "the future is done if nothing suspends", future)
        await asyncio.wait([future])
        came = _error_of(future) or future.result()
        _require(came is result, "the handler's own result object comes out", came, _hint(came))
        _require(acted == ["acted"], "the handler runs once", acted)
        acted.clear()


async def _error_law(api: PipelineRegistry, asked: _Asked) -> None:
    error = _Passing()

    def plain(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        raise error

    async def coroutine(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        raise error

    async def waiting(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        await asyncio.sleep(0)
        raise error

    for handler in (plain, coroutine, waiting):
        api.register(handler, asked.ctype, asked.op)
        future = _begin(api, asked)
        await asyncio.wait([future])
        raised = _error_of(future)
        _require(raised is error, "the handler's own exception object comes out", raised or future.result())


async def _cancel_law(api: PipelineRegistry, asked: _Asked) -> None:
    heard: list[BaseException] = []

    async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        if heard:
            raise _Passing  # a layer that repeats a cancelled call would do so for ever
        try:
            await asyncio.get_running_loop().create_future()
        except BaseException as error:
            heard.append(error)
            raise

    api.register(handler, asked.ctype, asked.op)
    for turns in (0, 1, 2):
        heard.clear()
        future = _begin(api, asked)
        for _ in range(turns):
            await asyncio.sleep(0)
        future.cancel()
        await asyncio.wait([future])
        _require(future.cancelled(), "cancelling the future ends the call, cancelled", _error_of(future) or future)
        told = len(heard) == 1 and isinstance(heard[0], asyncio.CancelledError)
        _require(told, "a cancellation reaches the handler", heard)


async def _abort_law(api: PipelineRegistry, asked: _Asked) -> None:
    async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        gone = asyncio.get_running_loop().create_future()
        gone.cancel()
        await gone

    api.register(handler, asked.ctype, asked.op)
    future = _begin(api, asked)
    await asyncio.wait([future])
    aborted = isinstance(_error_of(future), CallAborted)
    _require(aborted, "CallAborted, for a cancellation that nobody asked for, passes", future)


async def _context_law(api: PipelineRegistry, asked: _Asked) -> None:
    def plain(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        return _mark.get()

    async def coroutine(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        await asyncio.sleep(0)
        return _mark.get()

    for handler in (plain, coroutine):
        api.register(handler, asked.ctype, asked.op)
        token = _mark.set("outside")
        future = _begin(api, asked)
        _mark.reset(token)
        await asyncio.wait([future])
        seen = _error_of(future) or future.result()
        _require(seen == "outside", "a context variable set outside is seen inside", seen)


def _off_law(layer: Layer, asked: _Asked) -> None:
    acted: list[str] = []
    api = install(FakeClient(loop=idle_loop()), layer)
    api.register(lambda jid, node, ifrom, args: acted.append("acted"), asked.ctype, asked.op)
    future = _begin(api, asked)
    acted_at_once = future.done() and _error_of(future) is None and acted == ["acted"]
    hint = "there is no task while the loop is off, and one that promises `taskless` asks for none before own_task()"
    _require(acted_at_once, "a plain handler has acted when run() returns, the loop off", future, hint)


def _begin(api: PipelineRegistry, asked: _Asked) -> asyncio.Future[Any]:
    """Make a call; an error that leaves at the call is handed on as a future, too."""
    try:
        return api.run(*asked)
    except Exception as error:  # noqa: BLE001  # whatever comes out is what a law judges
        failed: asyncio.Future[Any] = asyncio.Future(loop=api.xmpp.loop)
        failed.set_exception(error)
        return failed


def _error_of(future: asyncio.Future[Any]) -> BaseException | None:
    return asyncio.CancelledError() if future.cancelled() else future.exception()


def _hint(came: object) -> str:
    """Return what to do about a layer that let `came` out in the place of the handler's answer."""
    if isinstance(came, BaseException):
        return "if the layer lets only some calls pass, say which: check_layer(..., op=..., ifrom=...)"
    return "return await call_next(call)" if came is None or asyncio.iscoroutine(came) else ""


def _require(holds: bool, law: str, seen: object, hint: str = "") -> None:
    if not holds:
        raise LawBroken(f"{law}: {seen!r} came out" + (f"; {hint}" if hint else ""))
