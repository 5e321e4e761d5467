"""When has a write happened? For this process at the call, and for good when its future is done."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from slixmpp_storage.committing import Client, Committing
from slixmpp_storage.draining import drain
from slixmpp_storage.pending import UNKNOWN, Pending, Write
from slixmpp_storage.reading import Ask, Reading
from slixmpp_storage.store import Place, Row, Store, StoreError
from slixmpp_storage.telling import Telling
from slixmpp_storage.threads import Threads
from slixmpp_storage.upkeep import Upkeep

if TYPE_CHECKING:
    from slixmpp_storage.worker import Wait


class Statistics(NamedTuple):
    """What a journal has done so far.

    `pending` writes with `bytes` bytes of text wait. `commits` transactions were committed. `written` writes were
    acknowledged, and `failed` ones were not. The store has answered `reads` reads, of many places maybe.
    """

    pending: int
    bytes: int
    commits: int
    written: int
    failed: int
    reads: int


def _unheard(_: object) -> None:
    """Nobody is told."""


class Journal:
    """Puts and gets the rows of one client: `put` and `get` never block, two threads ask the store.

    Call it on the client's thread; the loop may be off. Futures are of the loop that `loop_of` returns at the call, and
    these are called on it, too: `failed` with a place whose value was lost, `changed` with places that others have
    changed, or None for all of them, and `committed` with the seconds that a commit took, repetitions included.

    At most `max_pending` writes and `max_bytes` bytes of text wait to be committed. A failure that may pass is repeated
    for `patience` seconds. The store is asked every `poll` seconds for what others have changed; at most `keep` rows
    of each resource whose name ends in `~` stay when it deletes what has expired. The thread that ends last closes it.

    `clock` gives seconds for durations, `now` seconds since 1970. `wait` is how a thread waits for work, `pause` how it
    waits before it repeats a write.
    """

    def __init__(
        self,
        store: Store,
        owner: str,
        *,
        loop_of: Callable[[], asyncio.AbstractEventLoop],
        max_pending: int = 10_000,
        max_bytes: int = 64 * 1024 * 1024,
        patience: float = 5.0,
        poll: float = 0.05,
        keep: int = 100_000,
        failed: Callable[[Place], object] = _unheard,
        changed: Callable[[Iterable[Place] | None], object] = _unheard,
        committed: Callable[[float], object] = _unheard,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        wait: Wait = threading.Event.wait,
        pause: Wait = threading.Event.wait,
    ) -> None:
        self._owner = owner
        self._loop_of = loop_of
        self._loop = loop_of()
        self._changed = changed
        self._now = now
        self._is_closed = False
        self._telling = Telling()
        self._pending = Pending(max_pending, max_bytes)
        self._committing = Committing(
            store,
            owner,
            self._pending,
            self._telling,
            Client(lambda: self._loop, failed, committed),
            patience=patience,
            clock=clock,
            pause=pause,
        )
        self._upkeep = Upkeep(store, owner, self._tell_changed, poll=poll, keep=keep, clock=clock, now=now)
        self._reading = Reading(store, owner, self._pending, self._telling, now)
        self._threads = Threads(store, owner, self._committing, self._upkeep, self._reading, wait)

    @property
    def pending(self) -> int:
        """How many writes wait to be committed."""
        return self._pending.count

    def put(self, place: Place, row: Row | None) -> asyncio.Future[None]:
        """Put a row at a place, None to delete what is there; the future is done when that is committed.

        `get` answers it from now on. Cancelling the future gives up waiting, not the write. The future fails with a
        StoreError if the write is given up; then `get` answers what the store has. StoreFull if too much waits, and
        StoreError after `close()`, in a forked process or if a driver has ended the thread: nothing has changed then.
        """
        future: asyncio.Future[None] = self._open_loop().create_future()
        self._pending.add(Write(place, row, 0 if row is None else _size(row.text), future))
        self._threads.wake_writer()
        return future

    def get(self, *places: Place) -> Row | asyncio.Future[Row | None] | None:
        """Return what is at the first of `places` where something is that has not expired; None if nothing is.

        The answer comes at once if what waits to be committed says it, else as a future, from one read of all places.
        The future fails with a StoreError if the store cannot be read. StoreError as for `put`.
        """
        loop = self._open_loop()
        answer = self._pending.answer(places, None, self._now())
        if answer is not UNKNOWN:
            return answer
        future: asyncio.Future[Row | None] = loop.create_future()
        self._reading.add(Ask(places, future))
        self._threads.wake_reader()
        return future

    def expire(self) -> None:
        """Have what has expired deleted soon, as it is every ten minutes. StoreError as for `put`."""
        self._open_loop()
        self._upkeep.expire_soon()
        self._threads.wake_writer()

    def statistics(self) -> Statistics:
        """Return what was done so far."""
        done = self._committing
        return Statistics(
            self._pending.count, self._pending.bytes, done.commits, done.written, done.failed, self._reading.reads
        )

    async def drain(self, timeout: float | None = None) -> int:  # noqa: ASYNC109  # it cancels nothing
        """Wait until no write waits, those that come meanwhile included; return how many are left.

        `timeout` is in seconds; None waits for ever. StoreError in a forked process.
        """
        self._threads.require_own_process()
        return await drain(self._pending, self._telling, timeout)

    async def close(self, timeout: float | None = None) -> int:  # noqa: ASYNC109  # it cancels nothing
        """Take no more, drain, end the threads and close the store; return how many writes were left at `timeout`.

        What is left is tried once more, without patience, by a thread that nobody waits for: then its futures end.
        """
        self._threads.require_own_process()
        self._is_closed = True
        loop = asyncio.get_running_loop()
        deadline = None if timeout is None else loop.time() + timeout
        left = await self.drain(timeout)
        if left:
            self._committing.hurry.set()
        self._threads.end()
        over = asyncio.wrap_future(self._threads.is_over)
        await asyncio.wait([over], timeout=None if deadline is None else max(0.0, deadline - loop.time()))
        over.cancel()  # else it would be told, on a loop that may be closed by then
        self._threads.forget()
        return left

    def _open_loop(self) -> asyncio.AbstractEventLoop:
        """Return the client's loop; StoreError if nothing is taken any more."""
        self._threads.require_own_process()
        if self._is_closed:
            raise StoreError(f"{self._owner}: the storage is closed")
        loop = self._loop_of()
        if loop is not self._loop:
            self._loop = loop
            self._tell_changed(None)  # what the other loop was told last may never have been heard
        return loop

    def _tell_changed(self, places: Iterable[Place] | None) -> None:
        self._telling.tell([(self._loop, partial(self._changed, places))])


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
