"""Which values never change, and what stands for a value that is compared later?"""

from __future__ import annotations

from collections.abc import Hashable
from datetime import date, datetime, time, timedelta, tzinfo
from enum import Enum
from typing import Any, Final, cast
from uuid import UUID

from slixmpp import JID

_UNCHANGING: Final = frozenset(
    {bool, int, float, complex, str, bytes, datetime, date, time, timedelta, UUID, type(None)}
)


def is_unchanging(value: Any) -> bool:
    """Whether `value` never changes: text, numbers, times, members of an enum and time zones.

    >>> is_unchanging("text"), is_unchanging(["text"])
    (True, False)
    """
    try:
        return type(value) in _UNCHANGING or isinstance(value, Enum | tzinfo)
    except TypeError:  # a metaclass may make its classes unhashable
        return False


def frozen(value: Any) -> Hashable:
    """Return a hashable value that is equal to another one's only while both are the same now, and stays so.

    A JID, which may change, becomes text. What Python takes for equal and is not the same stays apart: True and 1, 0.0
    and -0.0, one moment in two time zones. TypeError for a value that may change, unless it is a JID, a tuple or a
    frozenset of such.

    >>> frozen(True) == frozen(1), frozen((1, "a")) == frozen((1, "a")), frozen(None)
    (False, True, None)
    """
    kind = type(value)
    if value is None or kind is str:
        return cast("Hashable", value)
    if isinstance(value, JID):
        return JID, value.full
    if kind is tuple:
        return tuple(map(frozen, value))
    if kind is frozenset:
        return frozenset(map(frozen, value))
    if not is_unchanging(value):
        raise TypeError(f"value: {kind.__name__} may change, and tells nothing apart")
    return kind, _exact(value)


def _exact(value: Any) -> Hashable:
    """Return what tells `value` from every other value of its type."""
    if isinstance(value, Enum | tzinfo):
        return _Same(value)
    if isinstance(value, float | complex):
        return repr(value)  # -0.0 is equal to 0.0, and NaN to nothing
    if isinstance(value, datetime | time):
        zone = value.tzinfo
        return value.replace(tzinfo=None, fold=0), value.fold, None if zone is None else _Same(zone)
    return cast("Hashable", value)


class _Same:
    """An object that is equal to itself alone: there may be no hash of it, or equal ones that differ."""

    __slots__ = ("_of",)

    def __init__(self, of: object) -> None:
        self._of = of

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._of is other._of

    def __hash__(self) -> int:
        return id(self._of)
