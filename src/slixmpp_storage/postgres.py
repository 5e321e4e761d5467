"""How are texts kept in PostgreSQL? By psycopg. One statement takes all places, and a lost connection is made anew."""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from slixmpp_middleware import may_pass
from slixmpp_storage.schema import STEPS, missing
from slixmpp_storage.store import Change, Place, Row, StoreError

if TYPE_CHECKING:
    from psycopg import Connection, Notify

EXTRA: Final = "pip install 'slixmpp-pipeline[postgres]'"
# What conninfo does not say. A server that is gone without a word is noticed after a minute.
_SETTINGS: Final = {"connect_timeout": 5, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
_SCHEMA_LOCK: Final = 0x736C69786D7070  # "slixmpp": the number is one of many that other programs may take
_MAX_PAYLOAD: Final = 7_900  # bytes; a notification has less than 8,000
_PAUSE: Final = 1.0  # seconds between attempts to listen again
# Texts are compared by code points as everywhere, and a new libc leaves the index as it is.
_TEXT: Final = 'TEXT COLLATE "C"'
_PLACES: Final = "unnest(%(resources)s::text[], %(keys)s::text[]) AS a (resource, key)"
_JOINED: Final = f"slixmpp_entry e JOIN {_PLACES} ON e.owner = %(owner)s AND (e.resource, e.key) = (a.resource, a.key)"
_READ: Final = f"SELECT e.resource, e.key, e.value, e.expires FROM {_JOINED}"  # noqa: S608  # of constants
_PUT: Final = (
    "INSERT INTO slixmpp_entry AS e (owner, resource, key, value, expires) SELECT %(owner)s, * FROM"
    " unnest(%(resources)s::text[], %(keys)s::text[], %(values)s::text[], %(expires)s::float8[])"
    " ON CONFLICT (owner, resource, key) DO UPDATE SET value = excluded.value, expires = excluded.expires"
    " WHERE (e.value, e.expires) IS DISTINCT FROM (excluded.value, excluded.expires) RETURNING e.resource, e.key"
)
# An order of locks, which a DELETE that joins has not.
_DELETE: Final = (
    f"WITH gone AS MATERIALIZED (SELECT e.owner, e.resource, e.key FROM {_JOINED}"  # noqa: S608  # of constants
    " ORDER BY e.resource, e.key FOR UPDATE OF e) DELETE FROM slixmpp_entry e USING gone"
    " WHERE (e.owner, e.resource, e.key) = (gone.owner, gone.resource, gone.key) RETURNING e.resource, e.key"
)
_SCAN: Final = (
    "SELECT key, value, expires FROM slixmpp_entry"
    " WHERE owner = %s AND resource = %s AND key > %s ORDER BY key LIMIT %s"
)
# What another process holds is left for the next time: nothing waits here, so this is in no deadlock.
_EXPIRE: Final = (
    "DELETE FROM slixmpp_entry WHERE (owner, resource, key) IN (SELECT owner, resource, key FROM slixmpp_entry"
    " WHERE owner = %s AND expires <= %s FOR UPDATE SKIP LOCKED) RETURNING resource, key"
)
_BOUND: Final = (
    "DELETE FROM slixmpp_entry WHERE (owner, resource, key) IN (SELECT owner, resource, key FROM slixmpp_entry"
    " WHERE ctid = ANY (ARRAY (SELECT id FROM (SELECT ctid AS id, row_number() OVER"
    " (PARTITION BY resource ORDER BY expires DESC NULLS FIRST) AS number"
    " FROM slixmpp_entry WHERE owner = %s AND resource LIKE '%%~') AS ranked WHERE number > %s))"
    " FOR UPDATE SKIP LOCKED) RETURNING resource, key"
)


class Postgres:
    """A store in a PostgreSQL database, by `conninfo` (https://www.postgresql.org/docs/current/libpq-connect.html).

    `listen`: a connection of its own hears at once what other processes have changed. False where LISTEN does not work,
    as through PgBouncer in transaction mode; then `changed()` never has anything. `clock` returns seconds.

    A connection that is lost is opened again at the next use; what failed with it is the caller's to repeat. No message
    has the password. It does not survive `fork()`. It needs psycopg: `pip install 'slixmpp-pipeline[postgres]'`.

    >>> store = Postgres("host=127.0.0.1 dbname=bot user=bot")
    >>> store.may_pass(ConnectionResetError())
    True
    """

    def __init__(self, conninfo: str, listen: bool = True, *, clock: Callable[[], float] = time.monotonic) -> None:
        if not isinstance(conninfo, str):
            raise TypeError(f"Postgres: conninfo is {type(conninfo).__name__}; text is allowed")
        if not isinstance(listen, bool):
            raise TypeError(f"Postgres: listen: {listen!r} is {type(listen).__name__}; True or False is allowed")
        if not callable(clock):
            raise TypeError(f"Postgres: clock: {clock!r} is {type(clock).__name__}; a function is allowed")
        self._conninfo = conninfo
        self._listen = listen
        self._clock = clock
        self._settings: dict[str, Any] = {}
        self._mine = threading.local()
        self._connections: set[Connection[Any]] = set()
        self._listener: Connection[Any] | None = None
        self._listen_after = 0.0
        self._writer = uuid.uuid4().hex  # what it has written itself is not told to it
        self._owners: set[str] = set()  # what concerns others in the database is none of its business

    def open(self) -> None:
        """Make the tables, or bring them up to date. StoreError, which names the host, or the extra to install."""
        try:
            import psycopg  # noqa: PLC0415  # of an extra
            from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415
        except ImportError as error:
            raise StoreError(f"Postgres needs psycopg: {EXTRA}") from error
        try:
            given: dict[str, Any] | None = dict(conninfo_to_dict(self._conninfo))
        except psycopg.Error:
            given = None
        # The message of the driver, and with it its traceback, may have any part of the text.
        if given is None or not _is_whole(given):
            raise StoreError("the conninfo of Postgres() cannot be read; in a URI a password is percent-encoded")
        self._settings = _SETTINGS | given
        where = given.get("host") or given.get("hostaddr") or os.environ.get("PGHOST") or "the local socket"
        try:
            upgrade(self._connection(), f"the database at {where}")
        except psycopg.Error as error:
            self.close()
            raise StoreError(f"the database at {where} cannot be opened: {error}") from error
        except StoreError:
            self.close()
            raise

    def read(self, owner: str, places: Sequence[Place]) -> Mapping[Place, Row]:
        """Return what is at `places`, by one statement."""
        self._owners.add(owner)
        rows = self._connection().execute(_READ, _arrays(owner, [Change(place, None) for place in places])).fetchall()
        return {(resource, key): Row(text, expires) for resource, key, text, expires in rows}

    def write(self, owner: str, changes: Sequence[Change]) -> None:
        """Make all `changes`, or none, and notify others of what they changed.

        Two that write the same places take them in the same order, so that neither waits for the other for ever. So
        each run of puts, or of deletes, in that order is a statement: with all puts first there were deadlocks.
        """
        ordered = sorted(changes, key=lambda change: change.place)
        connection, changed = self._connection(), []
        with connection.transaction():
            for is_delete, run in groupby(ordered, key=lambda change: change.row is None):
                statement = _DELETE if is_delete else _PUT
                changed += connection.execute(statement, _arrays(owner, list(run))).fetchall()
            self._notify(connection, owner, changed)
        self._owners.add(owner)

    def scan(self, owner: str, resource: str, after: str, limit: int) -> list[tuple[str, Row]]:
        """Return at most `limit` rows whose keys are above `after`, in the order of keys."""
        found = self._connection().execute(_SCAN, (owner, resource, after, limit)).fetchall()
        return [(key, Row(text, expires)) for key, text, expires in found]

    def expire(self, owner: str, now: float, keep: int) -> int:
        """Delete what has expired at `now`, and of each resource that ends in `~` what is more than `keep` rows.

        A row that another process is writing is left for the next time.
        """
        connection = self._connection()
        with connection.transaction():
            gone = connection.execute(_EXPIRE, (owner, now)).fetchall()
            gone += connection.execute(_BOUND, (owner, keep)).fetchall()
            self._notify(connection, owner, gone)
        return len(gone)

    def changed(self) -> Iterable[Place] | None:
        """Return what other processes have changed since it was asked last; None for everything.

        It is everything after each connect, the first one included. While there is no connection nothing is known, and
        nothing is returned; it is tried again each second. It is asked by one thread.
        """
        import psycopg  # noqa: PLC0415  # of an extra

        if not self._listen:
            return ()
        try:
            if self._listener is None:
                return self._listen_again()
            return _told(list(self._listener.notifies(timeout=0)), self._writer, self._owners)
        except psycopg.OperationalError:
            self._listen_after = self._clock() + (0 if self._listener else _PAUSE)
            self._forget_listener()
            return ()

    def may_pass(self, error: Exception) -> bool:
        """Whether the server is away, has no room, or ended the transaction: as `Retry` judges it."""
        return may_pass(error)

    def close(self) -> None:
        """Close the connections of all threads. It can be opened again."""
        self._mine = threading.local()
        self._forget_listener()
        while self._connections:
            self._connections.pop().close()

    def _connect(self) -> Connection[Any]:
        import psycopg  # noqa: PLC0415  # of an extra

        # What is prepared belongs to a connection, and PgBouncer gives each transaction another one.
        threshold = 5 if self._listen else None
        return psycopg.connect(**self._settings, autocommit=True, prepare_threshold=threshold)

    def _connection(self) -> Connection[Any]:
        connection: Connection[Any] | None = getattr(self._mine, "connection", None)
        if connection is None or connection.closed:
            self._connections.discard(connection)
            connection = self._mine.connection = self._connect()
            self._connections.add(connection)
        return connection

    def _listen_again(self) -> Iterable[Place] | None:
        if self._clock() < self._listen_after:
            return ()
        self._listener = self._connect()
        self._listener.execute("LISTEN slixmpp_entry")
        return None

    def _forget_listener(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _notify(self, connection: Connection[Any], owner: str, changed: list[tuple[str, str]]) -> None:
        if changed:
            payload = json.dumps([self._writer, owner, *changed], ensure_ascii=False)
            if len(payload.encode()) > _MAX_PAYLOAD:
                payload = json.dumps([self._writer, owner], ensure_ascii=False)
            connection.execute("SELECT pg_notify('slixmpp_entry', %s)", (payload,))


def upgrade(connection: Connection[Any], where: str, steps: tuple[str, ...] = STEPS) -> None:
    """Make the steps that are missing, all or none. `SchemaTooNew`, which names `where`, if there are more."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_SCHEMA_LOCK,))
        # Who may not make tables may use those that are there.
        found = connection.execute("SELECT to_regclass('slixmpp_schema') IS NOT NULL").fetchone()
        if found != (True,):
            connection.execute("CREATE TABLE slixmpp_schema (version INTEGER NOT NULL)")
            connection.execute("INSERT INTO slixmpp_schema VALUES (0)")
        ((version,),) = connection.execute("SELECT version FROM slixmpp_schema").fetchall()
        statements: list[Any] = [*missing(version, where, text=_TEXT, steps=steps)]
        for step in statements:
            connection.execute(step)
        if statements:
            connection.execute("UPDATE slixmpp_schema SET version = %s", (len(steps),))


def _arrays(owner: str, changes: Sequence[Change]) -> dict[str, Any]:
    rows = [change.row for change in changes if change.row is not None]
    return {
        "owner": owner,
        "resources": [change.place[0] for change in changes],
        "keys": [change.place[1] for change in changes],
        "values": [row.text for row in rows],
        "expires": [row.expires for row in rows],
    }


def _told(notifies: list[Notify], writer: str, owners: set[str]) -> Iterable[Place] | None:
    """Return the places that others have told; None if one of them has told none, as they were too many."""
    places: list[Place] = []
    for one in notifies:
        by, owner, *changed = json.loads(one.payload)
        if by != writer and owner in owners:
            if not changed:
                return None
            places += map(tuple, changed)
    return places


def _is_whole(given: Mapping[str, Any]) -> bool:
    """Whether no part of a password is where a URI with `@` or `/` in it puts that: in the host, or the port."""
    return "@" not in str(given.get("host", ""))[1:] and str(given.get("port") or 0).replace(",", "").isdecimal()
