"""How is what waits committed? All that is queued in one transaction, again while its failure may pass."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from slixmpp_storage.store import Change, Place, Store, StoreError
from slixmpp_storage.telling import End, Telling, fail, finish

if TYPE_CHECKING:
    import asyncio

    from slixmpp_storage.pending import Pending, Settled
    from slixmpp_storage.worker import Wait

MOST: Final = 2_000  # writes or reads that go to the store at once
_FIRST_PAUSE: Final = 0.02  # seconds
_LONGEST_PAUSE: Final = 1.0  # seconds
_LOG = logging.getLogger("slixmpp_storage")


class Client(NamedTuple):
    """Who is told what: the loop of the moment, and what is called there."""

    loop: Callable[[], asyncio.AbstractEventLoop]
    failed: Callable[[Place], object]
    committed: Callable[[float], object]


class Committing:
    """The work of the thread that writes."""

    def __init__(
        self,
        store: Store,
        owner: str,
        pending: Pending,
        telling: Telling,
        client: Client,
        *,
        patience: float,
        clock: Callable[[], float],
        pause: Wait,
    ) -> None:
        self.commits = 0
        self.written = 0
        self.failed = 0
        self.hurry = threading.Event()  # nothing is repeated any more
        self._store = store
        self._owner = owner
        self._pending = pending
        self._telling = telling
        self._client = client
        self._patience = patience
        self._clock = clock
        self._pause = pause

    def commit(self) -> bool:
        """Commit all that waits, and tell everyone; return whether anything did."""
        writes = self._pending.take(MOST)
        if not writes:
            return False
        newest = {write.place: Change(write.place, write.row) for write in writes}
        took: list[float] = []
        errors = self._write([newest[place] for place in sorted(newest)], took)
        if errors:
            error = next(iter(errors.values()))
            _LOG.warning("%d of %d places were not stored: %s", len(errors), len(newest), type(error).__name__)
        self._tell(self._pending.settle(errors), errors, took)
        return True

    def abandon(self, refusal: str, error: BaseException) -> None:
        """Give everyone who waits the error, and take no more: the next write is a StoreError with this message."""
        settled = self._pending.abandon(refusal)
        self._tell(settled, dict.fromkeys((write.place for write in settled.writes), error), [])

    def left(self) -> int:
        """Return how many writes wait."""
        return self._pending.count

    def _write(self, changes: Sequence[Change], took: list[float]) -> Mapping[Place, BaseException]:
        error = self._attempt(changes, took)
        if error is None:
            return {}
        if len(changes) == 1 or self._store.may_pass(error):
            return {change.place: error for change in changes}
        errors: dict[Place, BaseException] = {}
        outage: Exception | None = None
        for change in changes:  # one bad value is no reason to lose the others
            error = outage or self._attempt([change], took)
            if error is not None:
                errors[change.place] = error
                if outage is None and self._store.may_pass(error):
                    outage = error  # patience is at its end, for the rest of the batch, too
        return errors

    def _attempt(self, changes: Sequence[Change], took: list[float]) -> Exception | None:
        """Write changes, again while the failure may pass; return the failure that is left."""
        began = self._clock()
        deadline, pause = began + self._patience, _FIRST_PAUSE
        while True:
            try:
                self._store.write(self._owner, changes)
            except Exception as error:  # noqa: BLE001  # of any driver; whoever waits gets it
                left = deadline - self._clock()
                if not self._store.may_pass(error) or left <= 0 or self.hurry.is_set():
                    return error
            else:
                self.commits += 1
                took.append(self._clock() - began)
                return None
            self._pause(self.hurry, min(pause, left))
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _tell(self, settled: Settled, errors: Mapping[Place, BaseException], took: Sequence[float]) -> None:
        loop = self._client.loop()
        # What is lost comes first: who hears of a failure finds no cache that holds the value.
        ends: list[tuple[asyncio.AbstractEventLoop, End]]
        ends = [(loop, partial(self._client.failed, place)) for place in settled.lost]
        ends += [(loop, partial(self._client.committed, seconds)) for seconds in took]
        for write in settled.writes:
            cause = errors.get(write.place)
            if cause is None:
                self.written += 1
                told: End = partial(finish, write.future, None)
            else:
                self.failed += 1
                told = partial(fail, write.future, failure(self._owner, write.place, "stored", cause))
            ends.append((write.future.get_loop(), told))
        ends += [(future.get_loop(), partial(finish, future, None)) for future in settled.drained]
        self._telling.tell(ends)


def failure(owner: str, place: Place, what: str, cause: BaseException) -> StoreError:
    """Return an error for one caller: what was not done, where, and what the driver said."""
    resource, key = place
    error = StoreError(f"{owner}: {resource} {key!r} was not {what}: {str(cause) or type(cause).__name__}")
    error.__cause__ = cause
    return error
