"""A store in memory that has trouble when a test says so, and the time of a journal that passes when it does."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from slixmpp_storage.journal import Journal
from slixmpp_storage.store import Change, Place, Row

OWNER = "romeo@montague.example"
LONG = 20.0  # seconds after which a test that waits for a thread has failed


class Passing(Exception):
    """A failure that may pass."""


class Gate:
    """Holds a thread until a test lets it on."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._open = threading.Event()
        self._open.set()

    def hold(self) -> None:
        """Let the next one who comes wait."""
        self._reached.clear()
        self._open.clear()

    def release(self) -> None:
        """Let on who waits, and who comes."""
        self._open.set()

    def wait_until_reached(self) -> None:
        """Wait until someone is held."""
        assert self._reached.wait(LONG)

    def pass_through(self) -> None:
        """Be held, if a test says so."""
        self._reached.set()
        assert self._open.wait(LONG)


class TroubledStore:
    """A store in memory; `batches` has what was committed, `failures` what the next attempts to write raise."""

    def __init__(self) -> None:
        self.rows: dict[Place, Row] = {}
        self.batches: list[list[Change]] = []
        self.failures: deque[BaseException] = deque()
        self.bad: set[Place] = set()  # can neither be written nor read, ever
        self.is_down = False
        self.read_failure: BaseException | None = None
        self.attempts = 0
        self.asked: list[list[Place]] = []
        self.expiries: list[tuple[str, float, int]] = []
        self.expire_failure: Exception | None = None
        self.closed_by: list[str] = []
        self.close_failure: BaseException | None = None
        self.writing, self.reading = Gate(), Gate()

    def open(self) -> None:
        """It is open."""

    def read(self, owner: str, places: Sequence[Place]) -> Mapping[Place, Row]:
        """Return what was there when the read began."""
        assert owner == OWNER
        self.asked.append(list(places))
        found = {place: self.rows[place] for place in places if place in self.rows}
        self.reading.pass_through()
        if self.read_failure is not None:
            raise self.read_failure
        self._require_good(places)
        return found

    def write(self, owner: str, changes: Sequence[Change]) -> None:
        """Change all or nothing."""
        assert owner == OWNER
        self.attempts += 1
        self.writing.pass_through()
        if self.failures:
            raise self.failures.popleft()
        if self.is_down:
            raise Passing("the database is down")
        self._require_good([change.place for change in changes])
        for place, row in changes:
            self.rows.pop(place, None)
            if row is not None:
                self.rows[place] = row
        self.batches.append(list(changes))

    def scan(self, owner: str, resource: str, after: str, limit: int) -> list[tuple[str, Row]]:
        """Nobody asks."""
        raise NotImplementedError

    def expire(self, owner: str, now: float, keep: int) -> int:
        """Remember who asked for what."""
        self.expiries.append((owner, now, keep))
        if self.expire_failure is not None:
            raise self.expire_failure
        return 0

    def may_pass(self, error: Exception) -> bool:
        """Say whether it is worth another attempt."""
        return isinstance(error, Passing)

    def close(self) -> None:
        """Remember which thread closed it."""
        self.closed_by.append(threading.current_thread().name)
        if self.close_failure is not None:
            raise self.close_failure

    def _require_good(self, places: Sequence[Place]) -> None:
        for place in places:
            if place in self.bad:
                raise ValueError(f"a NUL in {place[1]}")


class ChangingStore(TroubledStore):
    """A store that others write to: `news` has what `changed()` returns or raises, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.news: deque[Iterable[Place] | Exception | None] = deque()
        self.looks = 0

    def changed(self) -> Iterable[Place] | None:
        """Return what is next; nothing if nothing is."""
        self.looks += 1
        news = self.news.popleft() if self.news else ()
        if isinstance(news, Exception):
            raise news
        return news


class Time:
    """Seconds of a journal. A thread that waits for work is woken by work only, or by `passes()`."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.date = 1_000_000.0  # seconds since 1970
        self.pauses: list[float] = []
        self.idles: list[float | None] = []
        self.paused: Callable[[], object] = lambda: None
        self._waiting: set[threading.Event] = set()
        self._moved = threading.Condition()

    def wait(self, woken: threading.Event, seconds: float | None) -> None:
        """Wait until woken, without end."""
        with self._moved:
            self.idles.append(seconds)
            self._waiting.add(woken)
            self._moved.notify_all()
        assert woken.wait(LONG * 10)
        with self._moved:
            self._waiting.discard(woken)

    def pause(self, _: threading.Event, seconds: float | None) -> None:
        """Let the seconds pass at once."""
        assert seconds is not None
        self.pauses.append(seconds)
        self.seconds += seconds
        self.paused()

    def until_idle(self, threads: int = 2) -> None:
        """Wait until nothing is left to do for the threads."""
        with self._moved:
            assert self._moved.wait_for(lambda: self._is_idle(threads), LONG)

    def passes(self, seconds: float, threads: int = 2) -> None:
        """Let time pass in which the threads are idle, and what is due then be done."""
        self.until_idle(threads)
        self.seconds += seconds
        with self._moved:
            events = list(self._waiting)
        for event in events:
            event.set()
        self.until_idle(threads)

    def _is_idle(self, threads: int) -> bool:
        return len(self._waiting) == threads and not any(event.is_set() for event in self._waiting)


class Client:
    """A journal for a client with a loop, and what it has told."""

    def __init__(self, loop: asyncio.AbstractEventLoop, store: TroubledStore | None = None, **settings: Any) -> None:
        self.loop = loop
        self.store = TroubledStore() if store is None else store
        self.time = Time()
        self.failed: list[Place] = []
        self.changed: list[Iterable[Place] | None] = []
        self.commits: list[float] = []
        given: dict[str, Any] = {"failed": self.failed.append, "changed": self.changed.append}
        self.journal = Journal(
            self.store,
            OWNER,
            loop_of=lambda: self.loop,
            committed=self.commits.append,
            clock=lambda: self.time.seconds,
            now=lambda: self.time.date,
            wait=self.time.wait,
            pause=self.time.pause,
            **(given | settings),
        )

    async def get(self, *places: Place) -> Row | None:
        """Return what is answered, at once or later."""
        answer = self.journal.get(*places)
        return await answer if isinstance(answer, asyncio.Future) else answer

    def stop(self) -> None:
        """End its threads, whatever the test has done to them."""
        self.store.writing.release()
        self.store.reading.release()
        self.journal._threads.end()
        self.journal._threads.is_over.result(LONG)
        self.journal._threads.forget()
