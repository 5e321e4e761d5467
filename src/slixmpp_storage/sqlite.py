"""How are texts kept in a file? In SQLite, by the standard library alone; each thread has a connection of its own."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from slixmpp_middleware import may_pass
from slixmpp_storage.schema import STEPS, missing
from slixmpp_storage.store import Change, Place, Row, StoreError

_BUSY_TIMEOUT: Final = 2.0  # seconds in which another process may write
_ATTEMPTS: Final = 20  # to switch to WAL: SQLite does not wait for others there
# A row that is the same already is not written.
_PUT: Final = (
    "INSERT INTO slixmpp_entry (owner, resource, key, value, expires) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (owner, resource, key) DO UPDATE SET value = excluded.value, expires = excluded.expires"
    " WHERE value IS NOT excluded.value OR expires IS NOT excluded.expires"
)
_DELETE: Final = "DELETE FROM slixmpp_entry WHERE owner = ? AND resource = ? AND key = ?"
_READ: Final = "SELECT value, expires FROM slixmpp_entry WHERE owner = ? AND resource = ? AND key = ?"
_SCAN: Final = (
    "SELECT key, value, expires FROM slixmpp_entry WHERE owner = ? AND resource = ? AND key > ? ORDER BY key LIMIT ?"
)
_EXPIRE: Final = "DELETE FROM slixmpp_entry WHERE owner = ? AND expires <= ?"
_BOUND: Final = (
    "DELETE FROM slixmpp_entry WHERE rowid IN (SELECT id FROM (SELECT rowid AS id, row_number() OVER"
    " (PARTITION BY resource ORDER BY expires DESC NULLS FIRST) AS number"
    " FROM slixmpp_entry WHERE owner = ? AND resource LIKE '%~') WHERE number > ?)"
)
# To close any descriptor of a file ends all locks that the process has on it (https://sqlite.org/howtocorrupt.html,
# 2.2). So a descriptor is opened only to make the file, and meanwhile no other thread connects.
_MAKING: Final = threading.Lock()


class SQLite:
    """A store in a file, which only its owner may read (mode 0600) if it is made here. Not for a network file system.

    `synchronous="full"`: what is committed survives a power cut; "normal": it survives the end of the process only, and
    a commit does not wait for the disk. Another process may hold the lock for 2 seconds. Both processes see the same,
    and `changed()` says that another one wrote, but not what. It does not survive `fork()`.

    `:memory:` is a ValueError: each of the two threads would have a database of its own; `Memory()` is what is meant.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = SQLite(f"{folder}/bot.db")
    ...     store.open()
    ...     store.write("bot@a.example", [Change(("xep_0153/hash", "b@c.example"), Row('"5f1a"', None))])
    ...     print(store.scan("bot@a.example", "xep_0153/hash", after="", limit=10))
    ...     store.close()
    [('b@c.example', Row(text='"5f1a"', expires=None))]
    """

    def __init__(self, path: str | os.PathLike[str], synchronous: str = "full") -> None:
        if not isinstance(path, str | os.PathLike):
            raise TypeError(f"SQLite: path: {path!r} is {type(path).__name__}; text or a path is allowed")
        if os.fspath(path) in ("", ":memory:"):
            raise ValueError(f"SQLite: path: {path!r} is not allowed, as threads do not share it; use Memory()")
        if synchronous not in ("full", "normal"):
            raise ValueError(f"SQLite: synchronous: {synchronous!r} is not allowed; one of full, normal is")
        self._path = os.path.realpath(path)  # the program may change its directory
        self._synchronous = synchronous
        self._mine = threading.local()
        self._connections: list[sqlite3.Connection] = []

    def open(self) -> None:
        """Make the file and its table, or bring the table up to date. StoreError, which names the path, if not."""
        try:
            with _MAKING, suppress(FileExistsError):
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            upgrade(self._connection(), self._path)
        except (OSError, sqlite3.Error) as error:
            self.close()
            raise StoreError(f"{self._path} cannot be opened: {error}") from error
        except StoreError:
            self.close()
            raise

    def read(self, owner: str, places: Sequence[Place]) -> Mapping[Place, Row]:
        """Return what is at `places`, all as of one moment."""
        found = {}
        with _transaction(self._connection(), "DEFERRED") as connection:
            for place in places:
                if row := connection.execute(_READ, (owner, *place)).fetchone():
                    found[place] = Row(*row)
        return found

    def write(self, owner: str, changes: Sequence[Change]) -> None:
        """Make all `changes`, or none. What changes nothing writes nothing."""
        ordered = sorted(changes, key=lambda change: change.place)  # pages of the table are visited once
        with _transaction(self._connection(), "IMMEDIATE") as connection:
            connection.executemany(_PUT, [(owner, *place, *row) for place, row in ordered if row is not None])
            connection.executemany(_DELETE, [(owner, *place) for place, row in ordered if row is None])

    def scan(self, owner: str, resource: str, after: str, limit: int) -> list[tuple[str, Row]]:
        """Return at most `limit` rows whose keys are above `after`, in the order of keys."""
        found = self._connection().execute(_SCAN, (owner, resource, after, limit))
        return [(key, Row(text, expires)) for key, text, expires in found]

    def expire(self, owner: str, now: float, keep: int) -> int:
        """Delete what has expired at `now`, and of each resource that ends in `~` what is more than `keep` rows."""
        with _transaction(self._connection(), "IMMEDIATE") as connection:
            expired = connection.execute(_EXPIRE, (owner, now)).rowcount
            return expired + connection.execute(_BOUND, (owner, keep)).rowcount

    def changed(self) -> Iterable[Place] | None:
        """Return None, for everything, if others have written since this thread asked last; else nothing.

        It is for the thread that writes: its own commits are not counted. Asked for the first time it is everything.
        """
        version = self._connection().execute("PRAGMA data_version").fetchone()[0]
        seen, self._mine.version = getattr(self._mine, "version", None), version
        return () if version == seen else None

    def may_pass(self, error: Exception) -> bool:
        """Whether the file is busy, full, or cannot be read for now: as `Retry` judges it."""
        return may_pass(error)

    def close(self) -> None:
        """Close the connections of all threads. It can be opened again."""
        self._mine = threading.local()
        while self._connections:
            self._connections.pop().close()

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._mine, "connection", None)
        if connection is None:
            with _MAKING:
                connection = sqlite3.connect(
                    # in its own thread only, but another one closes it
                    self._path,
                    timeout=_BUSY_TIMEOUT,
                    isolation_level=None,
                    check_same_thread=False,
                )
            try:
                _switch_to_wal(connection)
                connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            except BaseException:
                connection.close()
                raise
            self._connections.append(connection)
            self._mine.connection = connection
        return connection


def upgrade(connection: sqlite3.Connection, where: str, steps: tuple[str, ...] = STEPS) -> None:
    """Make the steps that are missing, all or none. `SchemaTooNew`, which names `where`, if there are more."""
    with _transaction(connection, "IMMEDIATE"):
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        for step in missing(version, where, text="TEXT", steps=steps):
            connection.execute(step)
        if version < len(steps):
            connection.execute(f"PRAGMA user_version = {len(steps)}")


@contextmanager
def _transaction(connection: sqlite3.Connection, kind: str) -> Iterator[sqlite3.Connection]:
    connection.execute(f"BEGIN {kind}")
    try:
        yield connection
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Let readers go on while another writes. The file remembers it: only the first connection waits for others."""
    attempt = 0
    while True:
        attempt += 1
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if attempt == _ATTEMPTS:
                raise
            with _transaction(connection, "IMMEDIATE"):
                pass  # this does wait, until the other has ended
