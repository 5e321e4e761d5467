"""What is measured of those that link functions: aiohttp, Starlette, nopanic, aiogram?"""

from __future__ import annotations

import functools
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peers.counted import Counts, Send


def aiohttp(n: int, counts: Counts) -> Send:
    """Through client middlewares, which a session links anew for each request, if there are any; without a client."""
    link = import_module("aiohttp.client_middlewares").build_client_middlewares

    async def handle(request: Any) -> None: ...

    def make() -> Any:
        async def passing(request: Any, handler: Any) -> Any:
            return await handler(request)

        return passing

    handler, middlewares = counts.inmost(handle), counts.layers(n, make)
    return (lambda: link(handler, middlewares)(None)) if middlewares else functools.partial(handler, None)


def starlette(n: int, counts: Counts) -> Send:
    """Through ASGI middlewares, nested beforehand as Starlette nests them; without its error pages and its router."""
    middleware = import_module("starlette.middleware").Middleware

    class Passing:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.app(scope, receive, send)

    async def handle(scope: Any, receive: Any, send: Any) -> None: ...

    app = counts.nested(n, middleware(Passing).cls, handle)
    return functools.partial(app, {"type": "http"}, None, None)


def nopanic(n: int, counts: Counts) -> Send:
    """Through policies of one's own, with which a coroutine function was decorated beforehand."""
    policy: Any = import_module("nopanic.extend").Policy

    class Passing(policy):  # type: ignore[misc]  # Any: mypy does not see peers
        __slots__ = ()

        def _run_sync(self, fn: Any, args: Any, kwargs: Any) -> Any:
            return fn(*args, **kwargs)

        async def _run_async(self, fn: Any, args: Any, kwargs: Any) -> Any:
            return await fn(*args, **kwargs)

    async def handle() -> None: ...

    chain: Send = counts.nested(n, Passing(), handle)
    return chain


def aiogram(n: int, counts: Counts) -> Send:
    """Through a router's observer, which finds the handler and wraps it in middlewares for each event; no filters."""
    router, types = import_module("aiogram").Router, import_module("aiogram.types")

    async def handle(event: Any) -> None: ...

    def make() -> Any:
        async def passing(handler: Any, event: Any, data: Any) -> Any:
            return await handler(event, data)

        return passing

    observer = router().message
    observer.register(counts.inmost(handle))
    for layer in counts.layers(n, make):
        observer.middleware(layer)
    message = types.Message(message_id=1, date=0, chat=types.Chat(id=1, type="private"))
    return functools.partial(observer.trigger, message)
