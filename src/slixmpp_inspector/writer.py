"""How do lines get into a file without a call waiting for it? A thread takes them from a bounded queue."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from itertools import count
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
    """Writes calls to a file until it is closed, as `Profiler.write()` says; a context manager, too."""

    def __init__(self, path: str | os.PathLike[str], slower: float, every: int, max_bytes: int) -> None:
        if not isinstance(path, str | os.PathLike):
            raise TypeError(f"write(): path: {path!r} is {type(path).__name__}; text or a path is allowed")
        _require_number("slower", slower, 0, int | float)
        _require_number("every", every, 1)
        _require_number("max_bytes", max_bytes, 1)
        self._path = Path(path)
        self._slower = slower
        self._every = every
        self._max_bytes = max_bytes
        self._numbers = count()
        self._queue: deque[tuple[RecordedCall, int] | Hold] = deque()
        self._dropped = 0
        self._file = _opened(self._path)
        self._written = os.fstat(self._file).st_size
        self._is_broken = False  # the last line may be a half one
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="slixmpp-pipeline writer", daemon=True)
        self._thread.start()

    def weight(self, outcome: str, seconds: float) -> int:
        """Return how many calls this one stands for in the file; 0 if it is left out."""
        if outcome in ("error", "timeout") or seconds > self._slower:
            return 1
        return 0 if next(self._numbers) % self._every else self._every

    def put(self, call: RecordedCall, weight: int) -> None:
        """Write a call, some time later; it is counted as dropped if too many wait."""
        self._put((call, weight))

    def put_hold(self, hold: Hold) -> None:
        """Write a hold that is over."""
        self._put(hold)

    def close(self) -> None:
        """Write what waits, and close the file. Nothing is written afterwards."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
            os.close(self._file)

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
        if self._dropped:
            found.append(Line(v=VERSION, at=time.time(), dropped=self._dropped))
        if not found:
            return
        text = (b"\n" if self._is_broken else b"") + b"".join(map(encoded, found))
        try:
            self._write(text)
        except OSError:
            if not self._is_broken:
                _LOG.exception("calls cannot be written to %s", self._path)
            self._is_broken = True
            self._dropped += len(taken)
        else:
            self._is_broken = False
            self._dropped = 0

    def _write(self, text: bytes) -> None:
        if self._written and self._written + len(text) > self._max_bytes:
            self._path.replace(f"{self._path}.1")
            file, self._file = self._file, _opened(self._path)
            os.close(file)
            self._written = 0
        while text:
            written = os.write(self._file, text)
            self._written += written
            text = text[written:]


def _require_number(name: str, value: Any, least: int, kinds: Any = int) -> None:
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise TypeError(f"write(): {name}: {value!r} is {type(value).__name__}; a number is allowed")
    if not least <= value < inf:
        raise ValueError(f"write(): {name}: {value!r} is not allowed; a number of {least} or more is")


def _opened(path: Path) -> int:
    """Return the file, which only its owner may read."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
