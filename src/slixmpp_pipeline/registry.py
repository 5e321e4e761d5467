"""The registry that stands in for slixmpp's `APIRegistry`: the same methods, with `run()` going through layers."""

from __future__ import annotations

import asyncio
from asyncio import CancelledError, Future
from typing import TYPE_CHECKING, Any, TypeVar, overload

from slixmpp import JID
from slixmpp.api import APIRegistry

from slixmpp_pipeline.call import Bypassing, Call, Given
from slixmpp_pipeline.catalogue.entry import Entry, unknown
from slixmpp_pipeline.catalogue.slixmpp_ops import SLIXMPP_OPS
from slixmpp_pipeline.dispatch import begin, by_hand, finish_later
from slixmpp_pipeline.errors import CallAborted
from slixmpp_pipeline.execution.outcome import is_awaitable
from slixmpp_pipeline.execution.pending import InFlight
from slixmpp_pipeline.generations.counters import Generations
from slixmpp_pipeline.handlers.signatures import takes_only_three
from slixmpp_pipeline.handlers.table import Table
from slixmpp_pipeline.introspection.explain import Explanation, explain
from slixmpp_pipeline.introspection.lint import Findings, lint
from slixmpp_pipeline.jids import parse_jid
from slixmpp_pipeline.layers.bypass import bypassed, bypassing
from slixmpp_pipeline.layers.layer import require_layer_or_type
from slixmpp_pipeline.layers.placement import Scope, make_scope, require_op, where_called
from slixmpp_pipeline.layers.scopes import Scopes
from slixmpp_pipeline.routing.chain import Route, Subject, compile_route
from slixmpp_pipeline.wrapper import PipelineWrapper

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from slixmpp_pipeline.handlers.found import Handler
    from slixmpp_pipeline.layers.layer import Layer
    from slixmpp_pipeline.layers.placement import Placed

_L = TypeVar("_L", bound="Layer")


class PipelineRegistry(APIRegistry):
    """slixmpp's API registry with a chain of layers in front of every handler; `install()` puts it in place.

    Handlers: `register`, `register_default`, `unregister`, `restore_default`, `purge`, `settings`, `run` and `wrap`
    are slixmpp's. Layers: `use`, `layer`, `override`, `exclude`, `remove`, `bypass`. Questions: `explain`, `lint`,
    `pending`, `drain`.

    >>> from slixmpp_pipeline.testing import FakeClient
    >>> api = PipelineRegistry(FakeClient("juliet@capulet.example"))
    >>> @api.layer(ctype="weather")
    ... async def shout(call, call_next):
    ...     return (await call_next(call)).upper()
    >>> api.register(lambda jid, node, ifrom, args: f"rain for {jid}", "weather", "get")
    >>> api.run("weather", "get").result()
    'RAIN FOR JULIET@CAPULET.EXAMPLE'
    """

    # Class attributes, not slots: install() turns a plain APIRegistry into this class.
    xmpp: Any
    settings: dict[str, dict[str, Any]]

    def __init__(self, xmpp: Any) -> None:
        self.xmpp = xmpp
        self.settings = {}
        self._prepare()

    def _prepare(self) -> None:
        self._tables: dict[tuple[str, str], Table] = {}
        self._routes: dict[str, dict[str, Route]] = {}
        self._declared: dict[tuple[str, str], Entry | None] = {}
        self._scopes = Scopes()
        self._in_flight = InFlight()
        self._generations = Generations()

    # Calls

    def run(
        self,
        ctype: str,
        op: str,
        jid: JID | str | None = None,
        node: str | None = None,
        ifrom: JID | None = None,
        args: Any = None,
    ) -> Future[Any]:
        """Answer a call with the most specific handler, through the layers of its op.

        `jid` and `node` say whose data is meant, None for the client's own JID and for no node; `ifrom` is who asks,
        passed on as given, None for this program itself; `args` is the op's business. Returns a future of the
        client's loop, done if nothing had to wait. A plain function's error, or that of a layer before it, is raised
        here; a coroutine function's comes through the future. ValueError for a malformed `jid`; `CallRefused` if the
        call has to wait and the client's loop runs in another thread.

        >>> from slixmpp_pipeline.testing import FakeClient
        >>> api = PipelineRegistry(FakeClient())
        >>> api.register(lambda jid, node, ifrom, args: f"rain in {node}", "weather", "get")
        >>> future = api.run("weather", "get", node="Verona")
        >>> future.done(), future.result()
        (True, 'rain in Verona')
        """
        try:
            route = self._routes[ctype][op]
            settings = self.settings[ctype]
        except KeyError:
            route = None
        if route is None:  # out of the except block, or every error of the first call would be shown with a KeyError
            route = self._route(ctype, op)
            settings = self.settings[ctype]
        # What `_target` does, without the call, for what most calls give.
        plain = type(jid) is JID and jid and not settings
        target = JID(jid) if plain else self._target(ctype, jid)
        if node is None:
            node = ""
        table, loop = route.table, self.xmpp.loop
        found = table.resolve(target, node) if table.is_specific else table.everywhere
        if route.has_chain and (chosen := bypassed.get()) is not None and self in chosen:
            bypassing_call = Bypassing(ctype, op, target, node, ifrom, args, found)
            return begin(loop, route.without(chosen[self]), bypassing_call, self._in_flight)
        if route.has_chain or found is None or found.is_coroutine:
            # tuple.__new__ skips the NamedTuple's own __new__: 170 instead of 250 ns.
            call = tuple.__new__(Given, (ctype, op, target, node, ifrom, args, found))
            if route.taskless and not (found is not None and found.is_coroutine):
                return by_hand(loop, route, call, self._in_flight)
            return begin(loop, route, call, self._in_flight)
        # A plain function and no layers, the way of every call before there are layers. It stands here and not in
        # `dispatch`, and makes no Call, which would be a third more (benchmarks/parts_benchmark.py).
        try:
            result = found.run(target, node, ifrom, args)
        except CancelledError as error:
            raise CallAborted(Call(ctype, op, target, node, ifrom, args, found)) from error
        if result is not None and is_awaitable(result):
            call = Given(ctype, op, target, node, ifrom, args, found)
            return finish_later(loop, call, result, self._in_flight)
        future: Future[Any] = Future(loop=loop)
        future.set_result(result)
        return future

    def _target(self, ctype: str, jid: JID | str | None) -> JID:
        """Return the JID that the handler gets: a copy, since a JID is mutable, and bare if the settings say so."""
        target = parse_jid(jid or self.xmpp.boundjid)
        settings = self.settings.get(ctype)
        if settings and settings.get("component_bare" if self.xmpp.is_component else "client_bare"):
            return JID(target.bare)
        return target

    def _route(self, ctype: str, op: str) -> Route:
        """Compile the route of an op, and keep it until layers or handlers of that op change."""
        routes = self._routes  # if a layer makes a change on the way, these are dropped, and there are others
        route = self._compile(ctype, op)
        self._keep(ctype, op, route.table)
        routes.setdefault(ctype, {})[op] = route
        return route

    def _glance(self, ctype: str, op: str) -> Route:
        """Return the route of an op, without keeping anything if it has never been called."""
        return self._routes.get(ctype, {}).get(op) or self._compile(ctype, op)

    def _compile(self, ctype: str, op: str) -> Route:
        subject = Subject(ctype, op, self._table(ctype, op), self._entry(ctype, op), self._generations, self)
        return compile_route(subject, self._scopes.layers(ctype, op))

    @property
    def pending(self) -> int:
        """How many calls have begun and not ended."""
        return len(self._in_flight)

    async def drain(self, timeout: float | None = None) -> int:  # noqa: ASYNC109  it cancels nothing
        """Wait until every call has ended, so that a bot can stop without losing a write.

        `timeout` in seconds, None to wait for ever. Nothing is cancelled. Returns how many calls are left. The task
        that asks is not waited for, but a call that awaits it would be: from inside a call, give a `timeout`.
        TypeError for a `timeout` that is no number, ValueError for a negative one; RuntimeError on another loop than
        the client's.

        >>> import asyncio
        >>> from slixmpp_pipeline.testing import FakeClient
        >>> async def save(jid, node, ifrom, args):
        ...     await asyncio.sleep(0)
        >>> async def main():
        ...     api = PipelineRegistry(FakeClient())
        ...     api.register(save, "weather", "set")
        ...     future = api.run("weather", "set")
        ...     return api.pending, await api.drain(timeout=5)
        >>> asyncio.run(main())
        (1, 0)
        """
        if timeout is not None and not isinstance(timeout, int | float):
            raise TypeError(f"timeout: {timeout!r} is {type(timeout).__name__}; a number of seconds or None is allowed")
        if timeout is not None and not timeout >= 0:
            raise ValueError(f"timeout: {timeout!r} is negative; seconds from 0 up, or None to wait for ever")
        if asyncio.get_running_loop() is not self.xmpp.loop:
            raise RuntimeError("drain(): this is not the client's loop, on which its calls end")
        return await self._in_flight.drain(timeout)

    # Handlers

    def register(
        self,
        handler: Handler | None,
        ctype: str,
        op: str,
        jid: JID | str | None = None,
        node: str | None = None,
        default: bool = False,
    ) -> None:
        """Let `handler` answer `op` of `ctype` for a JID and node, each None for any.

        `handler` None takes away what is registered for that JID or node, and at the global level puts the default
        back. With `default` it also becomes what `restore_default` restores. TypeError for what cannot be called
        with `(jid, node, ifrom, args)` or the older `(jid, node, args)`; ValueError for a malformed JID.
        """
        table = self._table(ctype, op)
        if handler is None and jid is None and node is None:
            handler = self._default(ctype, op)
        table.put(handler, jid, node)
        if default:
            table.default = handler
        self._keep(ctype, op, table)
        self._move(ctype, op, jid, node)

    def register_default(self, handler: Handler | None, ctype: str, op: str) -> None:
        """Keep `handler` as what `restore_default` restores; None for nothing."""
        table = self._table(ctype, op)
        if handler is not None:
            takes_only_three(handler)
        table.default = handler
        self._keep(ctype, op, table)

    def unregister(self, ctype: str, op: str, jid: JID | str | None = None, node: str | None = None) -> None:
        """Take away the handler of exactly this JID and node, each None for any; no error if there is none."""
        self._table(ctype, op).put(None, jid, node)
        self.settings.setdefault(ctype, {})
        self._move(ctype, op, jid, node)

    def restore_default(self, ctype: str, op: str, jid: JID | str | None = None, node: str | None = None) -> None:
        """Let the default handler answer for this JID and node, each None for any; KeyError if there is none."""
        self.register(self._default(ctype, op), ctype, op, jid, node)

    def purge(self, ctype: str) -> None:
        """Forget the handlers, defaults and settings of `ctype`; its layers stay. No error if there are none."""
        self.settings.pop(ctype, None)
        for key in [key for key in self._tables if key[0] == ctype]:
            self._tables.pop(key).clear()  # calls under way find nothing any more, either
            self._move(*key, None, None)
        self._routes.pop(ctype, None)

    def wrap(self, ctype: str) -> PipelineWrapper:
        """Return the wrapper that plugins use: this registry with `ctype` filled in."""
        return PipelineWrapper(self, ctype)

    def _table(self, ctype: str, op: str) -> Table:
        require_op(ctype, op)
        return self._tables.get((ctype, op)) or Table()

    def _keep(self, ctype: str, op: str, table: Table) -> None:
        self.settings.setdefault(ctype, {})
        self._tables[ctype, op] = table

    def _default(self, ctype: str, op: str) -> Handler:
        default = self._table(ctype, op).default
        if default is None:
            raise KeyError(f"{ctype} {op} has no default handler; register one with default=True")
        return default

    def declare(self, ctype: str, op: str, entry: Entry | None) -> None:
        """Say what an op reads and writes, and whether it may be cached and repeated, in the place of what is known.

        None says that nothing is known: such an op is neither cached nor repeated. TypeError for anything else.

        >>> from slixmpp_pipeline.catalogue import Entry, Resource, bare_jid
        >>> from slixmpp_pipeline.testing import FakeClient
        >>> api = PipelineRegistry(FakeClient())
        >>> forecast = Resource("weather", "forecast")
        >>> entry = Entry(reads=((forecast, bare_jid),), cacheable=True)
        >>> api.declare("weather", "get", entry)
        """
        require_op(ctype, op)
        if entry is not None and not isinstance(entry, Entry):
            raise TypeError(f"entry: {entry!r} is {type(entry).__name__}; an Entry or None is allowed")
        self._declared[ctype, op] = entry
        self._generations.stop()  # what calls under way write was not known
        self._layers_changed()

    def invalidate(self, ctype: str, op: str, jid: JID | str | None = None, node: str | None = None) -> None:
        """Let no cache serve what it kept of what `op` reads or writes: for a database that changes from outside.

        `jid` and `node` None mean all; for data that is kept under something else, all is meant in any case. Nothing
        happens while no cache is registered. ValueError for a malformed `jid`.

        >>> from slixmpp_middleware import Caching
        >>> from slixmpp_pipeline.testing import FakeClient
        >>> api, hashes = PipelineRegistry(FakeClient()), ["new", "old"]
        >>> api.use(Caching(ttl=60))
        >>> api.register(lambda jid, node, ifrom, args: hashes.pop(), "xep_0153", "get_hash")
        >>> [api.run("xep_0153", "get_hash").result() for _ in range(2)]
        ['old', 'old']
        >>> api.invalidate("xep_0153", "get_hash")
        >>> api.run("xep_0153", "get_hash").result()
        'new'
        """
        require_op(ctype, op)
        self._move(ctype, op, None if jid is None else self._target(ctype, jid), node)

    def _entry(self, ctype: str, op: str) -> Entry | None:
        return self._declared.get((ctype, op), SLIXMPP_OPS.get((ctype, op)))

    def _move(self, ctype: str, op: str, jid: JID | str | None, node: str | None) -> None:
        if self._generations.is_used:
            entry = self._entry(ctype, op) or unknown(ctype, op)
            call = None if jid is None else Call(ctype, op, parse_jid(jid), node or "", None, None)
            self._generations.move_op(entry, call, any_node=node is None)

    def _layers_changed(self) -> None:
        """Compile anew; what caches kept was answered through other layers, and is no good any more."""
        if not self._scopes.has_role("cache"):
            self._generations.stop()
        else:
            self._generations.start(() if self._generations.is_used else self._in_flight.under_way())
        self._routes = {}

    # Layers

    def use(self, *layers: Layer, ctype: str | None = None, op: str | None = None) -> None:
        """Put `layers` in front of every handler, of one ctype, or of one op; the first is outermost.

        Everywhere is outside ctype, and ctype outside op. Calls under way keep their chain. TypeError if no layer is
        given, for what is no layer, or an op without its ctype; ValueError for a layer that is there already. On an
        error none is added.

        >>> from slixmpp_pipeline.testing import FakeClient, Recorder
        >>> api, recorder = PipelineRegistry(FakeClient()), Recorder()
        >>> api.use(recorder, ctype="weather")
        >>> futures = [api.run("weather", "get"), api.run("xep_0054", "get_vcard")]
        >>> [call.name for call in recorder.calls]
        ['weather get']
        """
        self._scopes.use(layers, make_scope(ctype, op), where_called())
        self._layers_changed()

    @overload
    def layer(self, layer: _L, /) -> _L: ...

    @overload
    def layer(self, /, *, ctype: str | None = None, op: str | None = None) -> Callable[[_L], _L]: ...

    def layer(self, layer: Any = None, /, *, ctype: str | None = None, op: str | None = None) -> Any:
        """Decorate an async function `(call, call_next)` as a layer, everywhere, for a ctype or for one op."""
        scope = make_scope(ctype, op)

        def decorate(layer: _L) -> _L:
            self.use(layer, ctype=scope.ctype, op=scope.op)
            return layer

        return decorate if layer is None else decorate(layer)

    def override(
        self, layer: Layer, ctype: str, op: str | None = None, *, instead_of: Layer | type | None = None
    ) -> None:
        """Put `layer` in the place of the one of its type that a broader scope has, for a ctype or one op of it.

        `instead_of` names the layer to replace where there are several of that type, or for a function. LookupError
        if there is nothing to override; ValueError if that is unclear or done already; TypeError for what is no layer,
        or for a function without `instead_of`.

        >>> from slixmpp_pipeline.testing import FakeClient, Recorder
        >>> api, broad, narrow = PipelineRegistry(FakeClient()), Recorder(), Recorder()
        >>> api.use(broad)
        >>> api.override(narrow, "weather")
        >>> future = api.run("weather", "get")
        >>> len(broad.calls), len(narrow.calls)
        (0, 1)
        """
        self._scopes.override(layer, make_scope(ctype, op), instead_of, where_called())
        self._layers_changed()

    def exclude(self, *layers: Layer | type, ctype: str, op: str | None = None) -> None:
        """Take layers out for a ctype or one op of it; a type means every layer of it, now and later.

        LookupError for a layer that does not apply there. TypeError if none is given, for what is neither a layer nor a
        class of layers, or without a ctype: `api.remove()` takes a layer out everywhere.

        >>> from slixmpp_pipeline.testing import FakeClient, Recorder
        >>> api, recorder = PipelineRegistry(FakeClient()), Recorder()
        >>> api.use(recorder)
        >>> api.exclude(Recorder, ctype="weather")
        >>> futures = [api.run("weather", "get"), api.run("xep_0054", "get_vcard")]
        >>> [call.name for call in recorder.calls]
        ['xep_0054 get_vcard']
        """
        self._scopes.exclude(layers, make_scope(ctype, op))
        self._layers_changed()

    def remove(self, layer: Layer) -> None:
        """Take `layer` out of every scope, with the overrides and exclusions of it.

        LookupError if it is in none; TypeError for what is no layer, a class of layers included.

        >>> from slixmpp_pipeline.testing import FakeClient, Recorder
        >>> api, recorder = PipelineRegistry(FakeClient()), Recorder()
        >>> api.use(recorder)
        >>> api.remove(recorder)
        >>> future = api.run("weather", "get")
        >>> recorder.calls
        []
        """
        self._scopes.remove(layer)
        self._layers_changed()

    def bypass(self, *layers: Layer | type) -> AbstractContextManager[None]:
        """Leave layers, or all of a type, out of the calls made in the `with` block.

        Nested calls, and calls of tasks started inside, leave them out too. LookupError for a layer that is not
        registered; TypeError if none is given, or for what is neither a layer nor a class of layers.

        >>> from slixmpp_pipeline.testing import FakeClient, Recorder
        >>> api, recorder = PipelineRegistry(FakeClient()), Recorder()
        >>> api.use(recorder)
        >>> with api.bypass(recorder):
        ...     future = api.run("weather", "get")
        >>> recorder.calls
        []
        """
        if not layers:
            raise TypeError("bypass() needs at least one layer or type")
        for index, layer in enumerate(layers):
            require_layer_or_type(layer, f"bypass(): argument {index + 1}")
            if not isinstance(layer, type) and not self._scopes.has(layer):
                raise LookupError(f"bypass(): {layer!r} is not registered")
        return bypassing(self, layers)

    # Questions

    def __repr__(self) -> str:
        return f"<PipelineRegistry of {self.xmpp.boundjid}: {len(self._tables)} ops, {self.pending} calls pending>"

    def explain(self, ctype: str, op: str, jid: JID | str | None = None, node: str | None = None) -> Explanation:
        """Say what a call would go through and who would answer; `print()` it.

        Layers in order, with where they were registered and why any has nothing to do; the handler that answers if all
        of them pass the call on, with its tier, and what it shadows. `api.bypass()` is not looked at.

        >>> from slixmpp_pipeline.testing import FakeClient
        >>> api = PipelineRegistry(FakeClient("juliet@capulet.example"))
        >>> @api.layer
        ... async def audit(call, call_next):
        ...     return await call_next(call)
        >>> print(api.explain("weather", "get"))  # doctest: +ELLIPSIS
        weather get for juliet@capulet.example
          1. audit [everywhere] ...
          no handler: the answer is None; for weather there is nothing
        """
        route = self._glance(ctype, op)
        known = sorted(other for (owner, other), table in self._tables.items() if owner == ctype and any(table))
        return explain(route, known, self._target(ctype, jid), "" if node is None else node)

    def lint(self) -> Findings:
        """Name the known mistakes in the way layers are stacked, with the reason; an empty list if there are none.

        Retries nested in retries; a timeout that an outer one always forestalls; telemetry inside a retry, a cache or
        a timeout; telemetry of one type twice; one layer object twice. And layers and handlers for a ctype or op that
        nobody knows but that is like one that somebody does.

        >>> from slixmpp_middleware import Logging, Retry
        >>> from slixmpp_pipeline.testing import FakeClient
        >>> api = PipelineRegistry(FakeClient())
        >>> api.use(Retry(), Logging())
        >>> [finding.reason for finding in api.lint()]
        ['telemetry inside a retry reports attempts as calls']
        """
        keys = dict.fromkeys([*self._tables, *self._scopes.ops()])
        answered: dict[Scope, list[Placed]] = {Scope(*key): [] for key, table in self._tables.items() if any(table)}
        known = SLIXMPP_OPS.keys() | self._declared.keys()
        routes = [self._glance(*key) for key in keys]
        return lint(routes, self._scopes.broad(), answered | self._scopes.named(), known)
