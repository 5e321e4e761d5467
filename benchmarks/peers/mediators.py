"""What is measured of mediators, which look up who handles a request: diator, mediatr, python-cqrs, kerux?"""

# Without postponed annotations: mediatr looks requests up by the class in them.

import functools
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from typing import Any

from peers.counted import Counts, Send


def diator(n: int, counts: Counts) -> Send:
    """Through `Mediator.send()`, which has the handler resolved and wraps it in the middlewares for each request."""
    mediator, requests = import_module("diator.mediator"), import_module("diator.requests")
    request = type("Request", (requests.Request,), {})
    body = {"events": (), "handle": staticmethod(counts.inmost(_handle))}
    handler = type("Handler", (requests.RequestHandler,), body)
    known, chain = requests.RequestMap(), import_module("diator.middlewares").MiddlewareChain()
    known.bind(request, handler)
    chain.set(counts.layers(n, _make_handing))
    return functools.partial(mediator.Mediator(known, Container(handler()), middleware_chain=chain).send, request())


def mediatr(n: int, counts: Counts) -> Send:
    """Through `Mediator.send_async()`, which finds the behaviors and goes from one to the next by number."""
    mediator = _fresh("mediatr.mediator").Mediator  # all share one registry, and each would pay for the others'

    class Request: ...

    async def handle(request: Request) -> None: ...

    def make() -> Any:
        async def passing(request: Request, call_next: Any) -> Any:
            return await call_next()

        return passing

    mediator.register_handler(counts.inmost(handle))
    for layer in counts.layers(n, make):
        mediator.register_behavior(layer)
    return functools.partial(mediator().send_async, Request())


def python_cqrs(n: int, counts: Counts) -> Send:
    """Through `RequestMediator.send()`, much as diator's, and a scope for each request; without the default logging."""
    cqrs = import_module("cqrs")
    request = type("Request", (cqrs.Request,), {})
    handler = type("Handler", (cqrs.RequestHandler,), {"handle": staticmethod(counts.inmost(_handle))})
    known, chain = cqrs.RequestMap(), import_module("cqrs.middlewares").MiddlewareChain()
    known.bind(request, handler)
    chain.set(counts.layers(n, _make_handing))
    return functools.partial(cqrs.RequestMediator(known, Container(handler()), middleware_chain=chain).send, request())


def kerux(n: int, counts: Counts) -> Send:
    """Through `Mediator.send()`, which wraps the handler in the behaviors for each request."""
    library = import_module("kerux")

    def make() -> Any:
        async def passing(request: Any, call_next: Any) -> Any:
            return await call_next()

        return passing

    request, mediator = type("Request", (library.Request,), {}), library.Mediator()
    mediator.register(request, counts.inmost(_handle))
    for layer in counts.layers(n, make):
        mediator.add_behavior(layer)
    return functools.partial(mediator.send, request())


class Container:
    """Gives diator and python-cqrs the one handler there is: how one is injected is not what is measured."""

    def __init__(self, handler: object) -> None:
        self._handler = handler

    async def resolve(self, kind: type) -> object:
        """Return the handler."""
        return self._handler


async def _handle(request: Any) -> None: ...


def _make_handing() -> Any:
    async def passing(request: Any, handle: Any) -> Any:
        return await handle(request)

    return passing


def _fresh(name: str) -> Any:
    """Import a module once more, as an object of its own."""
    spec = find_spec(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
