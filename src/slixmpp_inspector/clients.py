"""What can be known of a slixmpp client from outside: that it is made, its loop, its name?"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from slixmpp.basexmpp import BaseXMPP

from slixmpp_middleware import Jids, shown

if TYPE_CHECKING:
    import asyncio


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


def loop_of(xmpp: Any) -> asyncio.AbstractEventLoop | None:
    """Return the client's loop, if it has one: slixmpp, asked for it in this thread, would make another."""
    known = vars(xmpp)
    loop: asyncio.AbstractEventLoop | None = known.get("_loop", known.get("loop"))
    return loop


def name_of(xmpp: Any, jids: Jids) -> str:
    """Return the client's address, as far as it is asked for; a component's has no person in it."""
    return shown(xmpp.boundjid, "domain" if xmpp.is_component else jids) or type(xmpp).__name__
