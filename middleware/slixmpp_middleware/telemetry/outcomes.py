"""How did a call end, and how much of a JID is shown?"""

from __future__ import annotations

from asyncio import CancelledError
from typing import Any, Literal, get_args

from slixmpp import JID
from slixmpp.exceptions import IqTimeout
from slixmpp.jid import InvalidJID

from slixmpp_middleware.settings import require_one_of
from slixmpp_pipeline import being_cancelled

Jids = Literal["omit", "domain", "bare", "full"]
"""How much of a JID, which is personal data, is shown."""


def require_jids(value: Any, setting: str) -> None:
    """ValueError unless `value` is one of `Jids`."""
    require_one_of(value, get_args(Jids), setting)


def outcome_of(error: BaseException | None) -> str:
    """Return how a call ended: `ok`, `error`, `timeout`, or `cancelled` if its task was cancelled.

    >>> outcome_of(None), outcome_of(TimeoutError()), outcome_of(CancelledError())
    ('ok', 'timeout', 'error')
    """
    if error is None:
        return "ok"
    if isinstance(error, CancelledError) and being_cancelled():
        return "cancelled"
    return "timeout" if isinstance(error, TimeoutError | IqTimeout) else "error"


def shown(jid: Any, part: Jids) -> str | None:
    """Return that part of a JID; None for `omit`, for None, and for a requester that is no JID.

    >>> romeo = "romeo@montague.example/orchard"
    >>> shown(romeo, "bare"), shown(romeo, "omit"), shown(5, "full")
    ('romeo@montague.example', None, None)
    """
    if jid is None or part == "omit":
        return None
    try:
        return str(getattr(JID(jid), part))
    except (InvalidJID, TypeError):
        return None
