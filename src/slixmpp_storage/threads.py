"""Who commits and who reads? A thread each; the one that ends last closes the store, also when the program ends."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from slixmpp_storage.store import Store, StoreError
from slixmpp_storage.worker import Wait, Worker

if TYPE_CHECKING:
    from slixmpp_storage.committing import Committing
    from slixmpp_storage.reading import Reading
    from slixmpp_storage.upkeep import Upkeep

_AT_EXIT: Final = 10.0  # seconds for what waits when a program ends without `Journal.close()`
_LOG = logging.getLogger("slixmpp_storage")


class Threads:
    """The two threads of a journal. They do not come along when the process forks."""

    def __init__(
        self, store: Store, owner: str, committing: Committing, upkeep: Upkeep, reading: Reading, wait: Wait
    ) -> None:
        self.is_over: Future[None] = Future()
        self.is_over.set_running_or_notify_cancel()  # who waits for it and gives up cancels nothing
        self._store = store
        self._owner = owner
        self._committing = committing
        self._upkeep = upkeep
        self._lock = threading.Lock()
        self._running = 2
        self._process = os.getpid()
        self._writer = Worker("writes", self._write, upkeep.idle, partial(self._ended, committing.abandon), wait)
        self._reader = Worker("reads", reading.read, lambda: None, partial(self._ended, reading.abandon), wait)
        self.wake_writer = self._writer.wake
        self.wake_reader = self._reader.wake
        self._writer.start()
        self._reader.start()
        atexit.register(self._at_exit)

    def require_own_process(self) -> None:
        """StoreError in a process that was forked: nobody would write or read there."""
        if os.getpid() != self._process:
            message = "the threads of the storage stayed in the process that forked; attach one in this process"
            raise StoreError(f"{self._owner}: {message}")

    def end(self) -> None:
        """Do what there is to do, and no more after that. `is_over` is done when the store is closed."""
        self._writer.end()
        self._reader.end()

    def forget(self) -> None:
        """Do nothing about them when the program ends."""
        atexit.unregister(self._at_exit)

    def _write(self) -> bool:
        has_committed = self._committing.commit()
        self._upkeep.do()
        return has_committed

    def _ended(self, abandon: Callable[[str, BaseException], object], error: BaseException | None) -> None:
        refusal = "the storage is closed" if error is None else f"a thread of the storage has died: {error!r}"
        abandon(f"{self._owner}: {refusal}", error or StoreError(refusal))
        with self._lock:
            self._running -= 1
            if self._running:
                return
        try:
            self._store.close()
        except BaseException as failed:  # noqa: BLE001  # of any driver; who closes the journal may not wait for ever
            _LOG.warning("the store could not be closed: %s", type(failed).__name__)
        self.is_over.set_result(None)

    def _at_exit(self, seconds: float = _AT_EXIT) -> None:
        if os.getpid() != self._process:
            return
        self.end()
        with suppress(TimeoutError):
            self.is_over.result(seconds)
        if left := self._committing.left():
            _LOG.error("the program ends, and %d writes are not committed", left)
