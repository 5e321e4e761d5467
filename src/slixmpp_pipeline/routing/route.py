"""What may a layer know of the op that it is registered for?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from slixmpp_pipeline.catalogue.entry import unlisted
from slixmpp_pipeline.generations.attempts import Attempts

if TYPE_CHECKING:
    from slixmpp_pipeline.call import Call
    from slixmpp_pipeline.catalogue.entry import Entry
    from slixmpp_pipeline.generations.counters import Counters


@dataclass(frozen=True, slots=True)
class OptedOut:
    """What a layer's `for_route` returns when the layer has nothing to do there; `reason` says why, in words.

    >>> OptedOut("not a read").reason
    'not a read'
    """

    reason: str


class Route:
    """What a layer may know of an op, at its `for_route(route)`, and keep.

    `ctype` and `op` name the op. `entry` is what the catalogue says of it, or None. `registry` is the registry that the
    op belongs to: a layer that keeps state keeps it for each registry.

    >>> from slixmpp_pipeline import install
    >>> from slixmpp_pipeline.testing import FakeClient
    >>> class OnlyWrites:
    ...     def for_route(self, route):
    ...         return self if route.entry and route.entry.writes else None
    ...     async def __call__(self, call, call_next):
    ...         return await call_next(call)
    >>> api = install(FakeClient(), OnlyWrites())
    >>> [step.reason for step in api.explain("xep_0054", "get_vcard").steps]
    ['OnlyWrites has nothing to do here']
    """

    __slots__ = ("_begun", "_counters", "_latest", "_read", "_written", "ctype", "entry", "op", "registry")

    def __init__(self, ctype: str, op: str, entry: Entry | None, registry: object, counters: Counters) -> None:
        self.ctype = ctype
        self.op = op
        self.entry = entry
        self.registry = registry
        self._counters = counters
        known = unlisted(ctype, op) if entry is None else entry
        self._read = counters.counted_keys(known.reads if entry is None or entry.cacheable else ())
        self._written = counters.counted_writes(known.writes)
        self._begun = partial(counters.begun, self._written)
        self._latest = counters.latest_of(self._read)

    def generations(self, call: Call) -> tuple[int, ...] | None:
        """Return the generations of what the answer to `call` is read from; None if the answer must not be stored.

        A stored answer is good as long as they are equal to those from before it was asked for. While a layer of role
        `"cache"` is registered anywhere, they advance with every write that the catalogue knows, through whatever
        layers it goes, and with every change of layers. Generations of an op that is not in the catalogue advance only
        when its handlers change, and by `api.invalidate()`.

        None: (a) a write of the same key is under way, (b) the call bypasses layers, (c) the catalogue says that the op
        must not be cached, (d) the key cannot be computed from the call.
        """
        return None if call.is_bypassing or not self._read else self._counters.generations(self._read, call)

    def latest_generation(self, call: Call) -> int | None:
        """Return the latest generation of any key of the resources that the op reads; None if it is not known.

        While it is the same, `generations()` returns the same for every call. This costs less: it computes no key.
        """
        return None if call.is_bypassing else self._latest()

    def attempts(self) -> Attempts | None:
        """Return what tells whether another call begins to write what a call writes; None if the op writes nothing.

        A layer of role `"retry"` makes it before the first attempt, and makes no other attempt once
        `attempts.is_overtaken(call)`: it would undo what is newer. `call` is the call as it was given. Only calls that
        are made inside `with attempts:` are its own.

        >>> from slixmpp_pipeline import install
        >>> from slixmpp_pipeline.testing import FakeClient
        >>> class Again:
        ...     role = "retry"
        ...     def for_route(self, route):
        ...         self.route = route
        ...         return self
        ...     async def __call__(self, call, call_next):
        ...         with self.route.attempts() as attempts:
        ...             api.run("xep_0054", "del_vcard")
        ...             print(attempts.is_overtaken(call))
        ...         api.run("xep_0054", "del_vcard")
        ...         print(attempts.is_overtaken(call))
        >>> api = install(FakeClient())
        >>> api.use(Again(), ctype="xep_0054", op="set_vcard")
        >>> future = api.run("xep_0054", "set_vcard")
        False
        True
        """
        return Attempts(self._begun) if self._written and self._counters.counts_beginnings else None

    def opt_out(self, reason: str) -> OptedOut:
        """Return what a layer's `for_route` returns when it has nothing to do; `api.explain()` shows the reason.

        >>> class Cached:
        ...     def for_route(self, route):
        ...         if route.op.startswith("get_"):
        ...             return self
        ...         return route.opt_out("not a read")
        ...     async def __call__(self, call, call_next):
        ...         return await call_next(call)
        """
        return OptedOut(reason)

    def __repr__(self) -> str:
        return f"Route({self.ctype} {self.op})"
