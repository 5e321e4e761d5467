"""How does a bot serve a page of its handlers? From a thread with a loop of its own, so also while it is held."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import threading
from collections.abc import Collection
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, cast
from urllib.parse import quote
from weakref import WeakSet

from slixmpp_inspector.asking import Asking
from slixmpp_inspector.clients import loop_of
from slixmpp_inspector.details import Details
from slixmpp_inspector.listening import host_name, is_loopback, listen, listen_at, remover
from slixmpp_inspector.profiler import Profiler
from slixmpp_inspector.recorded import EXTRA
from slixmpp_inspector.remote import GOOD_TOKEN
from slixmpp_inspector.snapshots import Snapshots
from slixmpp_inspector.watchdog import Watchdog
from slixmpp_pipeline import PipelineRegistry

try:
    from slixmpp_inspector.serving import Server
except ImportError as error:
    raise ImportError(f"the inspector needs aiohttp and msgspec: {EXTRA}") from error

if TYPE_CHECKING:
    import socket as sockets

    from slixmpp_pipeline import Observer

_LONG: Final = 16  # characters
_LAST_PORT: Final = 65535
_HOST: Final = "127.0.0.1"
_INSPECTORS: Final[WeakSet[Any]] = WeakSet()
_LOG = logging.getLogger("slixmpp_inspector")


class Inspector:
    """Serves a page of the handlers of `api`: which is slow, who holds the loop, which calls wait and where.

    `start()` returns the address; who has it may look, and change nothing. It is served by a thread, also while a
    handler holds the loop. `host` is an address of this host alone, and `port` 0 takes a free one; or `socket` is a
    path in the file system, which its owner alone may open. None of these can be reached from elsewhere but by
    `ssh -L`. `remote=True` allows any `host`, for a proxy that speaks TLS; `hosts` are the names by which the proxy is
    asked. `token` None makes one of 128 bits; with `remote` it has 16 characters or more.

    `profiler` None means the `Profiler` that observes `api`, or one of its own if nobody does; `watchdog` None means
    one of its own with a threshold of 0.1 seconds. What it starts ends with `stop()`, and who observed before does so
    again.

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
        if watchdog is not None and watchdog.api is not api:
            raise ValueError(f"Inspector: watchdog: {watchdog!r} is not allowed; one that looks at this api is")
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
        self._host, self._port, self._socket = host, port, _absolute(socket)
        self._token = secrets.token_urlsafe(_LONG) if token is None else token
        self._hosts = frozenset(_asked("hosts", one) for one in [*hosts, *([host] if remote else [])])
        self._is_remote = remote
        self._profiler, self._watchdog = profiler, watchdog
        self._address: str | None = None
        self._end: ExitStack | None = None
        self._listening: sockets.socket | None = None
        _INSPECTORS.add(self)

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
            self._listening = self._listen(undo)
            profiler = self._observe(undo)
            watchdog = Watchdog(self._api) if self._watchdog is None else self._watchdog
            self._serve(self._listening, profiler, watchdog, undo)
            if not watchdog.is_running:  # what was done until now is no hold of the program's
                undo.enter_context(watchdog)
            self._address = f"{self._where(self._listening)}/?token={self._token}"
            self._end = undo.pop_all()
        return self._address

    def stop(self) -> None:
        """Serve no more: wait for the thread to end, and let calls be as they were. Nothing happens the second time.

        In another thread than the loop's the last is left to the loop.
        """
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
        undo.callback(remover(self._socket))
        return listening

    def _observe(self, undo: ExitStack) -> Profiler:
        """Return the profiler, after it observes the registry."""
        api, profiler, before = self._api, self._profiler, self._api.observer
        if profiler is None:
            profiler = before if isinstance(before, Profiler) else Profiler()
        if before is not profiler:
            api.observe(profiler)
            undo.callback(_put_back, api, profiler, before)
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
        loop, begun = asyncio.new_event_loop(), Future[None]()
        thread = threading.Thread(
            target=_run, args=(loop, server, begun), name="slixmpp-pipeline inspector", daemon=True
        )
        undo.callback(_end, loop, server, thread)
        thread.start()
        begun.result()

    def _forget(self) -> None:
        """Serve no more, after a fork: there is no thread, and what is undone would be undone for the parent."""
        if self._end is not None:
            self._end, self._address = None, None
            cast("sockets.socket", self._listening).close()

    def _where(self, listening: sockets.socket) -> str:
        if self._socket is not None:
            return f"http+unix://{quote(self._socket, safe='')}"
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{listening.getsockname()[1]}"


def _run(loop: asyncio.AbstractEventLoop, server: Server, begun: Future[None]) -> None:
    try:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(server.serve(lambda: begun.set_result(None)))
    except BaseException as error:  # noqa: BLE001  # who started it is told, or the log
        if begun.done():
            _LOG.exception("the inspector failed, and serves no more")
        else:
            begun.set_exception(error)


def _end(loop: asyncio.AbstractEventLoop, server: Server, thread: threading.Thread) -> None:
    if thread.ident is None:  # it could not be started
        loop.close()
        return
    with suppress(RuntimeError):  # it has failed, and ended
        loop.call_soon_threadsafe(server.stop)
    thread.join()


def _put_back(api: PipelineRegistry, profiler: Profiler, before: Observer | None) -> None:
    """Let who observed before do so again, which was a tool, or nobody; unless another has come since."""
    if getattr(api, "observer", None) is not profiler:  # none after uninstall()
        return
    try:
        api.observe(None)
    except RuntimeError:  # this is not the loop's thread
        loop = cast("asyncio.AbstractEventLoop", loop_of(api.xmpp))
        with suppress(RuntimeError):  # it was closed meanwhile
            loop.call_soon_threadsafe(_put_back, api, profiler, before)
    else:
        if before is not None:
            api.observe(before, automatic=True)


def _forget_all() -> None:
    for one in list(_INSPECTORS):
        one._forget()  # noqa: SLF001  # of this module


def _absolute(path: str | os.PathLike[str] | None) -> str | None:
    if path is None:
        return None
    given = os.fsdecode(path)
    if "\0" in given:
        raise ValueError(f"Inspector: socket: {given!r} is not allowed; a path without a null character is")
    return str(Path(given).absolute())


def _asked(name: str, host: str) -> str:
    try:
        return host_name(host)
    except ValueError as error:
        raise ValueError(f"Inspector: {name}: {error}") from error


def _require(name: str, value: object, kind: Any, allowed: str) -> None:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        shown = "a value" if name == "token" else repr(value)  # the token is in no error
        raise TypeError(f"Inspector: {name}: {shown} is {type(value).__name__}; {allowed} is allowed")


def _require_good(token: str | None, least: int) -> None:
    if token is not None and not (len(token) >= least and GOOD_TOKEN.fullmatch(token)):
        raise ValueError(
            f"Inspector: token: {len(token)} characters as given are not allowed; {least} or more of A-Z, a-z, 0-9, "
            "'.', '_', '~' and '-' are"
        )


getattr(os, "register_at_fork", dict)(after_in_child=_forget_all)  # there are systems without
