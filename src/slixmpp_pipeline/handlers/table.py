"""Which handler is the most specific? JID and node come first, then the JID, then the node, then global.

A `Table` holds the handlers of one op. `resolve` needs at most three dict lookups, however many handlers there are.
Keys are text, not JIDs: a JID is mutable and hashes by value, and as a key it is 40 bytes larger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from slixmpp_pipeline.handlers.found import Found, Legacy, Tier
from slixmpp_pipeline.handlers.names import is_same
from slixmpp_pipeline.handlers.signatures import is_async, takes_only_three
from slixmpp_pipeline.jids import parse_jid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slixmpp import JID

    from slixmpp_pipeline.handlers.found import Handler

_KINDS: dict[tuple[Tier, bool], type[Found]] = {
    (tier, is_coroutine): type(
        f"Found{tier.name.title().replace('_', '')}{'Coroutine' if is_coroutine else 'Plain'}",
        (Found,),
        {"__slots__": (), "tier": tier, "is_coroutine": is_coroutine},
    )
    for tier in Tier
    if tier is not Tier.NONE
    for is_coroutine in (False, True)
}


class Table:
    """The handlers of one op.

    >>> table = Table()
    >>> table.put(lambda jid, node, ifrom, args: "somebody", jid=None, node=None)
    >>> table.put(lambda jid, node, ifrom, args: "Romeo", jid="Romeo@Montague.example", node=None)
    >>> found = table.resolve(parse_jid("romeo@montague.example"), "")
    >>> found.function(None, "", None, None), str(found.tier)
    ('Romeo', 'jid')
    """

    __slots__ = ("_recent", "by_both", "by_jid", "by_node", "default", "everywhere", "is_specific")

    def __init__(self) -> None:
        self.by_both: dict[tuple[str, str], Found] = {}
        self.by_jid: dict[str, Found] = {}
        self.by_node: dict[str, Found] = {}
        self.everywhere: Found | None = None
        self.default: Handler | None = None
        self._recent: Found | None = None
        # False: `everywhere` is all there is. Code that runs at every call asks this first, which spares `resolve`.
        self.is_specific = False

    def resolve(self, jid: JID, node: str) -> Found | None:
        """Return the most specific handler for `jid` and `node`, or None."""
        found = None
        if self.by_both or self.by_jid:
            key = jid.full
            found = self.by_both.get((key, node)) or self.by_jid.get(key)
        if found is None and self.by_node:
            found = self.by_node.get(node)
        return found or self.everywhere

    def put(self, handler: Handler | None, jid: JID | str | None, node: str | None) -> None:
        """Register `handler` for `jid` and `node`; `handler` None takes one away. None means any JID, any node."""
        tier = tier_of(jid, node)
        require_node(node)
        key: Any = None if jid is None else parse_jid(jid).full
        if tier is not Tier.JID:
            key = (key, node) if tier is Tier.JID_NODE else node
        found = None if handler is None else self._found(handler, tier)
        if tier is Tier.GLOBAL:
            self.everywhere = found
        elif found is None:
            self._tier(tier).pop(key, None)
        else:
            self._tier(tier)[key] = found
        self._recent = found
        self.is_specific = bool(self.by_both or self.by_jid or self.by_node)

    def _found(self, handler: Handler, tier: Tier) -> Found:
        """Return what stands for `handler`: one object for all that it is registered for in a row."""
        recent = self._recent
        if recent is not None and recent.tier is tier and is_same(recent.handler, handler):
            return recent
        function: Any = Legacy(cast("Any", handler)) if takes_only_three(handler) else handler
        return _KINDS[tier, is_async(handler)](function)

    def clear(self) -> None:
        """Take away every handler, and the default."""
        for tier in (self.by_both, self.by_jid, self.by_node):
            tier.clear()
        self.everywhere = self.default = self._recent = None
        self.is_specific = False

    def candidates(self, jid: JID, node: str) -> list[Found]:
        """Return every handler that could answer for `jid` and `node`, the winner first."""
        key = jid.full
        tiers = (self.by_both.get((key, node)), self.by_jid.get(key), self.by_node.get(node), self.everywhere)
        return [found for found in tiers if found is not None]

    def near(self, jid: JID, node: str) -> Iterator[tuple[str | None, str | None, Handler]]:
        """Iterate over handlers for this account that are not for this very JID and node."""
        for other, other_node, handler in self:
            is_asked = other == jid.full and other_node in (None, node)
            if other is not None and other.partition("/")[0] == jid.bare and not is_asked:
                yield other, other_node, handler

    def count(self) -> int:
        """Return how many handlers there are."""
        return len(self.by_both) + len(self.by_jid) + len(self.by_node) + (self.everywhere is not None)

    def __iter__(self) -> Iterator[tuple[str | None, str | None, Handler]]:
        """Every handler, with its JID and node, None for any."""
        # Copies, each in one step: a question may come from another thread.
        for (jid, node), found in self.by_both.copy().items():
            yield jid, node, found.handler
        for jid, found in self.by_jid.copy().items():
            yield jid, None, found.handler
        for node, found in self.by_node.copy().items():
            yield None, node, found.handler
        if self.everywhere is not None:
            yield None, None, self.everywhere.handler

    def _tier(self, tier: Tier) -> dict[Any, Found]:
        tiers: dict[Tier, dict[Any, Found]] = {
            Tier.JID_NODE: self.by_both,
            Tier.JID: self.by_jid,
            Tier.NODE: self.by_node,
        }
        return tiers[tier]


def require_node(node: object) -> None:
    """TypeError for a `node` that cannot be hashed. Any other is passed on as it is, as in slixmpp."""
    try:
        hash(node)
    except TypeError as error:
        raise TypeError(f"node: {node!r} is {type(node).__name__}; a string or None is allowed") from error


def tier_of(jid: object, node: object) -> Tier:
    """Return the tier that a registration with `jid` and `node` belongs to.

    >>> str(tier_of(None, "urn:xmpp:news"))
    'node'
    """
    if jid is None:
        return Tier.GLOBAL if node is None else Tier.NODE
    return Tier.JID if node is None else Tier.JID_NODE
