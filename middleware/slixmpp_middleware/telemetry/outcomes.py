"""How did a call end, and how much of a JID is shown?"""

from __future__ import annotations

from asyncio import CancelledError
from typing import Any, Literal, TypeAlias, get_args

from slixmpp import JID
from slixmpp.exceptions import IqError, IqTimeout, XMPPError
from slixmpp.types import ErrorConditions

from slixmpp_middleware.settings import require_one_of
from slixmpp_pipeline import being_cancelled

Jids: TypeAlias = Literal["omit", "domain", "bare", "full"]
"""How much of a JID, which is personal data, is shown."""


_REFUSES = frozenset({"auth", "modify", "cancel"})  # the types of RFC 6120, section 8.3.2, but for wait and continue
_FAULTS = frozenset(
    {"internal-server-error", "undefined-condition", "remote-server-not-found", "remote-server-timeout"}
)
_CONDITIONS = frozenset(get_args(ErrorConditions))  # those of RFC 6120, section 8.3.3


def require_jids(value: Any, setting: str) -> None:
    """ValueError unless `value` is one of `Jids`."""
    require_one_of(value, get_args(Jids), setting)


def outcome_of(error: BaseException | None) -> str:
    """Return how a call ended: `ok`, `error`, `timeout`, `refused`, or `cancelled` if its task was cancelled.

    `refused` is an answer that the requester has to live with: an `XMPPError` of type auth, modify or cancel that is no
    fault of this program or of another server.

    >>> outcome_of(None), outcome_of(TimeoutError()), outcome_of(CancelledError())
    ('ok', 'timeout', 'error')
    >>> outcome_of(XMPPError("item-not-found", etype="cancel"))
    'refused'
    """
    if error is None:
        return "ok"
    if isinstance(error, CancelledError) and being_cancelled():
        return "cancelled"
    if isinstance(error, TimeoutError | IqTimeout):
        return "timeout"
    return "refused" if _is_refusal(error) else "error"


def condition_of(error: BaseException | None) -> str | None:
    """Return the condition of an `XMPPError`, as RFC 6120 names it, or `_OTHER`; None for any other error.

    >>> error = XMPPError("item-not-found")
    >>> condition_of(error), condition_of(OSError())
    ('item-not-found', None)
    >>> error.condition = "of-my-own"
    >>> condition_of(error)
    '_OTHER'
    """
    if not isinstance(error, XMPPError):
        return None
    return str(error.condition) if error.condition in _CONDITIONS else "_OTHER"


def _is_refusal(error: BaseException) -> bool:
    if not isinstance(error, XMPPError) or isinstance(
        error, IqError
    ):  # another's answer, which the handler did not take
        return False
    return error.etype in _REFUSES and error.condition not in _FAULTS


def shown(jid: Any, part: Jids) -> str | None:
    """Return that part of a JID, as telemetry may show it; None for `omit`, for None, and for what is no JID.

    `jid` is anything. ValueError for a `part` that is none of `Jids`.

    >>> romeo = "romeo@montague.example/orchard"
    >>> shown(romeo, "bare"), shown(romeo, "omit"), shown(5, "full")
    ('romeo@montague.example', None, None)
    """
    require_one_of(part, get_args(Jids), "shown(): part")
    if jid is None or part == "omit":
        return None
    try:
        return str(getattr(JID(jid), part))
    except (ValueError, TypeError):  # no JID, or text that none can be made of, such as a lone surrogate
        return None
