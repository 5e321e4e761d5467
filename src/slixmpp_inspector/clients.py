"""Who hears of each slixmpp client that a program makes? For tools that the program knows nothing of."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast

from slixmpp.basexmpp import BaseXMPP


def hear_of_clients(hear: Callable[[Any], object]) -> Callable[[], None]:
    """Call `hear` with each client that is made from now on, before its plugins; return what ends that.

    Several may hear, and end in any order.
    """
    kind = cast("Any", BaseXMPP)
    made, is_on = kind.__init__, True

    @functools.wraps(made)
    def init(xmpp: Any, *args: Any, **kwargs: Any) -> None:
        made(xmpp, *args, **kwargs)
        if is_on:
            hear(xmpp)

    def end() -> None:
        nonlocal is_on
        is_on = False
        if kind.__init__ is init:  # else somebody else has come after, and calls this one
            kind.__init__ = made

    kind.__init__ = init
    return end
