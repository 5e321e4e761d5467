"""How do layers become one callable? Each gets the rest of the chain as its `call_next`."""

from __future__ import annotations

from inspect import CO_VARARGS
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slixmpp_pipeline.layers.layer import CallNext, Layer


def link(layers: list[Layer], end: CallNext) -> CallNext:
    """Return one callable that goes through `layers`, the first outermost, to `end`.

    >>> async def loudly(call, call_next):
    ...     return (await call_next(call)).upper()
    >>> async def end(call):
    ...     return f"the end of {call}"
    >>> import asyncio
    >>> asyncio.run(link([loudly, loudly], end)("it"))
    'THE END OF IT'
    """
    chain = end
    for layer in reversed(layers):
        chain = _bound(layer, chain)
    return chain


def _bound(layer: Any, call_next: CallNext) -> CallNext:
    """Return `layer` with `call_next` filled in.

    As the default of its last argument, where it is a function in Python with no other: a function around it would
    cost a seventh of what the layer costs (benchmarks/cases/peers.py, the bare await, has one). So a second
    argument, which no layer has a reason to give, is no error there.
    """
    method: Any = layer if isinstance(layer, FunctionType | MethodType) else layer.__call__
    function = method.__func__ if isinstance(method, MethodType) else method
    if not isinstance(function, FunctionType) or not _takes_exactly(function, 2 + (function is not method)):

        def enter(call: Any) -> Any:
            return method(call, call_next)

        return enter
    # A code object of its own has calls of its own to specialise (PEP 659): 2 % of the instructions
    # of a call through one layer on Python 3.11 (benchmarks/instructions.py).
    code, name = function.__code__.replace(), function.__name__
    bound = FunctionType(code, function.__globals__, name, (call_next,), function.__closure__)
    bound.__kwdefaults__, bound.__qualname__ = function.__kwdefaults__, function.__qualname__
    return bound if function is method else MethodType(bound, method.__self__)


def _takes_exactly(function: FunctionType, count: int) -> bool:
    code = function.__code__
    return code.co_argcount == count and not code.co_flags & CO_VARARGS
