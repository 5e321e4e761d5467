"""Which errors may be gone a little later? XMPP says it of its own, and databases by a code."""

from __future__ import annotations

from typing import Any, Final

from slixmpp.exceptions import IqTimeout, XMPPError

# Of an extended result code (https://sqlite.org/rescode.html) the lowest byte: busy, locked, interrupted, I/O error,
# full, cannot open, locking protocol.
_SQLITE: Final = frozenset({5, 6, 9, 10, 13, 14, 15})
# Of an SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html) the class: the connection, a rollback
# such as a deadlock's, insufficient resources, an operator's intervention. 55P03 is a lock that was not available.
_SQL_CLASSES: Final = frozenset({"08", "40", "53", "57"})
_LOCK_NOT_AVAILABLE: Final = "55P03"
_REDIS: Final = frozenset({"ConnectionError", "TimeoutError", "BusyLoadingError"})


def may_pass(error: BaseException) -> bool:
    """Whether `error` may be gone a little later, so that `Retry` makes the call again: its default.

    In this order:

    - An `XMPPError` if its type is `wait` (RFC 6120, section 8.3.2), such as `CallTimeout`; or it is an `IqTimeout`.
    - A database's error by its code, and by no class: "no such table" is an `OperationalError`, too. By sqlite3's
      `sqlite_errorcode` if it is busy, locked, interrupted, full, or cannot read or open its file. By the `sqlstate` of
      psycopg and asyncpg if it is of class 08, 40, 53 or 57, or 55P03; an `OperationalError` whose `sqlstate` is None
      means that the connection is gone. SQLAlchemy's errors by their `orig`. An `InterfaceError` is a wrong use.
    - redis-py's `ConnectionError`, `TimeoutError` and `BusyLoadingError`.
    - Any other `OSError`, such as `TimeoutError` and `ConnectionError`.

    No driver is imported.

    >>> from slixmpp.exceptions import XMPPError
    >>> may_pass(ConnectionResetError()), may_pass(XMPPError("forbidden", etype="auth"))
    (True, False)
    """
    if isinstance(error, XMPPError):
        # slixmpp gives an IqTimeout the type cancel, although it means that no answer has come yet.
        return error.etype == "wait" or isinstance(error, IqTimeout)
    verdicts = (_by_class(error), _by_code(error))
    return next((verdict for verdict in verdicts if verdict is not None), isinstance(error, OSError))


def _by_class(error: BaseException) -> bool | None:
    """Return what the class says; None for nothing."""
    name = type(error).__name__
    if name == "InterfaceError":
        return False
    return name in _REDIS if type(error).__module__.partition(".")[0] == "redis" else None


def _by_code(error: Any) -> bool | None:
    """Return what the code of a database's error says, or of the one that SQLAlchemy wraps; None if there is none."""
    if isinstance(original := getattr(error, "orig", None), Exception):
        return may_pass(original)
    if isinstance(code := getattr(error, "sqlite_errorcode", None), int):
        return code & 0xFF in _SQLITE
    state = getattr(error, "sqlstate", "")
    if state is None:  # of psycopg: the server did not say anything
        return type(error).__name__ == "OperationalError"
    return state[:2] in _SQL_CLASSES or state == _LOCK_NOT_AVAILABLE if state and isinstance(state, str) else None
