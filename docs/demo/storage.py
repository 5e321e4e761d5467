"""Where are the vCards? In a SQLite file, behind the three handlers that replace the plugin's own."""

from __future__ import annotations

import asyncio
import errno
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from slixmpp.plugins.xep_0054 import VCardTemp
from slixmpp.xmlstream import ET

from demo.trouble import SLOW_SECONDS, Trouble

if TYPE_CHECKING:
    from slixmpp import JID

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE vcard (jid TEXT PRIMARY KEY, xml TEXT NOT NULL) WITHOUT ROWID;
"""


class Storage(Protocol):
    """Three handlers, as `xmpp.api` calls them, and an end."""

    async def get(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> VCardTemp | None:
        """Return the vCard of `jid`, None if there is none."""

    async def set(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        """Keep `args`, a vCard, for `jid`."""

    async def delete(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        """Forget the vCard of `jid`; no error if there is none."""

    async def close(self) -> None:
        """Let go of what is open."""


OpenStorage = Callable[[Path, Trouble], Storage]
"""Takes the path of a file to make, and the trouble to have."""


class VCards:
    """vCards by bare JID (XEP-0054) in a new SQLite file at `path`, with `trouble` now and then.

    The connection belongs to one thread of its own. A lock around `asyncio.to_thread` would not do: when a timeout
    cancels a call, the lock is released while the thread still works, and two threads are inside one transaction.
    """

    def __init__(self, path: Path, trouble: Trouble) -> None:
        self._trouble = trouble
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vcards")
        self._connection: sqlite3.Connection = self._thread.submit(_open, path).result()
        self._rival: sqlite3.Connection = self._thread.submit(_connect, path).result()

    async def get(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> VCardTemp | None:
        """Return the vCard of `jid`, None if there is none."""
        if self._trouble.slows_read(jid.bare):
            await asyncio.sleep(SLOW_SECONDS)
        rows = await self._execute("SELECT xml FROM vcard WHERE jid = ?", jid.bare)
        return VCardTemp(xml=ET.fromstring(rows[0][0])) if rows else None

    async def set(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        """Keep `args`, a vCard, for `jid`; the call ends when it is committed."""
        is_locked = self._trouble.fails_write(jid.bare)
        await self._execute("INSERT OR REPLACE INTO vcard VALUES (?, ?)", jid.bare, str(args), is_locked=is_locked)

    async def delete(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        """Forget the vCard of `jid`; no error if there is none."""
        await self._execute("DELETE FROM vcard WHERE jid = ?", jid.bare)

    async def close(self) -> None:
        """Finish what is queued, and close the file."""
        for connection in (self._rival, self._connection):
            await asyncio.get_running_loop().run_in_executor(self._thread, connection.close)
        self._thread.shutdown()

    async def _execute(self, statement: str, *values: str, is_locked: bool = False) -> list[Any]:
        """Run one statement as one transaction, in the connection's thread; `is_locked` if a rival is writing.

        BlockingIOError if the database is locked: that may pass, which sqlite3's own error does not tell a Retry.
        """

        def transaction() -> list[Any]:
            if is_locked:
                self._rival.execute("BEGIN IMMEDIATE")
            try:
                with self._connection:
                    return self._connection.execute(statement, values).fetchall()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                    raise BlockingIOError(errno.EAGAIN, "the database is locked") from error
                raise
            finally:
                self._rival.rollback()

        return await asyncio.get_running_loop().run_in_executor(self._thread, transaction)


def _open(path: Path) -> sqlite3.Connection:
    connection = _connect(path)
    connection.executescript(_SCHEMA)
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=0)  # seconds to wait for a lock: waiting is for the layers to do
