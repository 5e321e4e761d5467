"""What waits to be committed? Each write in the order of the calls, and the newest of each place for those who read."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Container, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from slixmpp_storage.store import Place, Row, StoreError

if TYPE_CHECKING:
    import asyncio


class StoreFull(StoreError):
    """More writes wait to be committed than may; this one has changed nothing.

    A peer sees the condition `resource-constraint`, and the type `wait`.

    >>> error = StoreFull("10000 writes wait to be committed; 10000 may")
    >>> print(error, "->", error.condition, error.etype)
    10000 writes wait to be committed; 10000 may -> resource-constraint wait
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.condition = "resource-constraint"


class Write(NamedTuple):
    """A write that waits, and the future that ends when it is committed. `size` is in bytes of text."""

    place: Place
    row: Row | None
    size: int
    future: asyncio.Future[None]


class Settled(NamedTuple):
    """Writes that wait no longer, places whose newest value was lost, and who has waited until nothing waits."""

    writes: Sequence[Write]
    lost: Sequence[Place]
    drained: Sequence[asyncio.Future[None]]


class _Unknown(Enum):
    UNKNOWN = "the store has to be asked"


UNKNOWN: Final = _Unknown.UNKNOWN
Answer: TypeAlias = Row | Literal[_Unknown.UNKNOWN] | None


class Pending:
    """The writes that wait: the loop's thread adds them, the thread that commits takes and settles them.

    At most `max_pending` writes and `max_bytes` bytes of text wait.
    """

    def __init__(self, max_pending: int, max_bytes: int) -> None:
        self.count = 0
        self.bytes = 0
        self.came = 0  # writes, since the beginning
        self._max_pending = max_pending
        self._max_bytes = max_bytes
        self._lock = threading.Lock()  # for the bookkeeping of a batch at most: `put` waits for no driver
        self._newest: dict[Place, Write] = {}
        self._queue: deque[Write] = deque()
        self._taken: list[Write] = []
        self._draining: list[asyncio.Future[None]] = []
        self._refusal: str | None = None

    def add(self, write: Write) -> None:
        """Let a write wait. StoreFull if too much waits, StoreError if no more is taken; then nothing has changed."""
        with self._lock:
            if self._refusal is not None:
                raise StoreError(self._refusal)
            if self.count >= self._max_pending:
                raise StoreFull(f"{self.count} writes wait to be committed; {self._max_pending} may")
            if self.bytes + write.size > self._max_bytes:
                waiting = f"{self.bytes} bytes wait to be committed, and {write.size} more would"
                raise StoreFull(f"{waiting}; {self._max_bytes} may")
            self.count += 1
            self.came += 1
            self.bytes += write.size
            self._newest[write.place] = write
            self._queue.append(write)

    def answer(self, places: Sequence[Place], rows: Mapping[Place, Row] | None, now: float) -> Answer:
        """Return what is at the first of `places` where something is that has not expired.

        What waits is newer than `rows`, which the store has answered; None means that there is no answer of it.
        """
        for place in places:
            write = self._newest.get(place)
            if write is not None:
                row = write.row
            elif rows is not None:
                row = rows.get(place)
            else:
                return UNKNOWN
            if row is not None and (row.expires is None or row.expires > now):
                return row
        return None

    def take(self, most: int) -> Sequence[Write]:
        """Return the next writes. They wait until they are settled."""
        with self._lock:
            self._taken = [self._queue.popleft() for _ in range(min(most, len(self._queue)))]
            return self._taken

    def settle(self, failed: Container[Place]) -> Settled:
        """End the waiting of what was taken. A place that was written again since keeps its newer value."""
        with self._lock:
            return self._settle(failed)

    def abandon(self, refusal: str) -> Settled:
        """End the waiting of all, as failed, and take no more: the next write is a StoreError with this message."""
        with self._lock:
            self._refusal = refusal
            self._taken = [*self._taken, *self._queue]
            self._queue.clear()
            return self._settle({write.place for write in self._taken})

    def tell_when_drained(self, future: asyncio.Future[None]) -> bool:
        """Remember who waits until nothing waits; False if nothing does."""
        with self._lock:
            if self.count:
                self._draining.append(future)
            return self.count > 0

    def tell_no_more(self, future: asyncio.Future[None]) -> None:
        """Forget who waited; it may have been told."""
        with self._lock:
            self._draining = [other for other in self._draining if other is not future]

    def _settle(self, failed: Container[Place]) -> Settled:
        writes, self._taken = self._taken, []
        lost = []
        for write in writes:
            self.count -= 1
            self.bytes -= write.size
            if self._newest[write.place] is write:
                del self._newest[write.place]
                if write.place in failed:
                    lost.append(write.place)
        drained: list[asyncio.Future[None]] = []
        if not self.count:
            drained, self._draining = self._draining, drained
        return Settled(writes, lost, drained)
