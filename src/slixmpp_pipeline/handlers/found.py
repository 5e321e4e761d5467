"""What is a registered handler, and how specific is it?"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, ClassVar, TypeAlias

from slixmpp import JID

from slixmpp_pipeline.handlers.names import full_name

Handler: TypeAlias = Callable[[JID, str, JID | None, Any], Any] | Callable[[JID, str, Any], Any]
"""What a plugin or an application registers: slixmpp's `(jid, node, ifrom, args)`, or its older `(jid, node, args)`."""


class Tier(StrEnum):
    """How specific the winning handler is; `NONE` means that nothing is registered and the answer is None.

    >>> str(Tier.JID_NODE)
    'jid+node'
    """

    JID_NODE = "jid+node"
    JID = "jid"
    NODE = "node"
    GLOBAL = "global"
    NONE = "none"


class Legacy:
    """A three-argument handler, `(jid, node, args)`, taking four."""

    __slots__ = ("handler",)

    def __init__(self, handler: Callable[[JID, str, Any], Any]) -> None:
        self.handler = handler

    def __call__(self, jid: JID, node: str, _ifrom: JID | None, args: Any) -> Any:
        """Call the handler without the requester."""
        return self.handler(jid, node, args)


class Found:
    """A registered handler, as a table hands it out.

    Tier and kind are facts of the class (see `table`), so that a registration costs one pointer: with a million
    handlers that keeps us below slixmpp's memory.
    """

    __slots__ = ("function",)

    tier: ClassVar[Tier] = Tier.NONE
    is_coroutine: ClassVar[bool] = False

    def __init__(self, function: Callable[[JID, str, JID | None, Any], Any]) -> None:
        self.function = function

    @property
    def handler(self) -> Callable[..., Any]:
        """What was registered, before a three-argument handler was adapted."""
        return self.function.handler if isinstance(self.function, Legacy) else self.function

    @property
    def name(self) -> str:
        """The module and qualified name of what was registered."""
        return full_name(self.handler)
