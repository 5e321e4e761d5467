"""What handler, layer and call_next mean to a type checker."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeAlias

from slixmpp import JID

from slixmpp_pipeline.call import Call

Handler: TypeAlias = Callable[[JID, str, JID | None, Any], Any] | Callable[[JID, str, Any], Any]
"""What a plugin or an application registers: slixmpp's `(jid, node, ifrom, args)`, or its older `(jid, node, args)`."""

CallNext: TypeAlias = Callable[[Call], Coroutine[Any, Any, Any]]
"""The rest of the chain, as a layer sees it."""


class Layer(Protocol):
    """Any async callable `(call, call_next)`.

    A layer may also have, all optional:

    - `taskless = True`: a promise that until its `call_next` suspends it needs no `asyncio.current_task()` of its
      own, and that it awaits `own_task()` before it waits for anything itself. Chains of such layers need no Task.
    - `hands_on = True`: a promise that `__call__`, though a plain function, returns a coroutine: that of
      `call_next(call)`, handed on as it is, where the layer has nothing to do, which costs none of its own.
    - `role`: one of `"telemetry"`, `"cache"`, `"timeout"`, `"retry"`; `api.lint()` reasons about roles, and reads the
      `seconds` of a layer of role `"timeout"`. While one of role `"cache"` is registered anywhere, generations are
      counted (see `Route.generations`); on the routes that it is on, `Call.reached` is kept.
    - `for_route(route)`: called when a route is compiled; returns the layer itself, a specialised one, or None
      (see `Route.opt_out`).
    """

    def __call__(self, call: Call, call_next: CallNext, /) -> Coroutine[Any, Any, Any]:
        """Answer the call, usually by awaiting `call_next(call)`."""
