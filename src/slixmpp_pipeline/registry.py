"""What can be called? slixmpp's methods of a registry, with `run()` going through layers, and ours."""

from __future__ import annotations

import logging
from asyncio import CancelledError, Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar, overload

from slixmpp import JID
from slixmpp.api import APIRegistry
from slixmpp.jid import InvalidJID

from slixmpp_pipeline.call import Bypassing, Call, Given
from slixmpp_pipeline.dispatch import begin, finish_later
from slixmpp_pipeline.errors import CallAborted
from slixmpp_pipeline.execution.outcome import is_awaitable
from slixmpp_pipeline.execution.pending import PendingCall, PendingCalls
from slixmpp_pipeline.execution.tasks import is_here
from slixmpp_pipeline.generations.counters import Counters
from slixmpp_pipeline.handlers.registrations import Registrations, require_op, require_text
from slixmpp_pipeline.handlers.table import require_node
from slixmpp_pipeline.introspection.explain import Explanation, Explanations, explain
from slixmpp_pipeline.introspection.lint import Findings, lint, lint_stacks
from slixmpp_pipeline.jids import target_jid
from slixmpp_pipeline.layers.bypass import bypass, bypassing, left_out
from slixmpp_pipeline.layers.placement import make_scope, where_called
from slixmpp_pipeline.layers.scopes import Scopes
from slixmpp_pipeline.routing.compiler import Compiler
from slixmpp_pipeline.wrapper import PipelineWrapper

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from slixmpp_pipeline.catalogue.entry import Entry
    from slixmpp_pipeline.handlers.found import Handler
    from slixmpp_pipeline.layers.layer import Layer
    from slixmpp_pipeline.routing.observer import Observer

_L = TypeVar("_L", bound="Layer")
_LOG = logging.getLogger("slixmpp_pipeline")


class PipelineRegistry(APIRegistry):
    """slixmpp's API registry with a chain of layers in front of every handler; `install()` puts it in place.

    Handlers: `register`, `register_default`, `unregister`, `restore_default`, `purge`, `settings`, `run` and `wrap`
    are slixmpp's. Layers: `use`, `layer`, `override`, `exclude`, `remove`, `bypass`. Looking at calls: `observe`,
    `observer`. Questions: `explain`, `lint`, `pending`, `calls`, `drain`.

    While the client's loop runs, changes are made in its thread; RuntimeError elsewhere. Questions, `invalidate`, and
    `run` for plain handlers may come from any thread.

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
        self._registrations = Registrations()
        self._scopes = Scopes()
        self._pending = PendingCalls()
        self._counters = Counters()
        self._compiler = Compiler(self._registrations, self._scopes, self._counters, self._pending.forget)
        self._has_bypassed = False
        self._was_observed = False
        self._is_automatic = False  # whether the application has not called install() itself
        self._observes_for_others = False  # whether the observer is not the application's
        self._told: set[tuple[str, tuple[str, ...]]] = set()  # the findings that were logged

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
        passed on as given, None where nobody is named; `args` is the op's business. Returns a future of the
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
            chain = self._compiler.chains[ctype][op]
            settings = self.settings[ctype]
        except KeyError:
            chain = None
        except TypeError:  # what cannot be hashed
            require_op(ctype, op)
            raise
        if chain is None:  # out of the except block, or every error of the first call would be shown with a KeyError
            chain = self._compiler.chain(self, ctype, op)
            settings = self.settings.setdefault(ctype, {})
        # Most calls give a JID, and there are no settings: `_target`, without the call of it.
        plain = type(jid) is JID and jid and not settings
        target = JID(jid) if plain else self._target(ctype, jid)
        if node is None:
            node = ""
        elif type(node) is not str:
            require_node(node)
        table, loop = chain.table, self.xmpp.loop
        found = table.resolve(target, node) if table.is_specific else table.everywhere
        if not chain.is_direct or found is None or found.is_coroutine:
            block = bypassing.get() if self._has_bypassed else None
            if block is not None and (chosen := left_out(self, block)):
                return begin(
                    loop,
                    chain.without(chosen),
                    Bypassing(ctype, op, target, node, ifrom, args, found),
                    self._pending,
                )
            # tuple.__new__ skips the NamedTuple's own __new__: 170 instead of 250 ns.
            call = tuple.__new__(chain.given, (ctype, op, target, node, ifrom, args, found))
            return begin(loop, chain, call, self._pending)
        # A plain function and no layers: every call goes this way before there are layers. It stands here and not in
        # `dispatch`, and makes no Call, which would cost a third more (benchmarks/cases/parts.py).
        try:
            result = found.function(target, node, ifrom, args)
        except CancelledError as error:
            raise CallAborted(Call(ctype, op, target, node, ifrom, args, found)) from error
        if result is not None and is_awaitable(result):
            call = Given(ctype, op, target, node, ifrom, args, found)
            return finish_later(loop, call, result, self._pending)
        future: Future[Any] = Future(loop=loop)
        future.set_result(result)
        return future

    def _target(self, ctype: str, jid: JID | str | None) -> JID:
        return target_jid(jid, self.xmpp, self.settings.get(ctype))

    @property
    def pending(self) -> int:
        """The number of calls that have begun and not ended."""
        return len(self._pending)

    def calls(self) -> list[PendingCall]:
        """Return the calls that have begun and not ended, the oldest first, each with its age in seconds.

        `waits_at(one.future)` says at which line one of them waits. May be asked from any thread.

        >>> from slixmpp_pipeline.testing import FakeClient
        >>> async def save(jid, node, ifrom, args): ...
        >>> api = PipelineRegistry(FakeClient())
        >>> api.register(save, "weather", "set")
        >>> future = api.run("weather", "set")
        >>> [(one.ctype, one.op, one.handler) for one in api.calls()]
        [('weather', 'set', 'slixmpp_pipeline.registry.save')]
        >>> api.xmpp.loop.run_until_complete(future)
        """
        return self._pending.calls()

    async def drain(self, timeout: float | None = None) -> int:  # noqa: ASYNC109  it cancels nothing
        """Wait until every call has ended, so that a bot can stop without losing a write.

        `timeout` in seconds, None to wait for ever. Nothing is cancelled. Returns how many calls are left. A handler
        that awaits `drain()` waits for itself: give a timeout. TypeError for a `timeout` that is no number, ValueError
        for a negative one; RuntimeError on another loop than the client's.

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
        return await self._pending.drain(timeout, self.xmpp.loop)

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
        """Let `handler` answer `op` of `ctype` for a JID and node. None means any JID, any node.

        `handler` None takes away the handler that is registered for that JID or node; at the global level it restores
        the default. With `default`, the handler is also what `restore_default` restores. TypeError for a handler that
        takes neither `(jid, node, ifrom, args)` nor the older `(jid, node, args)`; ValueError for a malformed JID.
        """
        self._require_own_thread("register")
        self._registrations.put(handler, ctype, op, jid, node, default)
        self._changed(ctype, op, jid, node)

    def register_default(self, handler: Handler | None, ctype: str, op: str) -> None:
        """Let `restore_default` restore `handler`; None for no default."""
        self._require_own_thread("register_default")
        self._registrations.put_default(handler, ctype, op)
        self.settings.setdefault(ctype, {})

    def unregister(self, ctype: str, op: str, jid: JID | str | None = None, node: str | None = None) -> None:
        """Take away the handler of exactly this JID and node, None for any; no error if there is none.

        A `jid` that is text and no JID is no error, either: slixmpp passes the name of an op there, and nothing is
        registered for it.
        """
        self._require_own_thread("unregister")
        table = self._registrations.table(ctype, op)
        with suppress(InvalidJID):
            table.put(None, jid, node)
            self._advance(ctype, op, jid, node)
        self.settings.setdefault(ctype, {})

    def restore_default(self, ctype: str, op: str, jid: JID | str | None = None, node: str | None = None) -> None:
        """Let the default handler answer for this JID and node, None for any; KeyError if there is no default.

        For a `jid` that is text and no JID nothing happens, as in `unregister`.
        """
        self._require_own_thread("restore_default")
        default = self._registrations.default(ctype, op)
        with suppress(InvalidJID):
            self.register(default, ctype, op, jid, node)

    def purge(self, ctype: str) -> None:
        """Forget the handlers, defaults and settings of `ctype`; its layers stay. No error if there are none."""
        self._require_own_thread("purge")
        require_text(ctype, "ctype")
        self.settings.pop(ctype, None)
        for key in self._registrations.purge(ctype):
            self._advance(*key, None, None)
        self._compiler.chains.pop(ctype, None)

    def wrap(self, ctype: str) -> PipelineWrapper:
        """Return the wrapper that plugins use: this registry with `ctype` filled in."""
        require_text(ctype, "ctype")
        return PipelineWrapper(self, ctype)

    def _require_own_thread(self, method: str) -> None:
        """RuntimeError if the client's loop runs in another thread: calls may be in the middle of what is changed."""
        loop = self.xmpp.loop
        if loop.is_running() and not is_here(loop):
            raise RuntimeError(
                f"{method}(): the client's loop runs in another thread; make changes there, with "
                "loop.call_soon_threadsafe()"
            )

    def _changed(self, ctype: str, op: str, jid: JID | str | None, node: str | None) -> None:
        self.settings.setdefault(ctype, {})
        self._advance(ctype, op, jid, node)

    # The catalogue

    def declare(self, ctype: str, op: str, entry: Entry | None) -> None:
        """Say what an op reads and writes, and whether it may be cached and repeated, instead of the catalogue.

        None means that nothing is known: the op is neither cached nor repeated. TypeError for any other `entry`.

        >>> from slixmpp_pipeline.catalogue import Entry, Resource, bare_jid
        >>> from slixmpp_pipeline.testing import FakeClient
        >>> api = PipelineRegistry(FakeClient())
        >>> forecast = Resource("weather", "forecast")
        >>> entry = Entry(reads=((forecast, bare_jid),), cacheable=True)
        >>> api.declare("weather", "get", entry)
        """
        self._require_own_thread("declare")
        self._compiler.declare(ctype, op, entry)
        self._counters.stop()  # the writes of calls under way were not known
        self._layers_changed()

    def invalidate(self, ctype: str, op: str, jid: JID | str | None = None, node: str | None = None) -> None:
        """Let caches forget what depends on the data that `op` reads or writes: it was changed from outside.

        None means any JID, any node. Data whose key is not made of the JID and the node is forgotten for all of them.
        Nothing happens while no cache is registered. ValueError for a malformed or an empty `jid`.

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
        require_node(node)
        if jid is not None and not jid:
            raise ValueError(f"jid: {jid!r} is empty; a JID, a string, or None for any JID is allowed")
        self._advance(ctype, op, None if jid is None else self._target(ctype, jid), node)

    def _advance(self, ctype: str, op: str, jid: JID | str | None, node: str | None) -> None:
        self._counters.advance_op(ctype, op, self._compiler.entry(ctype, op), jid, node)

    def _layers_changed(self) -> None:
        """Compile anew. Caches forget, since stored answers were made through other layers."""
        has_retry = self._scopes.has_role("retry")
        if has_retry or self._scopes.has_role("cache"):
            self._counters.start(() if self._counters.is_used else self._pending.under_way())
        else:
            self._counters.stop()
        self._counters.count_beginnings(has_retry)
        self._compiler.drop()

    def _layers_added(self) -> None:
        """Log what is new of what is wrong with the stacks."""
        self._layers_changed()
        for finding in lint_stacks(self, self._compiler, self._scopes):
            if (finding.reason, finding.layers) not in self._told:
                self._told.add((finding.reason, finding.layers))
                _LOG.warning("%s", finding)

    # Layers

    def use(self, *layers: Layer, ctype: str | None = None, op: str | None = None) -> None:
        """Put `layers` in front of every handler, of one ctype, or of one op; the first is outermost.

        Everywhere is outside ctype, and ctype outside op. Calls under way keep their chain. TypeError if no layer is
        given, for an object that is no layer, or for an op without its ctype; ValueError for a layer that is there
        already. On an error none is added. What `lint()` says of the stacks is logged, too: once, as a warning of the
        standard library's logger `slixmpp_pipeline`.

        >>> from slixmpp_pipeline.testing import FakeClient, Recorder
        >>> api, recorder = PipelineRegistry(FakeClient()), Recorder()
        >>> api.use(recorder, ctype="weather")
        >>> futures = [api.run("weather", "get"), api.run("xep_0054", "get_vcard")]
        >>> [call.name for call in recorder.calls]
        ['weather get']
        """
        self._use(layers, ctype, op, False)

    def _use(self, layers: tuple[Layer, ...], ctype: str | None, op: str | None, is_automatic: bool) -> None:
        self._require_own_thread("use")
        self._scopes.use(layers, make_scope(ctype, op), where_called(), is_automatic=is_automatic)
        self._layers_added()

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
        """Replace the layer of its type that a broader scope has by `layer`, for a ctype or one op of it.

        `instead_of` names the layer to replace where there are several of that type, or for a function. LookupError
        if there is nothing to override; ValueError if that is unclear or done already; TypeError for an object that is
        no layer, or for a function without `instead_of`.

        >>> from slixmpp_pipeline.testing import FakeClient, Recorder
        >>> api, broad, narrow = PipelineRegistry(FakeClient()), Recorder(), Recorder()
        >>> api.use(broad)
        >>> api.override(narrow, "weather")
        >>> future = api.run("weather", "get")
        >>> len(broad.calls), len(narrow.calls)
        (0, 1)
        """
        self._require_own_thread("override")
        self._scopes.override(layer, make_scope(ctype, op), instead_of, where_called())
        self._layers_added()

    def exclude(self, *layers: Layer | type, ctype: str, op: str | None = None) -> None:
        """Take layers out for a ctype or one op of it; a type means every layer of it, now and later.

        LookupError for a layer that does not apply there. TypeError if none is given, for an object that is neither a
        layer nor a class of layers, or without a ctype: `api.remove()` takes a layer out everywhere.

        >>> from slixmpp_pipeline.testing import FakeClient, Recorder
        >>> api, recorder = PipelineRegistry(FakeClient()), Recorder()
        >>> api.use(recorder)
        >>> api.exclude(Recorder, ctype="weather")
        >>> futures = [api.run("weather", "get"), api.run("xep_0054", "get_vcard")]
        >>> [call.name for call in recorder.calls]
        ['xep_0054 get_vcard']
        """
        self._require_own_thread("exclude")
        self._scopes.exclude(layers, make_scope(ctype, op))
        self._layers_changed()

    def remove(self, layer: Layer) -> None:
        """Take `layer` out of every scope, with the overrides and exclusions of it.

        LookupError if it is in none; TypeError for an object that is no layer, such as a class.

        >>> from slixmpp_pipeline.testing import FakeClient, Recorder
        >>> api, recorder = PipelineRegistry(FakeClient()), Recorder()
        >>> api.use(recorder)
        >>> api.remove(recorder)
        >>> future = api.run("weather", "get")
        >>> recorder.calls
        []
        """
        self._require_own_thread("remove")
        self._scopes.remove(layer)
        self._layers_changed()

    def bypass(self, *layers: Layer | type) -> AbstractContextManager[None]:
        """Leave layers, or all of a type, out of the calls made in the `with` block.

        Nested calls, and calls of tasks started inside, leave them out, too, until the block ends: around a `connect()`
        it says nothing of what peers ask later. LookupError for a layer that is not
        registered; TypeError if none is given, or for an object that is neither a layer nor a class of layers.

        >>> from slixmpp_pipeline.testing import FakeClient, Recorder
        >>> api, recorder = PipelineRegistry(FakeClient()), Recorder()
        >>> api.use(recorder)
        >>> with api.bypass(recorder):
        ...     future = api.run("weather", "get")
        >>> recorder.calls
        []
        """
        self._scopes.require_known(layers)
        self._has_bypassed = True
        return bypass(self, layers)

    # Observing

    def observe(self, observer: Observer | None, *, automatic: bool = False) -> None:
        """Let `observer` look at every call, or nobody with None; layers, and what caches have stored, stay.

        A timer of the observer stands in front of each layer and around each handler, for calls that begin from now on.
        Calls that nobody observes pay nothing. An error that goes through timers has a frame more for each in its
        traceback. As behind any layer, a `StopIteration` of a plain handler becomes a RuntimeError, and context
        variables that it sets stay in the call.

        `automatic` is for tools: their observer gives way to the application's. ValueError if another one observes;
        TypeError for an object without `timers()`. None is no error if nobody observes, nor after `uninstall()`.
        """
        if observer is None:
            if isinstance(self, PipelineRegistry):
                self._require_own_thread("observe")
                self._compiler.observe(None)
            return
        self._require_own_thread("observe")
        if not callable(getattr(observer, "timers", None)) or isinstance(observer, type):
            raise TypeError(f"observe(): observer: {observer!r} has no timers(); an Observer or None is allowed")
        if type(automatic) is not bool:
            raise TypeError(f"observe(): automatic: {automatic!r} is {type(automatic).__name__}; a bool is allowed")
        if self.observer is not None and self.observer is not observer and (automatic or not self._observes_for_others):
            raise ValueError(f"observe(): {self.observer!r} observes already; api.observe(None) takes it away")
        self._compiler.observe(observer)
        self._observes_for_others = automatic
        self._was_observed = True

    @property
    def observer(self) -> Observer | None:
        """What looks at every call, as `observe()` got it; None if nobody does."""
        return self._compiler.observer

    # Questions

    def __repr__(self) -> str:
        return (
            f"<PipelineRegistry of {self.xmpp.boundjid}: {len(self._registrations)} ops, {self.pending} calls pending>"
        )

    @overload
    def explain(self, ctype: str, op: str, jid: JID | str | None = None, node: str | None = None) -> Explanation: ...

    @overload
    def explain(
        self, ctype: str | None = None, op: None = None, jid: JID | str | None = None, node: str | None = None
    ) -> Explanations: ...

    def explain(
        self, ctype: str | None = None, op: str | None = None, jid: JID | str | None = None, node: str | None = None
    ) -> Explanation | Explanations:
        """Say what a call would go through and who would answer; `print()` it.

        Layers in order, with where they were registered and why any has nothing to do; the handler that answers if all
        of them pass the call on, with its tier, and what it shadows. `api.bypass()` is not looked at. `jid` None means
        the client's own JID. Without an `op`, all ops of the ctype that have handlers or layers, and without a `ctype`
        those of all. TypeError for an op without its ctype; ValueError for a malformed `jid`.

        >>> from slixmpp_pipeline.testing import FakeClient
        >>> api = PipelineRegistry(FakeClient("juliet@capulet.example"))
        >>> @api.layer
        ... async def audit(call, call_next):
        ...     return await call_next(call)
        >>> print(api.explain("weather", "get"))  # doctest: +ELLIPSIS
        weather get for juliet@capulet.example
          1. audit [everywhere] ...
          no handler: the answer is None; for weather there is nothing
        >>> api.register(print, "weather", "set")
        >>> print(api.explain())
        audit
          weather set: builtins.print (tier: global)
        """
        scope = make_scope(ctype, op)
        if ctype is not None and op is not None:
            return self._explained(ctype, op, jid, node)
        ops = sorted({*self._registrations.answered(), *self._scopes.ops()})
        return Explanations(self._explained(*one, jid, node) for one in ops if scope.ctype in (None, one[0]))

    def _explained(self, ctype: str, op: str, jid: JID | str | None, node: str | None) -> Explanation:
        require_node(node)
        known = sorted(other for owner, other in self._registrations.answered() if owner == ctype)
        return explain(
            self._compiler.glance(self, ctype, op), known, self._target(ctype, jid), "" if node is None else node
        )

    def lint(self) -> Findings:
        """Name the known mistakes in the way layers are stacked, with the reason; an empty list if there are none.

        Retries nested in retries; a timeout that an outer one always forestalls; telemetry inside a retry, a cache or
        a timeout; telemetry of one type twice; one layer object twice; a layer without a role inside a cache, which
        answers from memory do not pass; a cache without a timeout. Layers and handlers for an unknown ctype or op whose
        name is almost that of a known one, and layers for a ctype that nothing answers and no plugin asks. And handlers
        of your own in front of which a cache goes by slixmpp's entry of the catalogue: `declare()` what they read.

        >>> from slixmpp_middleware import Logging, Retry
        >>> from slixmpp_pipeline.testing import FakeClient
        >>> api = PipelineRegistry(FakeClient())
        >>> api.use(Retry(), Logging())
        >>> [finding.reason for finding in api.lint()]
        ['telemetry inside a retry reports attempts as calls']
        """
        return lint(self, self._compiler, self._registrations, self._scopes, set(self.xmpp.plugin))
