"""What tells one answer from another? Op, JID, node, requester, and what else the answer depends on."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, TypeAlias

from slixmpp import JID

from slixmpp_pipeline import frozen

if TYPE_CHECKING:
    from slixmpp_pipeline import Call

AnswerKey: TypeAlias = tuple[tuple[str, str], str, Hashable, str | None, Hashable]
"""The ctype and op, the JID, the node, the requester, and the rest."""


def answer_key(
    call: Call, op: tuple[str, str], is_shared: bool, vary_by: Callable[[Call], Hashable] | None
) -> AnswerKey | None:
    """Return the key of the answer to `call`; None if what the answer depends on may change, or is not known.

    `op` is the ctype and the op: joined as text, two ops could have one key. `is_shared` leaves the requester out.
    `vary_by` gives the rest, None for `args`.
    """
    try:
        ifrom = None if call.ifrom is None or is_shared else _requester(call.ifrom)
        if (rest := call.args if vary_by is None else vary_by(call)) is not None:
            rest = frozen(rest)
    except Exception:  # noqa: BLE001  # args are an application's, and so may be `vary_by`
        return None
    node = call.node if type(call.node) is str else frozen(call.node)  # 1 is equal to True
    return op, call.jid.full, node, ifrom, rest


def _requester(ifrom: Any) -> str:
    """Return the text of the requester; TypeError for other types, of which two may have one text."""
    if isinstance(ifrom, JID):
        return ifrom.full
    if type(ifrom) is str:
        return ifrom
    raise TypeError(f"ifrom: {type(ifrom).__name__} is not allowed; a JID, a string or None is")
