"""Layers, and code that uses the registry, are tested with a fake client, a recorder and the layers' laws."""

from __future__ import annotations

import asyncio
import atexit
import functools
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar, cast

from slixmpp import JID
from slixmpp.api import APIRegistry

from slixmpp_pipeline.call import Call
from slixmpp_pipeline.errors import CallAborted
from slixmpp_pipeline.install import install

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable

    from slixmpp_pipeline.registry import PipelineRegistry
    from slixmpp_pipeline.typing import CallNext, Layer

__all__ = ["FakeClient", "FakePlugin", "LawBroken", "Recorder", "check_layer"]

_T = TypeVar("_T")


class FakePlugin:
    """A plugin that has what a registry looks at: its `api`."""

    def __init__(self, xmpp: FakeClient, name: str) -> None:
        self.api = xmpp.api.wrap(name)


class FakeClient:
    """What a registry touches of a client or component, and nothing else; it starts with slixmpp's own registry.

    `plugins` are the names of plugins to make. `loop` None means the running loop, or one that never runs.

    >>> api = install(FakeClient("juliet@capulet.example"))
    >>> api.register(lambda jid, node, ifrom, args: str(jid), "any", "op")
    >>> api.run("any", "op").result()
    'juliet@capulet.example'
    """

    def __init__(
        self,
        jid: str = "juliet@capulet.example/balcony",
        *,
        is_component: bool = False,
        loop: asyncio.AbstractEventLoop | None = None,
        plugins: Iterable[str] = (),
    ) -> None:
        self.boundjid = JID(jid)
        self.is_component = is_component
        self.loop = loop or _running_or_idle_loop()
        self.api: Any = cast("Any", APIRegistry)(self)
        self.plugin = {name: FakePlugin(self, name) for name in plugins}

    def wrap(self, awaitable: Awaitable[_T]) -> asyncio.Future[_T]:
        """Make a future of the client's loop, as slixmpp's clients do."""
        return asyncio.ensure_future(awaitable, loop=self.loop)


@dataclass(frozen=True, slots=True, eq=False)
class Recorder:
    """A layer that passes everything on and remembers it: `calls`, and for each what was returned or raised.

    >>> recorder = Recorder()
    >>> api = install(FakeClient(), recorder)
    >>> future = api.run("any", "op", args=1)
    >>> [call.op for call in recorder.calls], recorder.outcomes
    (['op'], [None])
    """

    calls: list[Call] = field(default_factory=list)
    outcomes: list[Any] = field(default_factory=list)

    taskless: ClassVar[bool] = True

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Pass the call on, once."""
        self.calls.append(call)
        try:
            outcome = await call_next(call)
        except BaseException as error:
            self.outcomes.append(error)
            raise
        self.outcomes.append(outcome)
        return outcome


class LawBroken(AssertionError):
    """A layer does not keep one of the laws; the message says which, and how."""


def check_layer(make: Callable[[], Layer], *, ctype: str = "law", op: str = "get") -> None:
    """Check that the layers that `make` returns keep the laws; LawBroken says which they break.

    `ctype` and `op` are what the calls are made for, where a layer only cares about some. For a call that the layer
    lets pass:

    - what comes out is the handler's own result or exception object;
    - if nothing suspends, the handler has acted and the future is done when `run()` returns, the loop on or off;
    - cancelling the future reaches the handler, and nothing swallows it;
    - a context variable set outside is seen inside;
    - no task is left behind.

    Call it from a plain test function: it runs loops of its own.

    >>> async def deaf(call, call_next):
    ...     try:
    ...         return await call_next(call)
    ...     except Exception:
    ...         return None
    >>> check_layer(lambda: deaf)
    Traceback (most recent call last):
        ...
    slixmpp_pipeline.testing.LawBroken: the handler's own exception object comes out: None came out
    """
    for law in (_result_law, _error_law, _cancel_law, _abort_law, _context_law):
        with asyncio.Runner() as runner:
            runner.run(_keep(law, make(), ctype, op))
    _off_law(make(), ctype, op)


_mark: ContextVar[str] = ContextVar("slixmpp_pipeline.testing.mark", default="lost")

_Law: TypeAlias = "Callable[[PipelineRegistry, str, str], Coroutine[Any, Any, None]]"


class _Passing(Exception):
    """What the laws' handlers raise: no layer has a reason to treat it specially."""


async def _keep(law: _Law, layer: Layer, ctype: str, op: str) -> None:
    before = asyncio.all_tasks()
    api = install(FakeClient(), layer)
    await law(api, ctype, op)
    for _ in range(3):  # what has ended may take a turn or two of the loop to be gone
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - before
    _require(not left and not api.pending, "no task is left behind", left)


async def _result_law(api: PipelineRegistry, ctype: str, op: str) -> None:
    result = object()

    def plain(jid: JID, node: str, ifrom: JID | None, args: Any) -> object:
        return result

    async def coroutine(jid: JID, node: str, ifrom: JID | None, args: Any) -> object:
        return result

    async def waiting(jid: JID, node: str, ifrom: JID | None, args: Any) -> object:
        await asyncio.sleep(0)
        return result

    for handler in (plain, coroutine, waiting):
        api.register(handler, ctype, op)
        future = _begin(api, ctype, op)
        _require(future.done() or handler is waiting, "the future is done if nothing suspends", future)
        await asyncio.wait([future])
        own = _error_of(future) is None and future.result() is result
        _require(own, "the handler's own result object comes out", _error_of(future) or future.result())


async def _error_law(api: PipelineRegistry, ctype: str, op: str) -> None:
    error = _Passing()

    def plain(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        raise error

    async def coroutine(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        raise error

    async def waiting(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        await asyncio.sleep(0)
        raise error

    for handler in (plain, coroutine, waiting):
        api.register(handler, ctype, op)
        future = _begin(api, ctype, op)
        await asyncio.wait([future])
        raised = _error_of(future)
        _require(raised is error, "the handler's own exception object comes out", raised or future.result())


async def _cancel_law(api: PipelineRegistry, ctype: str, op: str) -> None:
    heard: list[BaseException] = []

    async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        if heard:
            raise _Passing  # a layer that repeats a cancelled call would do so for ever
        try:
            await asyncio.get_running_loop().create_future()
        except BaseException as error:
            heard.append(error)
            raise

    api.register(handler, ctype, op)
    for turns in (0, 1, 2):
        heard.clear()
        future = _begin(api, ctype, op)
        for _ in range(turns):
            await asyncio.sleep(0)
        future.cancel()
        await asyncio.wait([future])
        _require(future.cancelled(), "cancelling the future ends the call, cancelled", _error_of(future) or future)
        told = len(heard) == 1 and isinstance(heard[0], asyncio.CancelledError)
        _require(told, "a cancellation reaches the handler", heard)


async def _abort_law(api: PipelineRegistry, ctype: str, op: str) -> None:
    async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        gone = asyncio.get_running_loop().create_future()
        gone.cancel()
        await gone

    api.register(handler, ctype, op)
    future = _begin(api, ctype, op)
    await asyncio.wait([future])
    aborted = isinstance(_error_of(future), CallAborted)
    _require(aborted, "CallAborted, for a cancellation that nobody asked for, passes", future)


async def _context_law(api: PipelineRegistry, ctype: str, op: str) -> None:
    def plain(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        return _mark.get()

    async def coroutine(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        await asyncio.sleep(0)
        return _mark.get()

    for handler in (plain, coroutine):
        api.register(handler, ctype, op)
        token = _mark.set("outside")
        future = _begin(api, ctype, op)
        _mark.reset(token)
        await asyncio.wait([future])
        seen = _error_of(future) or future.result()
        _require(seen == "outside", "a context variable set outside is seen inside", seen)


def _off_law(layer: Layer, ctype: str, op: str) -> None:
    acted: list[str] = []
    api = install(FakeClient(loop=_idle_loop()), layer)
    api.register(lambda jid, node, ifrom, args: acted.append("acted"), ctype, op)
    future = _begin(api, ctype, op)
    acted_at_once = future.done() and _error_of(future) is None and acted == ["acted"]
    _require(acted_at_once, "a plain handler has acted when run() returns, the loop off", future)


def _begin(api: PipelineRegistry, ctype: str, op: str) -> asyncio.Future[Any]:
    """Make a call; an error that leaves at the call is handed on as a future, too."""
    try:
        return api.run(ctype, op)
    except Exception as error:  # noqa: BLE001  # whatever comes out is what a law judges
        failed: asyncio.Future[Any] = asyncio.Future(loop=api.xmpp.loop)
        failed.set_exception(error)
        return failed


def _error_of(future: asyncio.Future[Any]) -> BaseException | None:
    return asyncio.CancelledError() if future.cancelled() else future.exception()


def _require(holds: bool, law: str, seen: object) -> None:
    if not holds:
        raise LawBroken(f"{law}: {seen!r} came out")


def _running_or_idle_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return _idle_loop()


@functools.cache
def _idle_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    atexit.register(loop.close)
    return loop
