"""How is what is asked read? All that is queued at once, and never by a read that has begun already."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, cast

from slixmpp_storage.committing import MOST, failure
from slixmpp_storage.pending import UNKNOWN, Pending
from slixmpp_storage.store import Place, Row, Store, StoreError
from slixmpp_storage.telling import Telling, fail, finish

if TYPE_CHECKING:
    import asyncio

_Found: TypeAlias = Mapping[Place, Row] | BaseException  # the rows that the store has answered, or why it has not


class Ask(NamedTuple):
    """Someone who waits for what is at the first of some places where something is."""

    places: Sequence[Place]
    future: asyncio.Future[Row | None]


class Reading:
    """The work of the thread that reads. `now` gives seconds since 1970."""

    def __init__(self, store: Store, owner: str, pending: Pending, telling: Telling, now: Callable[[], float]) -> None:
        self.reads = 0
        self._store = store
        self._owner = owner
        self._pending = pending
        self._telling = telling
        self._now = now
        self._lock = threading.Lock()
        self._queue: deque[Ask] = deque()
        self._taken: list[Ask] = []
        self._refusal: str | None = None

    def add(self, ask: Ask) -> None:
        """Let someone wait for a read that begins later. StoreError if nothing is read any more."""
        with self._lock:
            if self._refusal is not None:
                raise StoreError(self._refusal)
            self._queue.append(ask)

    def read(self) -> bool:
        """Read all that is asked, and tell everyone; return whether anything was asked."""
        with self._lock:
            self._taken = [self._queue.popleft() for _ in range(min(MOST, len(self._queue)))]
        if not self._taken:
            return False
        found = self._attempt(self._taken)
        if isinstance(found, Exception) and len(self._taken) > 1 and not self._store.may_pass(found):
            for ask in self._taken:  # one bad key is no reason to leave the others without an answer
                self._tell([ask], self._attempt([ask]))
        else:
            self._tell(self._taken, found)
        self._taken = []
        return True

    def abandon(self, refusal: str, error: BaseException) -> None:
        """Give everyone who waits the error, and take no more: the next to ask gets a StoreError with this message."""
        with self._lock:
            self._refusal = refusal
            left = [*self._taken, *self._queue]
            self._queue.clear()
        self._tell(left, error)

    def _attempt(self, asks: Sequence[Ask]) -> _Found:
        places = sorted({place for ask in asks for place in ask.places})
        try:
            rows = self._store.read(self._owner, places)
        except Exception as error:  # noqa: BLE001  # of any driver; whoever asked gets it
            return error
        self.reads += 1
        return rows

    def _tell(self, asks: Sequence[Ask], found: _Found) -> None:
        self._telling.tell((ask.future.get_loop(), partial(self._answer, ask, found)) for ask in asks)

    def _answer(self, ask: Ask, found: _Found) -> None:
        """Answer on the loop: what was written since the read began is newer than what it has found."""
        rows = None if isinstance(found, BaseException) else found
        answer = self._pending.answer(ask.places, rows, self._now())
        if answer is UNKNOWN:  # there are no rows, or they would be an answer
            fail(ask.future, failure(self._owner, ask.places[0], "read", cast("BaseException", found)))
        else:
            finish(ask.future, answer)
