"""What is a layer, and what is it called?"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from dataclasses import fields, is_dataclass
from types import FunctionType, MethodType
from typing import Any, Protocol, TypeAlias

from slixmpp_pipeline.call import Call
from slixmpp_pipeline.handlers.names import describe
from slixmpp_pipeline.handlers.signatures import is_async, takes

CallNext: TypeAlias = Callable[[Call], Coroutine[Any, Any, Any]]
"""The rest of the chain, as a layer sees it."""


class Layer(Protocol):
    """Any async callable `(call, call_next)`.

    A layer may also have these attributes:

    - `taskless = True` is a promise: the layer never asks for the current task before `call_next` suspends, and awaits
      `own_task()` before it waits itself. A chain of such layers needs no Task.
    - `plain_call = True` is a promise: `__call__` is a plain function that returns a coroutine. Where the layer has
      nothing to do, it returns that of `call_next(call)`, and needs none of its own.
    - `role` is one of `"telemetry"`, `"cache"`, `"timeout"`, `"retry"`, and `"handler"` for one that is about the
      handler, and belongs inside a cache. `api.lint()` judges layers by their roles, and reads the `seconds` of a
      timeout. While a layer of role `"cache"` is registered anywhere, generations are counted (see
      `Route.generations`); on its routes, `Call.reached` is kept.
    - `reads_events = True` lets every call record the events that layers report. A layer that reads the events of some
      calls only asks for `call.events` before its `call_next`.
    - `remark` is what else `api.explain()` shows of the layer on a route, in words; empty if there is nothing to say.
    - `for_route(route)` is called when the chain of an op is compiled. It returns the layer itself, a specialised one,
      or None (see `Route.opt_out`).
    """

    def __call__(self, call: Call, call_next: CallNext, /) -> Coroutine[Any, Any, Any]:
        """Answer the call, usually by awaiting `call_next(call)`."""


def require_layer(value: Any, argument: str) -> Layer:
    """Return `value` if it is a layer, an async callable `(call, call_next)`; TypeError, naming `argument`, if not.

    >>> require_layer(print, "layer")
    Traceback (most recent call last):
        ...
    TypeError: layer: builtins.print is not async; a layer is an async callable (call, call_next)
    """
    if isinstance(value, type):
        raise TypeError(f"{argument}: {value.__name__} is a class; give an instance, {value.__name__}(...)")
    if isinstance(value, list | tuple):
        raise TypeError(f"{argument}: {value!r} is a {type(value).__name__}; give layers one by one")
    if not callable(value):
        hint = "; a ctype and an op are given by name" if isinstance(value, str) else ""
        raise TypeError(f"{argument}: {value!r} is not callable; a layer is an async callable (call, call_next){hint}")
    if not is_async(value) and not getattr(value, "plain_call", False):
        raise TypeError(f"{argument}: {describe(value)} is not async; a layer is an async callable (call, call_next)")
    if not takes(value, 2):
        raise TypeError(f"{argument}: {describe(value)} does not take the two arguments (call, call_next)")
    return value  # type: ignore[no-any-return]  # just checked, and no checker sees that


def require_layer_or_type(value: Any, argument: str) -> None:
    """TypeError, naming `argument`, if `value` is neither a layer nor a class of layers."""
    if not isinstance(value, type):
        require_layer(value, argument)
    elif not is_async(value.__call__) and not getattr(value, "plain_call", False):
        raise TypeError(f"{argument}: {value.__name__} is not a class of layers; its __call__ is not async")


def qualified_name(layer: Any) -> str:
    """Return the qualified name of what runs for a layer: of the function, or of the class's `__call__`."""
    function = layer if isinstance(layer, FunctionType | MethodType) else layer.__call__
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def layer_name(layer: Any) -> str:
    """Return the name of a layer: that of the function, or of the class.

    >>> async def audit(call, call_next): ...
    >>> layer_name(audit)
    'audit'
    """
    while isinstance(layer, functools.partial):
        layer = layer.func
    name: str = getattr(layer, "__qualname__", type(layer).__qualname__)
    return name.rpartition("<locals>.")[2]


def layer_text(layer: Any) -> str:
    """Return a text for a layer: its name, or its repr if it has one; that of a dataclass without the defaults.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Wait:
    ...     seconds: float = 1
    ...     turns: int = 1
    >>> layer_text(Wait(turns=2))
    'Wait(turns=2)'
    """
    kind: Any = type(layer)
    if hasattr(layer, "__qualname__") or kind.__repr__ is object.__repr__:
        return layer_name(layer)
    shown = [one for one in fields(layer) if one.repr] if is_dataclass(layer) else []
    settings = {one.name: repr(getattr(layer, one.name)) for one in shown}
    if repr(layer) != f"{layer_name(layer)}({', '.join(f'{name}={value}' for name, value in settings.items())})":
        return repr(layer)
    chosen = [
        f"{one.name}={_setting_text(getattr(layer, one.name))}"
        for one in shown
        if settings[one.name] != repr(one.default)
    ]
    return f"{layer_name(layer)}({', '.join(chosen)})"


def _setting_text(value: Any) -> str:
    """Return the name, file and line of a function, whose repr has its address instead; the repr of other values."""
    return describe(value) if isinstance(value, FunctionType | MethodType | functools.partial) else repr(value)
