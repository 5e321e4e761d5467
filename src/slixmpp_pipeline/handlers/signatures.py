"""Which arguments does a callable take, and does calling it give a coroutine?

Asked once, when a handler or a layer is registered, and never by catching a TypeError of the call.
"""

from __future__ import annotations

import functools
import inspect
from inspect import CO_VARARGS
from types import FunctionType, MethodType
from typing import Any

from slixmpp_pipeline.handlers.names import describe


def is_async(function: Any) -> bool:
    """Whether calling `function`, a callable, gives a coroutine: async functions, partials of them, async `__call__`.

    >>> async def answer(jid, node, ifrom, args): ...
    >>> is_async(functools.partial(answer, node="home")), is_async(print)
    (True, False)
    """
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def takes(function: Any, count: int) -> bool:
    """Whether `function` can be called with `count` positional arguments. True if unknown.

    >>> takes(lambda jid, node, args: None, 4)
    False
    """
    plain = function.__func__ if isinstance(function, MethodType) else function
    if type(plain) is FunctionType:
        return _code_takes(plain, count + (plain is not function))
    try:
        return _signature_takes(inspect.signature(function, follow_wrapped=False), count)
    except (TypeError, ValueError):  # builtins and extension types may have no signature
        return True


def takes_only_three(function: Any) -> bool:
    """Whether `function` is one of slixmpp's older handlers, `(jid, node, args)`.

    A `*args` wrapper is checked by the function it wraps, unless that needs more arguments than callers pass: the
    wrapper then adds the rest. TypeError if `function` takes neither three nor four arguments.
    """
    if not callable(function):
        raise TypeError(
            f"handler: {function!r} is not callable; a callable (jid, node, ifrom, args) or None is allowed"
        )
    three = takes(function, 3)
    if not takes(function, 4):
        if three:
            return True
        raise TypeError(
            f"handler: {describe(function)} takes neither (jid, node, ifrom, args) nor the older (jid, node, args)"
        )
    return three and _wraps_only_three(function)


def _wraps_only_three(function: Any) -> bool:
    try:
        wrapped = inspect.signature(function)
    except (TypeError, ValueError):
        return False
    return _signature_takes(wrapped, 3) and not _signature_takes(wrapped, 4)


def _code_takes(function: FunctionType, count: int) -> bool:
    # inspect.signature() takes 10 to 20 times as long, and a gateway registers a handler for each of its users.
    code = function.__code__
    required = code.co_argcount - len(function.__defaults__ or ())
    keywords = code.co_kwonlyargcount - len(function.__kwdefaults__ or ())
    return not keywords and required <= count and (count <= code.co_argcount or bool(code.co_flags & CO_VARARGS))


def _signature_takes(signature: inspect.Signature, count: int) -> bool:
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True
