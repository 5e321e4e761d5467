"""How does a bot serve a page of its handlers? From a thread with a loop of its own, so also while it is held."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import threading
from collections.abc import Collection
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import quote

from slixmpp_inspector.asking import Asking
from slixmpp_inspector.details import Details
from slixmpp_inspector.listening import is_loopback, listen, listen_at
from slixmpp_inspector.profiler import Profiler
from slixmpp_inspector.recorded import EXTRA
from slixmpp_inspector.snapshots import Snapshots
from slixmpp_inspector.watchdog import Watchdog
from slixmpp_pipeline import PipelineRegistry

try:
    from slixmpp_inspector.serving import Server
except ImportError as error:
    raise ImportError(f"the inspector needs aiohttp and msgspec: {EXTRA}") from error

if TYPE_CHECKING:
    import socket as sockets

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~-]+")  # as it is, in a header, a cookie and an address
_LONG: Final = 16  # characters
_LAST_PORT: Final = 65535
_HOST: Final = "127.0.0.1"


class Inspector:
    """Serves a page of the handlers of `api`: which is slow, who holds the loop, which calls wait and where.

    `start()` returns the address; who has it may look, and change nothing. It is served by a thread, also while a
    handler holds the loop. `host` is an address of this host alone, and `port` 0 takes a free one; or `socket` is a
    path in the file system, which its owner alone may open. None of these can be reached from elsewhere but by
    `ssh -L`. `remote=True` allows any `host`, for a proxy that speaks TLS; `hosts` are the names by which the proxy is
    asked. `token` None makes one of 128 bits; with `remote` it has 16 characters or more.

    `profiler` None means the `Profiler` that observes `api`, or one of its own if nobody does; `watchdog` None means
    one of its own with a threshold of 0.1 seconds. Its own ones end with `stop()`. Others stay as they are.

    Use it as a context manager, or `start()` it and `stop()` it. It ends with a fork. TypeError or ValueError for other
    arguments; ImportError without the extra `inspector`.

    >>> from urllib.request import Request, urlopen
    >>> from slixmpp_pipeline import install
    >>> from slixmpp_pipeline.testing import FakeClient
    >>> api = install(FakeClient())
    >>> with Inspector(api, token="only-for-me") as inspector:
    ...     page = Request(inspector.address, headers={"Authorization": "Bearer only-for-me"})
    ...     print(inspector.address.partition("?")[2], urlopen(page).status)
    token=only-for-me 200
    """

    def __init__(
        self,
        api: PipelineRegistry,
        *,
        host: str = _HOST,
        port: int = 0,
        token: str | None = None,
        socket: str | os.PathLike[str] | None = None,
        hosts: Collection[str] = (),
        remote: bool = False,
        profiler: Profiler | None = None,
        watchdog: Watchdog | None = None,
    ) -> None:
        _require("api", api, PipelineRegistry, "a PipelineRegistry")
        _require("host", host, str, "a string")
        _require("port", port, int, "a number")
        _require("token", token, str | None, "a string or None")
        _require("socket", socket, str | os.PathLike | None, "a path or None")
        _require("remote", remote, bool, "a bool")
        _require("profiler", profiler, Profiler | None, "a Profiler or None")
        _require("watchdog", watchdog, Watchdog | None, "a Watchdog or None")
        names: Any = hosts
        if isinstance(names, str) or not (isinstance(names, Collection) and all(isinstance(one, str) for one in names)):
            raise TypeError(f"Inspector: hosts: {names!r} is {type(names).__name__}; a collection of names is allowed")
        if not 0 <= port <= _LAST_PORT:
            raise ValueError(f"Inspector: port: {port} is not allowed; 0 to {_LAST_PORT} are, 0 for a free one")
        if socket is not None and (port or host != _HOST):
            raise ValueError("Inspector: socket: a host or a port is given, too; one of both is allowed")
        if not (remote or is_loopback(host)):
            raise ValueError(
                f"Inspector: host: {host!r} is not allowed; 127.0.0.1, ::1 and localhost are. From elsewhere it is "
                "reached by `ssh -L`, to a port or to socket='path' (mode 0600), or with remote=True behind a proxy "
                "that speaks TLS"
            )
        _require_good(token, _LONG if remote else 1)
        self._api = api
        self._host, self._port, self._socket = host, port, None if socket is None else os.fspath(socket)
        self._token = secrets.token_urlsafe(_LONG) if token is None else token
        self._hosts = frozenset(hosts) | ({host} if remote else set())
        self._is_remote = remote
        self._profiler, self._watchdog = profiler, watchdog
        self._address: str | None = None
        self._end: ExitStack | None = None

    @property
    def address(self) -> str | None:
        """Where the page is, with the token; None while it is not served."""
        return self._address

    def start(self) -> str:
        """Begin to serve, and return the address; in the thread of `api`'s loop, or before that runs.

        RuntimeError if it has begun already; OSError, which names the port or the path, if nobody can listen there.
        """
        if self._end is not None:
            raise RuntimeError("this inspector has been started already")
        with ExitStack() as undo:
            listening = self._listen(undo)
            profiler = self._observe(undo)
            watchdog = self._watchdog
            if watchdog is None:
                watchdog = undo.enter_context(Watchdog(self._api))
            self._serve(listening, profiler, watchdog, undo)
            self._end = undo.pop_all()
        self._address = f"{self._where(listening)}/?token={self._token}"
        return self._address

    def stop(self) -> None:
        """Serve no more: wait for the thread to end, and let calls be as they were. Nothing happens the second time."""
        end, self._end, self._address = self._end, None, None
        if end is not None:
            end.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Inspector of {self._api.xmpp.boundjid}: {'serves' if self._end is not None else 'is off'}>"

    def _listen(self, undo: ExitStack) -> sockets.socket:
        if self._socket is None:
            return undo.enter_context(listen(self._host, self._port))
        listening = undo.enter_context(listen_at(self._socket))
        undo.callback(Path(self._socket).unlink, missing_ok=True)
        return listening

    def _observe(self, undo: ExitStack) -> Profiler:
        """Return the profiler, after it observes the registry."""
        api, profiler = self._api, self._profiler
        if profiler is None:
            profiler = api.observer if isinstance(api.observer, Profiler) else Profiler()
        if api.observer is not profiler:
            api.observe(profiler)
            undo.callback(_no_more, api, profiler)
        return profiler

    def _serve(self, listening: sockets.socket, profiler: Profiler, watchdog: Watchdog, undo: ExitStack) -> None:
        asking = Asking(self._api.xmpp)
        server = Server(
            listening,
            self._token,
            self._hosts,
            Snapshots(self._api, profiler, watchdog, asking),
            Details(self._api, profiler, asking),
            is_secure=self._is_remote,
        )
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=_run, args=(loop, server), name="slixmpp-pipeline inspector", daemon=True)
        thread.start()
        undo.callback(thread.join)
        undo.callback(_stop, loop, server)

    def _where(self, listening: sockets.socket) -> str:
        if self._socket is not None:
            return f"http+unix://{quote(self._socket, safe='')}"
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{listening.getsockname()[1]}"


def _run(loop: asyncio.AbstractEventLoop, server: Server) -> None:
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(server.serve())


def _stop(loop: asyncio.AbstractEventLoop, server: Server) -> None:
    with suppress(RuntimeError):  # it has failed, and ended
        loop.call_soon_threadsafe(server.stop)


def _no_more(api: PipelineRegistry, profiler: Profiler) -> None:
    """Let the profiler look at calls no more, unless another has its place."""
    if getattr(api, "observer", None) is profiler:  # none after uninstall()
        api.observe(None)


def _require(name: str, value: object, kind: Any, allowed: str) -> None:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        shown = "a value" if name == "token" else repr(value)  # the token is in no error
        raise TypeError(f"Inspector: {name}: {shown} is {type(value).__name__}; {allowed} is allowed")


def _require_good(token: str | None, least: int) -> None:
    if token is not None and not (len(token) >= least and _TOKEN.fullmatch(token)):
        raise ValueError(
            f"Inspector: token: {len(token)} characters as given are not allowed; {least} or more of A-Z, a-z, 0-9, "
            "'.', '_', '~' and '-' are"
        )
