"""A read that was answered is answered again from memory, as long as nothing that it was read from has changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple
from weakref import WeakKeyDictionary, ref

from slixmpp_middleware.caching.route import CachedRoute
from slixmpp_middleware.caching.store import Counts, Store
from slixmpp_middleware.settings import require_callable, require_count, require_seconds
from slixmpp_pipeline import Call

if TYPE_CHECKING:
    from slixmpp_pipeline import CallNext, OptedOut, PipelineRegistry, Route


class Statistics(NamedTuple):
    """What a cache has done for one registry, where it did not opt out.

    Each call is one of the first four, as its note `cache` says: `hits` were answered from memory, `misses` were
    asked, and kept if they may be, `joined` waited for a call under way, and `passed` went by uncached. `evictions`
    are answers that had to go for room; `entries` are those that are there now, some of them maybe no longer good.
    """

    hits: int
    misses: int
    joined: int
    passed: int
    evictions: int
    entries: int


@dataclass(frozen=True, slots=True, eq=False)
class Caching:
    """Keep the answers of reads for `ttl` seconds, and give each requester its own. Runs call_next once, or not at all.

    Only ops of which the catalogue says that they may be cached. What a write touches is forgotten with it, whatever
    layers the write went through (see `Route.generations`). Concurrent calls that miss wait for one of them, which
    asks for all (single flight); an error is theirs, too, and is not kept.

    `max_entries` answers are kept for each registry, the least recently used go first. `negative_ttl` is the time for
    an answer of None, in seconds; None means `ttl`. `key` gives what an answer depends on besides the op, the JID, the
    node and the requester; None means `args`, and with a `key` ops that are not in the catalogue are cached as well,
    until their time is over. `shared` lets requesters share answers: only for handlers that do not look at `ifrom`.
    `clock` gives seconds and only ever grows.

    These pass uncached: answers that cannot be copied, or to a call that a layer inside replaced; calls whose `args` or
    `key` may change (docs/explanation/caching.md says what may be in them); calls while what they read is being
    written. Stanzas are handed out as copies. Notes `cache` as `hit`, `miss`, `joined` or `pass`.

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
    negative_ttl: float | None = None
    key: Callable[[Call], Hashable] | None = None
    shared: bool = False
    clock: Callable[[], float] = field(default=time.monotonic, repr=False, kw_only=True)
    _stores: WeakKeyDictionary[Any, ref[Store]] = field(default_factory=WeakKeyDictionary, init=False, repr=False)
    _all_counts: WeakKeyDictionary[Any, Counts] = field(default_factory=WeakKeyDictionary, init=False, repr=False)

    taskless: ClassVar[bool] = True
    role: ClassVar[str] = "cache"

    def __post_init__(self) -> None:
        require_seconds(self.ttl, "Caching: ttl")
        require_count(self.max_entries, "Caching: max_entries")
        if self.negative_ttl is not None:
            require_seconds(self.negative_ttl, "Caching: negative_ttl")
        if self.key is not None:
            require_callable(self.key, "Caching: key")
        require_callable(self.clock, "Caching: clock")

    def for_route(self, route: Route) -> CachedRoute | OptedOut:
        """Stand aside where nothing may be kept."""
        if route.entry is None and self.key is None:
            return route.opt_out("not in the catalogue")
        if route.entry is not None and not route.entry.cacheable:
            return route.opt_out("may not be cached")
        return CachedRoute(self, route, self._store(route.registry))

    def statistics(self, api: PipelineRegistry) -> Statistics:
        """Return what this layer has done for the calls of `api`."""
        store = self._live_store(api)
        return Statistics(entries=0 if store is None else len(store.answers), **asdict(self._counts(api)))

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Pass the call on: what can be kept is only known on a route."""
        return await call_next(call)

    def _store(self, registry: object) -> Store:
        """Return what is kept for a registry; its routes hold it, so that it is gone with the layer."""
        store = self._live_store(registry)
        if store is None:
            counts = self._counts(registry)
            store = Store(self.max_entries, counts)
            self._stores[registry] = ref(store)
        return store

    def _live_store(self, registry: object) -> Store | None:
        kept = self._stores.get(registry)
        return None if kept is None else kept()

    def _counts(self, registry: object) -> Counts:
        return self._all_counts.setdefault(registry, Counts())
