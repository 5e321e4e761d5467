"""What does a layer report of a call?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeAlias

Scalar: TypeAlias = str | int | float | bool

_MAX_FIELDS: Final = 8
_MAX_TEXT: Final = 100  # characters


@dataclass(frozen=True, slots=True)
class Event:
    """What a layer reports of a call with `call.report(event)`; telemetry layers read it from `call.events`.

    `what` is a word for it, and `fields` say more. Their names are words, too; their values are text, numbers or
    booleans. Both are bounded: more than 8 fields are refused, and text is cut after 100 characters. Never put
    arguments of the call there, nor JIDs, which are personal data. TypeError or ValueError for anything else.

    An event that says the same each time can be made once, since it cannot be changed.

    >>> Event("breaker", {"state": "open"})
    Event(what='breaker', fields={'state': 'open'})
    >>> Event("breaker", {"opened": None})
    Traceback (most recent call last):
        ...
    TypeError: Event: fields: opened: None is NoneType; text, a number or a boolean is allowed
    """

    what: str
    fields: Mapping[str, Scalar] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require_word(self.what, "what")
        if not isinstance(self.fields, Mapping):
            raise TypeError(f"Event: fields: {self.fields!r} is {type(self.fields).__name__}; a mapping is allowed")
        if len(self.fields) > _MAX_FIELDS:
            raise ValueError(f"Event: fields: {len(self.fields)} are given; at most {_MAX_FIELDS} are allowed")
        bounded = {_require_word(name, "fields"): _bounded(name, value) for name, value in self.fields.items()}
        object.__setattr__(self, "fields", MappingProxyType(bounded))

    def __repr__(self) -> str:
        return f"Event(what={self.what!r}, fields={dict(self.fields)!r})"


def _require_word(value: object, argument: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"Event: {argument}: {value!r} is {type(value).__name__}; a word is allowed")
    if not value.isidentifier() or len(value) > _MAX_TEXT:
        raise ValueError(f"Event: {argument}: {value!r} is no word of letters, digits and underscores")
    return value


def _bounded(name: str, value: object) -> Scalar:
    if isinstance(value, str):
        return value if len(value) <= _MAX_TEXT else f"{value[: _MAX_TEXT - 1]}…"
    if isinstance(value, int | float):  # a bool is an int
        return value
    raise TypeError(
        f"Event: fields: {name}: {value!r} is {type(value).__name__}; text, a number or a boolean is allowed"
    )
