"""What is a callable called, where is it defined, and are two of them the same?"""

from __future__ import annotations

import functools
import inspect
import os
from pathlib import Path
from types import CodeType, MethodType
from typing import Any


def is_same(one: object, other: object) -> bool:
    """Whether two callables are one object; a method is another object each time it is looked up.

    >>> from pathlib import Path
    >>> here, there = Path("here"), Path("there")
    >>> is_same(here.exists, here.exists), is_same(here.exists, there.exists)
    (True, False)
    """
    return one is other or (type(one) is MethodType and one == other)


def full_name(function: Any) -> str:
    """Return the module and qualified name of a callable; of its class for an object that can be called.

    >>> full_name(len), full_name("".format)
    ('builtins.len', 'str.format')
    """
    function = _partially_applied(function)
    named = function if hasattr(function, "__qualname__") else type(function)
    module = f"{named.__module__}." if named.__module__ else ""  # a method of a built-in object is in none
    return f"{module}{named.__qualname__}"


def describe(function: Any) -> str:
    """Return the name of a callable, with the file and line of its definition where Python knows them.

    >>> describe(len)
    'builtins.len'
    """
    code = code_of(function)
    place = f", {short_path(code.co_filename)}:{code.co_firstlineno}" if code is not None else ""
    return f"{full_name(function)}{place}"


def code_of(function: Any) -> CodeType | None:
    """Return the code of a callable that is written in Python, or of its class's `__call__`; None of others."""
    inner = _partially_applied(function)
    code = getattr(inspect.unwrap(inner), "__code__", None) or getattr(type(inner).__call__, "__code__", None)
    return code if isinstance(code, CodeType) else None


def short_path(path: str) -> str:
    """Return `path` as seen from the working directory, if it is below that."""
    return path.removeprefix(f"{Path.cwd()}{os.sep}")


def _partially_applied(function: Any) -> Any:
    while isinstance(function, functools.partial):
        function = function.func
    return function
