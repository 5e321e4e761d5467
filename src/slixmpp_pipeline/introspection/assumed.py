"""What does a cache take for granted of a handler that is not slixmpp's own?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from slixmpp_pipeline.handlers.names import describe, full_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slixmpp_pipeline.introspection.rules import Hurt
    from slixmpp_pipeline.routing.chain import Chain


def assumed(chain: Chain) -> Iterator[Hurt]:
    """Iterate over the caches of an op that go by the catalogue's entry, where a handler is an application's own."""
    entry = chain.route.entry
    if entry is None or not entry.cacheable:
        return
    handlers = {id(handler): handler for _, _, handler in chain.table}.values()
    own = [describe(one) for one in handlers if not full_name(one).startswith("slixmpp.")]
    if not own:
        return
    more = f" and {len(own) - 1} more" if len(own) > 1 else ""
    read = ", ".join(f"{resource.name} ({key.__qualname__})" for resource, key in entry.reads)
    reason = (
        f"answers of {own[0]}{more} are stored until {read} is written or ttl is over; "
        "declare() the op, as it is or otherwise, if that is known to be right"
    )
    for step in chain.steps:
        if step.layer is not None and getattr(step.placed.layer, "role", "") == "cache":
            yield reason, (step.placed,)
