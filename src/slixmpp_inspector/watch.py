"""How is an unchanged program watched? Its clients get a profiler and a watchdog when they are made."""

from __future__ import annotations

import logging
import os
import runpy
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rich.text import Text

from slixmpp_inspector.clients import hear_of_clients, loop_of, name_of
from slixmpp_inspector.inspector import Inspector
from slixmpp_inspector.profiler import Profiler
from slixmpp_inspector.terminal import console, hold_text, overview, plain, waiting_text
from slixmpp_inspector.waiting import Waits, waiting_calls
from slixmpp_inspector.watchdog import Watchdog
from slixmpp_pipeline import PipelineRegistry, install

if TYPE_CHECKING:
    from types import FrameType, TracebackType

    from slixmpp_inspector.holds import Hold
    from slixmpp_inspector.waiting import WaitingCall
    from slixmpp_inspector.writer import Writer
    from slixmpp_middleware import Jids

_SLOWEST, _PLACES = 5, 3
_MAX_PAGES = 8  # of clients; each has a thread
_LOOK = 0.1  # seconds
_LOG = logging.getLogger("slixmpp_inspector")


class Watched:
    """A client that is watched: its registry, and what looks at it."""

    def __init__(self, xmpp: Any, threshold: float, jids: Jids, tell: Callable[[Hold], None], port: int | None) -> None:
        self.profiler = Profiler(jids)
        self.api: PipelineRegistry = install(xmpp, automatic=True)
        self.api.observe(self.profiler, automatic=True)
        self.waits = Waits()
        self._jids: Jids = jids
        self._threshold = threshold
        self._is_asked = False  # a look waits for its turn on the loop
        self.watchdog = Watchdog(self.api, threshold, tell=tell)
        self.inspector = (
            None if port is None else Inspector(self.api, port=port, profiler=self.profiler, watchdog=self.watchdog)
        )

    def look(self, show: Callable[[WaitingCall], None] | None = None) -> None:
        """Look, on the loop, where long calls wait; `show` gets all that wait."""
        loop = loop_of(self.api.xmpp)
        if loop is None or not loop.is_running() or (self._is_asked and show is None):
            return
        self._is_asked = True
        with suppress(RuntimeError):  # it was closed meanwhile
            loop.call_soon_threadsafe(self._look, show)

    def _look(self, show: Callable[[WaitingCall], None] | None) -> None:
        self._is_asked = False
        if isinstance(self.api, PipelineRegistry):  # until uninstall()
            self.waits.look(self.api, self._threshold)
            if show is not None:
                for call in waiting_calls(self.api):
                    show(call)

    @property
    def name(self) -> str:
        """The client's name, for a terminal."""
        return plain(name_of(self.api.xmpp, self._jids))


class Watch:
    """Watches all clients that are made from `begin()` to `end()`; what it tells goes to stderr.

    The page of the first is at `port`, 0 for any; None for no page.
    """

    def __init__(self, threshold: float, jids: Jids, path: str | None, port: int | None = None) -> None:
        self._threshold = threshold
        self._jids = jids
        self._path = path
        self._port = port
        self._handled: Any = None
        self._end_hearing: Callable[[], None]
        self._ended = threading.Event()
        self._is_asked = False  # to show what is known
        self._is_terminated = False  # by a signal
        self._process = os.getpid()
        self._looking: threading.Thread
        self._console = console(stderr=True)
        self._writers: list[Writer] = []
        self.clients: list[Watched] = []

    def begin(self) -> None:
        """Watch each client that is made from now on; `SIGUSR1`, where there is one, shows what is known."""
        self._end_hearing = hear_of_clients(self._add)
        self._looking = threading.Thread(target=self._look, name="slixmpp-pipeline watch", daemon=True)
        self._looking.start()
        if hasattr(signal, "SIGUSR1"):
            self._handled = signal.signal(signal.SIGUSR1, self._show_now)
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._terminate)

    def end(self) -> None:
        """Watch no more, and show what was seen."""
        self._end_hearing()
        self._ended.set()
        self._looking.join()
        if hasattr(signal, "SIGUSR1"):
            signal.signal(signal.SIGUSR1, self._handled)
        if signal.getsignal(signal.SIGTERM) == self._terminate:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for client in self.clients:
            if client.inspector is not None:
                client.inspector.stop()
            client.watchdog.stop()
        for writer in self._writers:
            writer.close()
        self.show()

    def show(self) -> None:
        """Show a table of each client, and its slowest calls."""
        if not self.clients:
            self._print("no slixmpp client was made")
        for client in self.clients:
            self._print(f"\n{client.name}")
            profiler, holds = client.profiler, client.watchdog.holds()
            waits = client.waits.most(_PLACES)
            self._print(*overview(profiler.profiles(), profiler.slowest(), holds, _SLOWEST, waits))

    def _look(self) -> None:
        while not self._ended.wait(_LOOK):
            is_asked, self._is_asked = self._is_asked, False
            if is_asked:
                self.show()
            if self._is_terminated:
                self._close()
                os.kill(os.getpid(), signal.SIGTERM)
            for client in self.clients.copy():
                client.look(self._show_waiting if is_asked else None)

    def _close(self) -> None:
        """Show what was seen, and close the files, before a signal ends the program."""
        try:
            self.show()
            for writer in self._writers:
                writer.close()
        except Exception:  # noqa: BLE001  # whatever it is, the program has to end
            _LOG.exception("what was seen could not be shown")

    def _add(self, xmpp: Any) -> None:
        port = self._port if len(self.clients) < _MAX_PAGES else None
        client = Watched(xmpp, self._threshold, self._jids, self._tell, port)
        if client.inspector is not None:
            self._port = 0  # that of the next one
            self._serve(client)
        if not client.watchdog.is_running:  # there is no page, which would have started it
            client.watchdog.start()
        if self._path is not None:
            path = self._path if not self.clients else f"{self._path}.client{len(self.clients) + 1}"
            self._writers.append(client.profiler.write(path))
        self.clients.append(client)

    def _serve(self, client: Watched) -> None:
        try:
            self._print(f"{client.name}: {cast('Inspector', client.inspector).start()}")
        except Exception as error:  # noqa: BLE001  # whatever it is, the program goes on
            why = getattr(error, "strerror", None) or error
            self._print(Text(f"{client.name} has no page: {why}", style="red"))

    def _tell(self, hold: Hold) -> None:
        self._print(hold_text(hold))

    def _show_now(self, _number: int, _frame: FrameType | None) -> None:
        """Have it shown by the thread that looks: what a signal has interrupted may hold a lock."""
        self._is_asked = True

    def _terminate(self, number: int, _frame: FrameType | None) -> None:
        """Show what was seen, and then end as the program would."""
        signal.signal(number, signal.SIG_DFL)
        if os.getpid() == self._process:
            self._is_terminated = True
        else:  # a fork, which has not the thread that would look at that
            os.kill(os.getpid(), number)

    def _show_waiting(self, call: WaitingCall) -> None:
        self._print(waiting_text(call))

    def _print(self, *what: str | Text | Any) -> None:
        with suppress(OSError, ValueError):  # stderr may be gone
            for one in what:
                self._console.print(one)


def run_watched(watch: Watch, args: Sequence[str], *, is_module: bool) -> int:
    """Run a script, or a module, with its arguments as Python does; return its exit code.

    Its traceback is printed without our frames. SystemExit comes out.
    """
    watch.begin()
    try:
        _run(args, is_module=is_module)
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001  # Python prints it, whatever it is
        error.__traceback__ = _without_us(error.__traceback__)
        sys.excepthook(type(error), error, error.__traceback__)
        if isinstance(error, KeyboardInterrupt):
            return 128 + signal.SIGINT
        return 1
    finally:
        watch.end()
    return 0


def _run(args: Sequence[str], *, is_module: bool) -> None:
    sys.argv = list(args)
    if is_module:
        sys.path.insert(0, str(Path.cwd()))
        runpy.run_module(args[0], run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, str(Path(args[0]).resolve().parent))
        runpy.run_path(args[0], run_name="__main__")


def _without_us(traceback: TracebackType | None) -> TracebackType | None:
    """Return a traceback from where the program's own code begins; all of it, if that is nowhere."""
    found = traceback
    while found is not None and found.tb_frame.f_globals.get("__name__") in (__name__, "runpy"):
        found = found.tb_next
    return found or traceback
