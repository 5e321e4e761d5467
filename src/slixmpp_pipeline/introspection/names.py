"""Is a ctype or an op that something was registered for ever called, or is it misspelt?"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from slixmpp_pipeline.layers.placement import Scope


def doubt(scope: Scope, known: Collection[tuple[str, str]], passing: Collection[str | None]) -> str:
    """Return what is wrong with the name of a scope, in words; an empty text if nothing is.

    `known` are the ops of the catalogue and those that were declared. `passing` are the ctypes of which calls pass
    here: something answers them, or a plugin is there that makes them.
    """
    if meant := _meant(scope, known):
        return f"nothing known is called that; did you mean {meant}?"
    if scope.ctype is None or scope.ctype in passing:
        return ""
    return "no plugin of that name is there, and nothing answers: no call passes here"


def _meant(scope: Scope, known: Collection[tuple[str, str]]) -> str:
    """Return the name that a scope probably means; empty if the scope is known, or like no known one."""
    ctype, op = scope
    ctypes = {one for one, _ in known}
    if ctype is None or scope in known or (op is None and ctype in ctypes):
        return ""
    if op is None:
        like = [one for one in ctypes if _plain(one) == _plain(ctype)]
    elif ctype in ctypes:
        # Of the same verb: get_nick is no slip for set_nick.
        ops = {_plain(other): f"{ctype} {other}" for one, other in known if one == ctype and other[:3] == op[:3]}
        like = [ops[close] for close in get_close_matches(_plain(op), ops, n=1, cutoff=0.8)]
    else:
        asked = {(_plain(ctype), _plain(op)), (_plain(op), _plain(ctype))}
        like = [f"{one} {other}" for one, other in known if (_plain(one), _plain(other)) in asked]
    return min(like, default="")


def _plain(name: str) -> str:
    """Return `name` in one spelling: XEP-0054, xep0054 and xep_54 are xep_0054."""
    return re.sub(r"[^a-z0-9]|(?<!\d)0+(?=\d)", "", name.lower())
