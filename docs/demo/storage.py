"""Where are the vCards? In a SQLite file, behind the three handlers that replace the plugin's own."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from slixmpp.plugins.xep_0054 import VCardTemp
from slixmpp.xmlstream import ET

if TYPE_CHECKING:
    from slixmpp import JID

SLOW_SECONDS = 0.15

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


OpenStorage = Callable[[Path, Collection[str]], Storage]
"""Takes the path of a file to make, and the bare JIDs whose vCards are slow to come by."""


class VCards:
    """vCards by bare JID (XEP-0054) in a new SQLite file at `path`; those of `slow` take `SLOW_SECONDS` longer.

    The connection belongs to one thread of its own. A lock around `asyncio.to_thread` would not do: when a timeout
    cancels a call, the lock is released while the thread still works, and two threads are inside one transaction.
    """

    def __init__(self, path: Path, slow: Collection[str] = ()) -> None:
        self._slow = frozenset(slow)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vcards")
        self._connection: sqlite3.Connection = self._thread.submit(_open, path).result()

    async def get(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> VCardTemp | None:
        """Return the vCard of `jid`, None if there is none."""
        if jid.bare in self._slow:
            await asyncio.sleep(SLOW_SECONDS)
        rows = await self._execute("SELECT xml FROM vcard WHERE jid = ?", jid.bare)
        return VCardTemp(xml=ET.fromstring(rows[0][0])) if rows else None

    async def set(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        """Keep `args`, a vCard, for `jid`; the call ends when it is committed."""
        await self._execute("INSERT OR REPLACE INTO vcard VALUES (?, ?)", jid.bare, str(args))

    async def delete(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        """Forget the vCard of `jid`; no error if there is none."""
        await self._execute("DELETE FROM vcard WHERE jid = ?", jid.bare)

    async def close(self) -> None:
        """Finish what is queued, and close the file."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
        self._thread.shutdown()

    async def _execute(self, statement: str, *values: str) -> list[Any]:
        """Run one statement as one transaction, in the connection's thread."""

        def transaction() -> list[Any]:
            with self._connection:
                return self._connection.execute(statement, values).fetchall()

        return await asyncio.get_running_loop().run_in_executor(self._thread, transaction)


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.executescript(_SCHEMA)
    return connection
