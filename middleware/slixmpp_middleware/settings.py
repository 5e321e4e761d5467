"""Is a setting allowed? Each error names the setting, the value and what is allowed."""

from __future__ import annotations

import sys
from typing import Any


def require_seconds(value: Any, setting: str) -> None:
    """TypeError or ValueError unless `value` is a finite number of seconds above 0.

    >>> require_seconds("5", "Timeout: seconds")
    Traceback (most recent call last):
        ...
    TypeError: Timeout: seconds: '5' is str; a number of seconds is allowed
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{setting}: {value!r} is {type(value).__name__}; a number of seconds is allowed")
    if not 0 < value <= sys.float_info.max:  # no infinity, no NaN, and no integer that is too large for a float
        raise ValueError(f"{setting}: {value!r} is not allowed; a finite number above 0 is")


def require_one_of(value: Any, allowed: tuple[str, ...], setting: str) -> None:
    """ValueError unless `value` is one of `allowed`."""
    if value not in allowed:
        raise ValueError(f"{setting}: {value!r} is not allowed; one of {', '.join(allowed)} is")


def require_count(value: Any, setting: str) -> None:
    """TypeError or ValueError unless `value` is a whole number of 1 or more.

    >>> require_count(0, "Retry: attempts")
    Traceback (most recent call last):
        ...
    ValueError: Retry: attempts: 0 is not allowed; a whole number of 1 or more is
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{setting}: {value!r} is {type(value).__name__}; a whole number is allowed")
    if value < 1:
        raise ValueError(f"{setting}: {value!r} is not allowed; a whole number of 1 or more is")


def require_bool(value: Any, setting: str) -> None:
    """TypeError unless `value` is True or False: any text is true, "false" as well.

    >>> require_bool("false", "Caching: shared")
    Traceback (most recent call last):
        ...
    TypeError: Caching: shared: 'false' is str; True or False is allowed
    """
    if not isinstance(value, bool):
        raise TypeError(f"{setting}: {value!r} is {type(value).__name__}; True or False is allowed")


def require_callable(value: Any, setting: str) -> None:
    """TypeError unless `value` can be called."""
    if not callable(value):
        raise TypeError(f"{setting}: {value!r} is {type(value).__name__}; a function is allowed")
