"""Did each stanza get its right answer, and is what it brought kept?"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from slixmpp import JID
from slixmpp.exceptions import XMPPError

from demo.component import stored_name
from demo.traffic import KEPT, READ_BACK, Stanza

if TYPE_CHECKING:
    from slixmpp import ComponentXMPP

    from demo.stream import Answer


def judge_answer(stanza: Stanza, answer: Answer | None) -> str:
    """Say what is wrong with an answer, `""` for nothing."""
    if answer is None:
        return "no answer"
    if answer.outcome != stanza.expected:
        return f"{answer.outcome} instead of {stanza.expected}"
    if stanza.detail and stanza.detail not in answer.holds:
        return f"{answer.outcome} without {stanza.detail!r}"
    return ""


async def judge_kept(stanza: Stanza, xmpp: ComponentXMPP, patience: float) -> str:
    """Say what is wrong with what is stored, `""` for nothing; it is read within `patience` seconds."""
    try:
        async with asyncio.timeout(patience):
            name = await stored_name(xmpp, JID(stanza.sender))
    except (OSError, sqlite3.Error, XMPPError) as error:  # timeouts are among them
        return f"not read back: {str(error) or repr(error)}"
    return "" if name == stanza.detail else f"{name!r} is kept instead of {stanza.detail!r}"


def calls_for(stanzas: Iterable[Stanza]) -> Mapping[str, int]:
    """Return how many calls the stanzas lead to, by op: one each, and one more to read back what was brought."""
    calls: Counter[str] = Counter()
    for stanza in stanzas:
        calls[stanza.call] += 1
        calls[READ_BACK] += stanza.expected == KEPT
    return calls
