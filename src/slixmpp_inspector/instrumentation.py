"""How does an unchanged program get traces and metrics? By OpenTelemetry's own command, `opentelemetry-instrument`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any
from weakref import WeakSet

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]  # it has no types

from slixmpp_inspector.clients import hear_of_clients
from slixmpp_middleware import Metrics, Tracing
from slixmpp_pipeline import Layer, PipelineRegistry, install


class SlixmppInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # for the same reason
    """Puts `Tracing` and `Metrics` around the calls of each slixmpp client that is made, outside of all other layers.

    `opentelemetry-instrument python bot.py` finds it by its entry point, `slixmpp`; a program may call `instrument()`
    itself, with a `tracer_provider` and a `meter_provider` if it wants others than the process's own. A layer steps
    aside where the program has one of the type. `uninstrument()` takes the layers away again, also of live clients. It
    needs the extra `otel`. See https://opentelemetry.io/docs/zero-code/python/.

    >>> import asyncio
    >>> from slixmpp import ClientXMPP
    >>> async def bot():
    ...     xmpp = ClientXMPP("juliet@capulet.example", "secret")
    ...     return [str(step.placed.layer) for step in xmpp.api.explain("xep_0054", "get_vcard").steps]
    >>> SlixmppInstrumentor().instrument()
    >>> asyncio.run(bot())
    ["Tracing(jids='omit')", 'Metrics()']
    >>> SlixmppInstrumentor().uninstrument()
    >>> asyncio.run(bot())
    Traceback (most recent call last):
        ...
    AttributeError: 'APIRegistry' object has no attribute 'explain'
    """

    _end: Callable[[], None] | None = None
    _layers: tuple[Layer, ...] = ()
    _clients: WeakSet[Any]

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return which releases of slixmpp it is for."""
        return ("slixmpp >= 1.13.0, < 2",)

    def _instrument(self, **given: Any) -> None:
        self._layers = Tracing(given.get("tracer_provider")), Metrics(given.get("meter_provider"))
        self._clients = WeakSet()
        self._end = hear_of_clients(self._add)

    def _uninstrument(self, **_: Any) -> None:
        if self._end is not None:
            self._end()
        for xmpp in list(self._clients):
            for layer in self._layers:
                _take_away(xmpp.api, layer)
        self._end, self._layers = None, ()

    def _add(self, xmpp: Any) -> None:
        install(xmpp, *self._layers, automatic=True)
        self._clients.add(xmpp)


def _take_away(api: Any, layer: Layer) -> None:
    """Take a layer away, unless the program has done it, or has slixmpp's own registry back."""
    if isinstance(api, PipelineRegistry):
        try:
            api.remove(layer)
        except LookupError:
            return
