"""How does a thread of the journal live and end? It works while there is work, and what it leaves is told."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeAlias

_LOG = logging.getLogger("slixmpp_storage")

Wait: TypeAlias = Callable[[threading.Event, float | None], object]
"""Waits until an event is set, or for some seconds; None means without end. `threading.Event.wait` is one."""


class Worker:
    """A thread that calls `work` until that returns False, and again when it is woken, until it is told to end.

    `idle` says after how many seconds there may be work although nobody has woken it. `ended` is called last, with the
    error if one has ended the thread; that is logged, too. It is a daemon: a driver that hangs keeps no process.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], bool],
        idle: Callable[[], float | None],
        ended: Callable[[BaseException | None], object],
        wait: Wait,
    ) -> None:
        self._work = work
        self._idle = idle
        self._ended = ended
        self._wait = wait
        self._woken = threading.Event()
        self._is_ending = False
        self._thread = threading.Thread(target=self._run, name=f"slixmpp-storage {name}", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def wake(self) -> None:
        """There is work."""
        if not self._woken.is_set():
            self._woken.set()

    def end(self) -> None:
        """Do what there is to do, and no more after that."""
        self._is_ending = True
        self.wake()

    def _run(self) -> None:
        try:
            self._work_until_the_end()
        except BaseException as error:  # noqa: BLE001  # a driver may raise KeyboardInterrupt: nobody may wait for ever
            _LOG.critical("the thread %r has died", self._thread.name, exc_info=error)
            self._ended(error)
        else:
            self._ended(None)

    def _work_until_the_end(self) -> None:
        while True:
            is_ending = self._is_ending  # looked at first: what came before it is done
            if self._work():
                continue
            if is_ending:
                return
            self._wait(self._woken, self._idle())
            self._woken.clear()
