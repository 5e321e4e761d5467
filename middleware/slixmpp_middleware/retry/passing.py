"""Which errors may be gone a little later? XMPP says it of its own, databases and HTTP by a code, the system by errno.

In doubt an error does not pass: a peer may choose what makes a handler fail for good, and each attempt costs.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from slixmpp.exceptions import IqTimeout, XMPPError

# Of an extended result code (https://sqlite.org/rescode.html) the lowest byte: busy, locked, interrupted, I/O error,
# full, cannot open, locking protocol.
_SQLITE: Final = frozenset({5, 6, 9, 10, 13, 14, 15})
# Of an SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html) the class: the connection, a rollback
# such as a deadlock's, insufficient resources, an operator's intervention. 55P03 is a lock that was not available.
_SQL_CLASSES: Final = frozenset({"08", "40", "53", "57"})
_LOCK_NOT_AVAILABLE: Final = "55P03"
# By the package that defines a class: the names of those that pass.
_CLASSES: Final = {
    "redis": frozenset({"ConnectionError", "TimeoutError", "BusyLoadingError"}),
    "requests": frozenset({"ConnectionError", "Timeout", "ConnectTimeout", "ReadTimeout"}),
}
# Request timeout, too early, too many requests; bad gateway, unavailable, gateway timeout (RFC 9110, 8470, 6585).
_HTTP: Final = frozenset({408, 425, 429, 502, 503, 504})
# What is busy, full, or gone for a moment. A name, a permission or a kind of file that is wrong stays wrong.
_ERRNO: Final = frozenset(
    getattr(errno, name)
    for name in (
        *("EAGAIN", "EWOULDBLOCK", "EINTR", "EIO", "EBUSY", "EDEADLK", "ETXTBSY", "ESTALE", "ENOLCK"),
        *("ENOMEM", "ENOBUFS", "EMFILE", "ENFILE", "ENOSPC", "EDQUOT"),
        *("EPIPE", "ECONNABORTED", "ECONNREFUSED", "ECONNRESET", "ENOTCONN", "ESHUTDOWN", "ETIMEDOUT"),
        *("ENETDOWN", "ENETUNREACH", "ENETRESET", "EHOSTDOWN", "EHOSTUNREACH", "EADDRNOTAVAIL"),
    )
    if hasattr(errno, name)
)


def may_pass(error: BaseException) -> bool:
    """Whether `error` may be gone a little later, so that `Retry` makes the call again: its default.

    In this order:

    - An `XMPPError` if its type is `wait` (RFC 6120, section 8.3.2), such as `CallTimeout`; or it is an `IqTimeout`.
    - A database's error by its code, and by no class: "no such table" is an `OperationalError`, too. By sqlite3's
      `sqlite_errorcode` if it is busy, locked, interrupted, full, or cannot read or open its file. By the `sqlstate` of
      psycopg and asyncpg if it is of class 08, 40, 53 or 57, or 55P03; an `OperationalError` whose `sqlstate` is None
      means that the connection is gone. SQLAlchemy's errors by their `orig`. An `InterfaceError` is a wrong use.
    - HTTP's by the status (RFC 9110) of urllib's and requests' errors: 408, 425, 429, 502, 503, 504.
    - redis-py's `ConnectionError`, `TimeoutError` and `BusyLoadingError`; requests' `ConnectionError` and `Timeout`.
    - `TimeoutError`, `ConnectionError`, `InterruptedError`, `BlockingIOError`; any other `OSError` by its `errno`, if
      that is of what is busy, full, or gone for a moment. A file that is not there, a permission, a name that is too
      long, a certificate that is wrong, or a host that nobody knows stays so.

    No driver is imported.

    >>> from slixmpp.exceptions import XMPPError
    >>> may_pass(ConnectionResetError()), may_pass(FileNotFoundError()), may_pass(XMPPError("forbidden", etype="auth"))
    (True, False, False)
    """
    if isinstance(error, XMPPError):
        # slixmpp gives an IqTimeout the type cancel, although it means that no answer has come yet.
        return error.etype == "wait" or isinstance(error, IqTimeout)
    # Most that handlers raise. To ask each judge takes a tenth of a call that fails.
    if not error.__dict__ and _tells_nothing(type(error)):  # type: ignore[arg-type]  # a class can be hashed
        return False
    return next((verdict for judge in _JUDGES if (verdict := judge(error)) is not None), False)


@lru_cache(maxsize=256)
def _tells_nothing(kind: type) -> bool:
    """Whether no judge has anything to look at in an error of this class that has no attributes of its own."""
    looked_at = ("orig", "sqlite_errorcode", "sqlstate", "__getattr__")
    has_class = _of_class(kind) is not None or issubclass(kind, OSError)
    return not has_class and not any(hasattr(kind, name) for name in looked_at)


def _by_class(error: BaseException) -> bool | None:
    """Return what the class says; None for nothing."""
    return _of_class(type(error))  # type: ignore[arg-type]  # a class can be hashed


@lru_cache(maxsize=256)
def _of_class(kind: type) -> bool | None:
    if any(one.__name__ == "InterfaceError" for one in kind.__mro__):
        return False
    names = {one.__module__.partition(".")[0]: one.__name__ for one in kind.__mro__[::-1]}
    return True if any(names.get(package) in passing for package, passing in _CLASSES.items()) else None


def _by_code(error: Any) -> bool | None:
    """Return what the code of a database's error says, or of the one that SQLAlchemy wraps; None if there is none."""
    if isinstance(original := getattr(error, "orig", None), Exception) and original is not error:
        return may_pass(original)
    if isinstance(code := getattr(error, "sqlite_errorcode", None), int):
        return code & 0xFF in _SQLITE
    state = getattr(error, "sqlstate", "")
    if state is None:  # of psycopg: the server did not say anything
        return type(error).__name__ == "OperationalError"
    return state[:2] in _SQL_CLASSES or state == _LOCK_NOT_AVAILABLE if state and isinstance(state, str) else None


def _by_status(error: Any) -> bool | None:
    """Return what the status of an HTTP response says; None if there is none, or the error is none of HTTP's."""
    status = getattr(getattr(error, "response", None), "status_code", getattr(error, "code", None))
    is_of_http = isinstance(error, OSError) and isinstance(status, int) and not isinstance(status, bool)
    return status in _HTTP if is_of_http else None


def _by_errno(error: BaseException) -> bool | None:
    """Return what the system says of its errors; None for an error that is none of them."""
    if not isinstance(error, OSError):
        return None
    if isinstance(reason := getattr(error, "reason", None), OSError):  # of urllib
        return may_pass(reason)
    if isinstance(error, socket.gaierror):  # its numbers are others
        return error.errno == socket.EAI_AGAIN
    if isinstance(error, TimeoutError | ConnectionError | InterruptedError | BlockingIOError):
        return True
    return error.errno in _ERRNO


_JUDGES: Final[tuple[Callable[[BaseException], bool | None], ...]] = (_by_class, _by_code, _by_status, _by_errno)
