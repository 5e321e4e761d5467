"""What does the page's server answer? Its files, a stream of snapshots, and what one handler is about."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Awaitable, Callable, Collection
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, cast, get_args

import msgspec
from aiohttp import web
from slixmpp import JID, InvalidJID

from slixmpp_inspector.guard import add_headers, guard
from slixmpp_inspector.recorded import Window

if TYPE_CHECKING:
    from slixmpp_inspector.details import Details
    from slixmpp_inspector.snapshots import Snapshots

_FILES: Final = {"": "index.html", "style.css": "style.css", "page.js": "page.js", "icon.svg": "icon.svg"}
_TYPES: Final = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_MAX_STREAMS: Final = 8
_MAX_CONNECTIONS: Final = 64
_SECOND: Final = 1.0
_SOON: Final = 0.1  # seconds, for which the bot waits at the end
_SLOW: Final = 10.0  # seconds; a stream that takes nothing for so long ends
_LOG = logging.getLogger("slixmpp_inspector")
_SILENT: Final = logging.Logger("silent", logging.CRITICAL + 1)  # noqa: LOG001  # a broken request may hold the token


class Server:
    """Serves the page at the socket `listening`. One snapshot a second is taken for all who look, none for nobody."""

    def __init__(
        self,
        listening: socket.socket,
        token: str,
        hosts: Collection[str],
        snapshots: Snapshots,
        details: Details,
        *,
        is_secure: bool,
    ) -> None:
        self._listening = listening
        self._known: set[object] = set()  # the connections of those who have the token
        self._guard: Any = guard(token, hosts, _file("refused.html"), self._known.add, is_secure=is_secure)
        self._snapshots = snapshots
        self._details = details
        self._streams: dict[Window, int] = dict.fromkeys(get_args(Window), 0)
        self._taken: dict[Window, bytes] = {}
        self._is_new = asyncio.Condition()
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """End `serve()`; on its loop."""
        self._stopped.set()

    async def serve(self, begun: Callable[[], object]) -> None:
        """Serve until `stop()`; `begun` is called when it does."""
        app = web.Application(middlewares=[self._guard])
        app.on_response_prepare.append(add_headers)
        for path, name in _FILES.items():
            app.router.add_get(f"/{path}", _sends(name), allow_head=False)
        for answer in (self._events, self._detail, self._explain, self._lint):
            app.router.add_get(f"/{answer.__name__[1:]}", answer, allow_head=False)
        runner = web.AppRunner(
            app, access_log=None, logger=_SILENT, shutdown_timeout=_SOON, handler_cancellation=True
        )  # who has gone, looks no more
        await runner.setup()
        serving = await self._listen(lambda: _Room(cast("web.Server", runner.server), self._known, self._stopped))
        ticking = asyncio.create_task(self._tick())
        begun()
        try:
            await self._stopped.wait()
        finally:
            ticking.cancel()
            await self._wake()
            # A connection that was accepted and has no protocol yet would be left open by a server that closes.
            asyncio.get_running_loop().remove_reader(self._listening)
            await _turns()
            serving.close()
            await runner.cleanup()
            await _turns()  # in which connections close

    async def _listen(self, make: Callable[[], asyncio.Protocol]) -> asyncio.Server:
        loop, listening = asyncio.get_running_loop(), self._listening
        if listening.family == socket.AF_UNIX:
            return await loop.create_unix_server(make, sock=listening)
        return await loop.create_server(make, sock=listening)

    async def _tick(self) -> None:
        """Once a second take a snapshot for those who look."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due = max(due, loop.time()) + _SECOND
            try:
                self._snapshots.tick()
                for window, streams in self._streams.items():
                    if streams:
                        self._taken[window] = await self._take(window)
                await self._wake()
            except Exception:  # noqa: BLE001  # there is a next second, whatever it is
                _LOG.exception("the inspector could not look")
            await asyncio.sleep(due - loop.time())

    async def _wake(self) -> None:
        async with self._is_new:
            self._is_new.notify_all()

    async def _take(self, window: Window) -> bytes:
        return _encoded(await self._snapshots.take(window))

    async def _events(self, request: web.Request) -> web.StreamResponse:
        window = _window(request)
        if sum(self._streams.values()) >= _MAX_STREAMS:
            raise web.HTTPTooManyRequests(text=f"{_MAX_STREAMS} look already. Close one of the pages.\n")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        self._streams[window] += 1
        try:
            self._taken[window] = await self._take(window)
            await response.prepare(request)
            while not self._stopped.is_set():
                async with asyncio.timeout(_SLOW):
                    await response.write(b"data: " + self._taken[window] + b"\n\n")
                async with self._is_new:
                    await self._is_new.wait()
        except TimeoutError:  # who looks takes nothing, and is still there
            cast("asyncio.Transport", request.transport).abort()
        finally:
            self._streams[window] -= 1
        return response

    async def _detail(self, request: web.Request) -> web.Response:
        ctype, op, tier = (_needed(request, name) for name in ("ctype", "op", "tier"))
        return _json(await self._details.of((ctype, op, request.query.get("handler"), tier), _window(request)))

    async def _explain(self, request: web.Request) -> web.Response:
        ctype, op, jid, node = [request.query.get(name) for name in ("ctype", "op", "jid", "node")]
        if op is not None and ctype is None:
            raise web.HTTPBadRequest(text="op: an op without its ctype is not allowed\n")
        try:
            _ = JID(jid)
        except InvalidJID as error:
            raise web.HTTPBadRequest(text=f"jid: {jid!r} is not a JID: {error}\n") from error
        return _json(await self._details.explain(ctype, op, jid, node))

    async def _lint(self, _request: web.Request) -> web.Response:
        return _json(await self._details.lint())


class _Room(asyncio.Protocol):
    """Lets a connection in if there is room for it, else ends it: the bot needs its files for other things.

    Who has not shown the token makes room: 64 connections without it would keep its owner out.
    """

    def __init__(self, server: web.Server, known: set[object], stopped: asyncio.Event) -> None:
        self._server = server
        self._known = known
        self._stopped = stopped

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._stopped.is_set() or not self._has_room():
            transport.close()
        else:
            protocol = self._server()
            transport.set_protocol(protocol)
            protocol.connection_made(transport)

    def _has_room(self) -> bool:
        connections = self._server.connections
        self._known.intersection_update(connections)
        if len(connections) < _MAX_CONNECTIONS:
            return True
        strangers = (one for one in connections if one not in self._known)
        if (first := next(strangers, None)) is not None:
            first.force_close()
        return first is not None


async def _turns(turns: int = 5) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


def _sends(name: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    text, kind = _file(name), _TYPES[name.rpartition(".")[2]]

    async def send(_request: web.Request) -> web.Response:
        return web.Response(text=text, content_type=kind)

    return send


def _file(name: str) -> str:
    return files("slixmpp_inspector").joinpath("page", name).read_text(encoding="utf-8")


def _json(found: object) -> web.Response:
    return web.Response(body=_encoded(found), content_type="application/json")


def _encoded(found: object) -> bytes:
    """Return it as JSON. What is no text, such as a file's name in another encoding, has question marks."""
    try:
        return msgspec.json.encode(found)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(found), ensure_ascii=False).encode("utf-8", "replace")


def _needed(request: web.Request, name: str) -> str:
    if (given := request.query.get(name)) is None:
        raise web.HTTPBadRequest(text=f"{name} is missing\n")
    return given


def _window(request: web.Request) -> Window:
    given = request.query.get("window", "minute")
    if given not in get_args(Window):
        raise web.HTTPBadRequest(text=f"window: {given!r} is not allowed; 'minute' and 'start' are\n")
    return cast("Window", given)
