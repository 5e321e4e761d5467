"""How do lines get into a file without a call waiting for it? A thread takes them from a bounded queue."""

from __future__ import annotations

import atexit
import logging
import os
import stat
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from slixmpp_inspector.lines import VERSION, Line, encoded, of_call, of_hold

if TYPE_CHECKING:
    from slixmpp_inspector.holds import Hold
    from slixmpp_inspector.recorded import RecordedCall

_MAX_QUEUED: Final = 10_000  # lines; a second of them at most
_EVERY: Final = 0.2  # seconds
_LOG: Final = logging.getLogger("slixmpp_inspector")


class Writer:
    """Writes calls to a file until it is closed, as `Profiler.write()` says; a context manager, too.

    A program that ends without that closes it, but for one that is killed.
    """

    def __init__(
        self, path: str | os.PathLike[str], slower: float, every: int, max_bytes: int, random: Callable[[], float]
    ) -> None:
        if not isinstance(path, str | os.PathLike):
            raise TypeError(f"write(): path: {path!r} is {type(path).__name__}; text or a path is allowed")
        _require_number("slower", slower, 0, int | float)
        _require_number("every", every, 1)
        _require_number("max_bytes", max_bytes, 1)
        self._path = Path(path).absolute()  # the program may change its directory
        self._slower = slower
        self._every = every
        self._max_bytes = max_bytes
        self._random = random
        self._queue: deque[tuple[RecordedCall, int] | Hold] = deque()
        self._dropped = 0
        self._file = _opened(self._path)
        self._written = os.fstat(self._file).st_size
        self._is_file = self._path.is_file()  # and no terminal, pipe or device
        self._is_broken = self._is_file and not _ends_with_a_line(self._path)  # the last line is a half one
        self._has_failed = False
        self._closing = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="slixmpp-pipeline writer", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def weight(self, outcome: str, seconds: float) -> int:
        """Return how many calls this one stands for in the file; 0 if it is left out."""
        if outcome in ("error", "timeout") or seconds > self._slower:
            return 1
        # By chance: with every hundredth, what comes in a fixed order would be one op's alone.
        return self._every if self._random() * self._every < 1 else 0

    def put(self, call: RecordedCall, weight: int) -> None:
        """Write a call, some time later; it is counted as dropped if too many wait."""
        self._put((call, weight))

    def put_hold(self, hold: Hold) -> None:
        """Write a hold that is over."""
        self._put(hold)

    def close(self) -> None:
        """Write what waits, and close the file. Nothing is written afterwards."""
        with self._closing:
            if self._stopped.is_set():
                return
            self._stopped.set()
            self._thread.join()
            os.close(self._file)
            atexit.unregister(self.close)

    @property
    def is_closed(self) -> bool:
        """Whether `close()` was called."""
        return self._stopped.is_set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _put(self, what: tuple[RecordedCall, int] | Hold) -> None:
        if self._stopped.is_set():
            return
        if len(self._queue) < _MAX_QUEUED:
            self._queue.append(what)
        else:
            self._dropped += 1

    def _run(self) -> None:
        while not self._stopped.wait(_EVERY):
            self._drain()
        self._drain()

    def _drain(self) -> None:
        taken = [self._queue.popleft() for _ in range(len(self._queue))]
        found = [of_call(*one) if isinstance(one, tuple) else of_hold(one) for one in taken]
        dropped = self._dropped
        if dropped:
            found.append(Line(v=VERSION, at=time.time(), dropped=dropped))
        if not found:
            return
        written = self._write([encoded(one) for one in found])
        if written == len(found):
            self._dropped -= dropped
            self._has_failed = False
        else:
            self._dropped += len(taken) - min(written, len(taken))

    def _write(self, lines: list[bytes]) -> int:
        """Write lines; return how many of them are whole in the file."""
        text, written = b"".join(lines), 0
        try:
            if self._is_file and self._written and self._written + len(text) > self._max_bytes:
                self._rotate()
            if self._is_broken:
                self._written += os.write(self._file, b"\n")
                self._is_broken = False
            while written < len(text):
                written += os.write(self._file, text[written:])
        except OSError:
            if not self._has_failed:
                _LOG.exception("calls cannot be written to %s", self._path)
            self._has_failed = True
            self._is_broken |= written > 0 and not text[:written].endswith(b"\n")
        self._written += written
        return text[:written].count(b"\n")

    def _rotate(self) -> None:
        with suppress(FileNotFoundError):  # somebody has taken it away, or it could not be opened the last time
            self._path.replace(f"{self._path}.1")
        file, self._file = self._file, _opened(self._path)
        os.close(file)
        self._written = 0
        self._is_broken = False


def _require_number(name: str, value: Any, least: int, kinds: Any = int) -> None:
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise TypeError(f"write(): {name}: {value!r} is {type(value).__name__}; a number is allowed")
    if not least <= value < inf:
        raise ValueError(f"write(): {name}: {value!r} is not allowed; a number of {least} or more is")


def _opened(path: Path) -> int:
    """Return the file, which only its owner may read, also if it was there."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    if stat.S_ISREG(os.fstat(file).st_mode):  # and no terminal, pipe or device
        with suppress(OSError):  # it may be another's
            os.fchmod(file, 0o600)
    return file


def _ends_with_a_line(path: Path) -> bool:
    """Whether the file is empty, or its last line is whole: else its writer was killed. In doubt it is."""
    try:
        with path.open("rb") as file:
            if not file.seek(0, os.SEEK_END):
                return True
            file.seek(-1, os.SEEK_END)
            return file.read() == b"\n"
    except OSError:  # it may be written, and not read
        return True
