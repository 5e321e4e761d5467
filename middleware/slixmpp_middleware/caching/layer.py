"""When is a read answered from memory, and with which settings?"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary, ref

from slixmpp_middleware.caching.route import RouteCache
from slixmpp_middleware.caching.store import Statistics, Store
from slixmpp_middleware.settings import require_bool, require_callable, require_count, require_seconds
from slixmpp_pipeline import Call, PipelineRegistry

if TYPE_CHECKING:
    from slixmpp_pipeline import CallNext, OptedOut, Route


@dataclass(frozen=True, slots=True, eq=False)
class Caching:
    """Store the answers of reads for `ttl` seconds, for each requester. Runs call_next once, or not at all.

    Only ops of which the catalogue says that they may be cached. A write makes the cache forget what it touches,
    whatever layers the write goes through (see `Route.generations`). Of calls that ask the same at once, one asks for
    all (single flight); its error is raised for all of them, and is not stored.

    - `ttl`: seconds for which an answer is stored, counted from when it was asked for.
    - `max_entries`: answers that are stored for each registry. Answers that were not asked for again are dropped first,
      and of those the least recently used.
    - `max_bytes`: what the answers of a registry may take, by an estimate. One that takes more than a hundredth of that
      is not stored.
    - `negative_ttl`: seconds for an answer of None; None means `ttl`.
    - `key`: a function of the call that gives what an answer depends on besides the op, the JID, the node and the
      requester; None means `args`. With a `key`, ops that are not in the catalogue are cached, too, until they expire.
    - `shared`: requesters share answers. Only for handlers that do not look at `ifrom`.
    - `clock`: gives seconds and only ever grows.

    Not cached: (a) answers that cannot be copied, (b) answers to a call that a layer inside replaced, (c) calls whose
    `args` or `key` may change (docs/explanation/caching.md says which do not), (d) calls while what they read is being
    written, (e) calls whose JIDs, node and `args` are longer than 1 KiB. Stanzas are handed out as copies. Reports an
    event `cache`, whose `verdict` is `hit`, `miss`, `joined` or `pass`.

    >>> from slixmpp_pipeline import install
    >>> from slixmpp_pipeline.testing import FakeClient
    >>> caching = Caching(ttl=60)
    >>> api = install(FakeClient(), caching)
    >>> api.register(lambda jid, node, ifrom, args: "sha1", "xep_0153", "get_hash")
    >>> [api.run("xep_0153", "get_hash").result() for _ in range(3)]
    ['sha1', 'sha1', 'sha1']
    >>> caching.statistics(api)
    Statistics(hits=2, misses=1, joined=0, passed=0, evictions=0, entries=1)
    """

    ttl: float
    max_entries: int = 10_000
    max_bytes: int = 64 * 1024 * 1024
    negative_ttl: float | None = None
    key: Callable[[Call], Hashable] | None = None
    shared: bool = False
    clock: Callable[[], float] = field(default=time.monotonic, repr=False, kw_only=True)
    _stores: WeakKeyDictionary[Any, ref[Store]] = field(default_factory=WeakKeyDictionary, init=False, repr=False)
    _statistics: WeakKeyDictionary[Any, Statistics] = field(default_factory=WeakKeyDictionary, init=False, repr=False)

    taskless: ClassVar[bool] = True
    role: ClassVar[str] = "cache"

    def __post_init__(self) -> None:
        require_seconds(self.ttl, "Caching: ttl")
        require_count(self.max_entries, "Caching: max_entries")
        require_count(self.max_bytes, "Caching: max_bytes")
        if self.negative_ttl is not None:
            require_seconds(self.negative_ttl, "Caching: negative_ttl")
        if self.key is not None:
            require_callable(self.key, "Caching: key")
        require_bool(self.shared, "Caching: shared")
        require_callable(self.clock, "Caching: clock")

    def for_route(self, route: Route) -> RouteCache | OptedOut:
        """Opt out where nothing may be stored."""
        if route.entry is None and self.key is None:
            return route.opt_out("not in the catalogue")
        if route.entry is not None and not route.entry.cacheable:
            return route.opt_out("may not be cached")
        store = self._store(route.registry)
        return RouteCache(
            route=route,
            store=store,
            statistics=store.statistics,
            find=store.protected.get,
            find_new=store.probation.get,
            op=(route.ctype, route.op),
            ttl=self.ttl,
            negative_ttl=self.ttl if self.negative_ttl is None else self.negative_ttl,
            is_shared=self.shared,
            vary_by=self.key if self.key is not None or route.entry is None else route.entry.vary_by,
            clock=self.clock,
        )

    def statistics(self, api: PipelineRegistry) -> Statistics:
        """Return what this layer has done for the calls of `api` until now; TypeError for another object."""
        if not isinstance(api, PipelineRegistry):
            raise TypeError(f"api: {api!r} is {type(api).__name__}; the registry that install() returns is allowed")
        store = self._live_store(api)
        if store is None:
            return replace(self._counted(api))
        return replace(self._counted(api), entries=len(store), bytes=store.bytes)

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Pass the call on: only a route knows what may be stored."""
        return await call_next(call)

    def _store(self, registry: object) -> Store:
        """Return the store for a registry; only the registry's chains hold it, so it ends with the layer."""
        store = self._live_store(registry)
        if store is None:
            store = Store(self.max_entries, self.max_bytes, self._counted(registry))
            self._stores[registry] = ref(store)
        return store

    def _live_store(self, registry: object) -> Store | None:
        found = self._stores.get(registry)
        return None if found is None else found()

    def _counted(self, registry: object) -> Statistics:
        return self._statistics.setdefault(registry, Statistics())
