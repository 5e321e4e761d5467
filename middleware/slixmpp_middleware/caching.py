"""A read that was answered is answered again from memory, as long as nothing that it was read from has changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple
from weakref import WeakKeyDictionary

from cachetools import LRUCache
from slixmpp import JID

from slixmpp_middleware.checks import require_callable, require_count, require_seconds
from slixmpp_middleware.copies import kept_copy, own_copy
from slixmpp_pipeline import Begun, Call, Route, being_cancelled, own_task

if TYPE_CHECKING:
    from types import TracebackType

    from slixmpp_pipeline import CallNext, OptedOut, PipelineRegistry

_inside: ContextVar[Flight | None] = ContextVar("slixmpp_middleware.caching.inside", default=None)


class Statistics(NamedTuple):
    """What a cache has done for one registry: calls answered from it and not, entries dropped for room, entries now."""

    hits: int
    misses: int
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

    Answers that cannot be copied, those to calls that a layer inside replaced, and calls whose key is not hashable,
    pass uncached. Stanzas are handed out as
    copies. Notes `cache` as `hit`, `miss`, `joined` or `pass`.

    >>> from slixmpp_pipeline import install
    >>> from slixmpp_pipeline.testing import FakeClient
    >>> caching = Caching(ttl=60)
    >>> api = install(FakeClient(), caching)
    >>> api.register(lambda jid, node, ifrom, args: "sha1", "xep_0153", "get_hash")
    >>> [api.run("xep_0153", "get_hash").result() for _ in range(3)]
    ['sha1', 'sha1', 'sha1']
    >>> caching.statistics(api)
    Statistics(hits=2, misses=1, evictions=0, entries=1)
    """

    ttl: float
    max_entries: int = 10_000
    negative_ttl: float | None = None
    key: Callable[[Call], Hashable] | None = None
    shared: bool = False
    clock: Callable[[], float] = field(default=time.monotonic, repr=False, kw_only=True)
    _stores: WeakKeyDictionary[Any, Store] = field(default_factory=WeakKeyDictionary, init=False, repr=False)

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
        store = self._store(api)
        return Statistics(store.hits, store.misses, store.entries.evictions, len(store.entries))

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Pass the call on: what can be kept is only known on a route."""
        return await call_next(call)

    def _store(self, registry: object) -> Store:
        store = self._stores.get(registry)
        if store is None:
            store = self._stores[registry] = Store(Entries(self.max_entries))
        return store


class Entries(LRUCache[Hashable, "Kept"]):
    """The answers, the least recently used first; counts those that had to go."""

    evictions = 0

    def popitem(self) -> tuple[Hashable, Kept]:
        """Drop the least recently used."""
        self.evictions += 1
        return super().popitem()


class Kept(NamedTuple):
    """An answer, the generations it was read at, and when its time is over."""

    answer: Any
    generations: tuple[int, ...]
    deadline: float


@dataclass(slots=True)
class Store:
    """What a layer keeps for one registry."""

    entries: Entries
    flights: dict[Hashable, Flight] = field(default_factory=dict)
    hits: int = 0
    misses: int = 0


class Key(NamedTuple):
    """What tells an answer from others."""

    op: str
    place: tuple[str, str]
    ifrom: str | None
    depends: Hashable


class Outcome(NamedTuple):
    """How a flight ended: with an answer that may be copied, an error, or with nothing that others can use."""

    answer: Any = None
    error: Exception | None = None
    traceback: TracebackType | None = None
    is_usable: bool = True


@dataclass(slots=True)
class Flight:
    """A call on its way for others that would ask the same."""

    generations: tuple[int, ...]
    loop: asyncio.AbstractEventLoop | None = field(default_factory=asyncio._get_running_loop)
    waiters: list[asyncio.Future[Outcome]] = field(default_factory=list)
    has_ended: bool = False

    async def outcome(self) -> Outcome:
        """Wait for the end; whoever stops waiting harms nobody, since each has a future of its own."""
        waiter: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.waiters.append(waiter)
        return await waiter

    def end(self, outcome: Outcome) -> None:
        """Tell all who wait."""
        self.has_ended = True
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(outcome)


@dataclass(frozen=True, slots=True, eq=False)
class CachedRoute:
    """`Caching` on one route."""

    settings: Caching
    route: Route
    store: Store

    taskless: ClassVar[bool] = True

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Answer from memory, from somebody else's call, or by asking."""
        while True:
            key, generations = self._key(call), self.route.generations(call)
            if key is None or generations is None:
                call.notes["cache"] = "pass"
                return await call_next(call)
            kept = self.store.entries.get(key)
            if kept is not None and kept.generations == generations and self.settings.clock() < kept.deadline:
                self.store.hits += 1
                call.notes["cache"] = "hit"
                return own_copy(kept.answer)
            flight = self.store.flights.get(key)
            if flight is None or not _may_join(flight, generations):
                return await self._ask(call, call_next, key, generations)
            await own_task()
            if flight.has_ended:
                continue
            outcome = await flight.outcome()
            if outcome.is_usable:
                call.notes["cache"] = "joined"
                if outcome.error is not None:
                    raise outcome.error.with_traceback(outcome.traceback)
                return own_copy(outcome.answer)

    async def _ask(self, call: Call, call_next: CallNext, key: Key, generations: tuple[int, ...]) -> Any:
        """Ask, for others that would ask the same, too, if it takes time."""
        self.store.misses += 1
        call.notes["cache"] = "miss"
        flight = Flight(generations)
        token = _inside.set(flight)
        try:
            inside = call_next(call)
            try:
                waits_for = inside.send(None)
            except StopIteration as stop:
                answer = stop.value
                self._keep(call, key, generations, answer)
                return answer
            return await self._fly(call, Begun(inside, waits_for), key, flight)
        finally:
            flight.has_ended = True
            with suppress(ValueError):  # another context, if nobody finishes this coroutine but the garbage collector
                _inside.reset(token)

    async def _fly(self, call: Call, rest: Begun, key: Key, flight: Flight) -> Any:
        outcome = Outcome(is_usable=False)  # what others hear of a cancellation: one of them asks in its place
        if flight.loop is not None:
            self.store.flights[key] = flight
        try:
            await rest.own_task()
            answer = await rest
            kept = self._keep(call, key, flight.generations, answer)
            outcome = outcome if being_cancelled() else kept
        except Exception as error:
            if not being_cancelled():  # else it may be what the handler made of the cancellation
                outcome = Outcome(error=error, traceback=error.__traceback__)
            raise
        finally:
            if self.store.flights.get(key) is flight:
                del self.store.flights[key]
            flight.end(outcome)
            del flight, outcome  # else an error's traceback holds this frame, and this frame the error
        return answer

    def _keep(self, call: Call, key: Key, generations: tuple[int, ...], answer: Any) -> Outcome:
        """Keep a copy of the answer, unless it is to another question, or old by now; return it for those who wait."""
        settings = self.settings
        asked = (*key.place, call.ifrom, call.args)
        if being_cancelled() or call.reached is None or not _is_same(call.reached, asked):
            return Outcome(is_usable=False)
        try:
            kept = kept_copy(answer)
        except Exception:  # noqa: BLE001  # a stanza may be copied in any way, and the call was answered
            return Outcome(is_usable=False)
        if self.route.generations(call) == generations:
            ttl = settings.ttl if answer is not None or settings.negative_ttl is None else settings.negative_ttl
            self.store.entries[key] = Kept(kept, generations, settings.clock() + ttl)
        return Outcome(kept)

    def _key(self, call: Call) -> Key | None:
        """Return what tells this call's answer from others, or None if that cannot be told."""
        settings, entry = self.settings, self.route.entry
        try:
            if settings.key is not None:
                depends = settings.key(call)
            elif entry is not None and entry.answers is not None:
                depends = entry.answers(call)
            else:
                depends = call.args
            ifrom = None if settings.shared or call.ifrom is None else str(call.ifrom)
            key = Key(call.name, (call.jid.full, call.node), ifrom, _frozen(depends))
            self.store.entries.get(key)  # an argument may refuse to be hashed, or to be compared
        except Exception:  # noqa: BLE001  # a key is computed from whatever an application passed as args
            return None
        return key


def _may_join(flight: Flight, generations: tuple[int, ...]) -> bool:
    """Whether to wait for `flight`: it asks for what is now, on the loop that runs here.

    Whoever is inside a flight waits for none: two that wait for each other would do so for ever.
    """
    inside = _inside.get()
    is_inside = inside is not None and not inside.has_ended
    here = asyncio._get_running_loop()
    return flight.generations == generations and flight.loop is here is not None and not is_inside


def _frozen(value: Any) -> Hashable:
    """Return what `value` is by now: a JID may be changed, and True is no 1."""
    if isinstance(value, JID):
        return JID, value.full
    if type(value) is tuple:
        return tuple(map(_frozen, value))
    return type(value), value


def _is_same(reached: tuple[Any, ...], asked: tuple[Any, ...]) -> bool:
    """Whether what reached the handler is what was asked; arguments are compared as objects."""
    return reached[:3] == asked[:3] and reached[3] is asked[3]
