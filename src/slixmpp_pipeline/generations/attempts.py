"""Has another write of what a call writes begun since? A call that is made again must not undo a newer one.

While a layer of role `"retry"` is registered, each resource keeps, by key, the number of the write that began last. An
`Attempts` draws a number, too, when it is made: what has a higher one, and was not begun by the call itself, is another
write. Memory is bounded as that of generations is: with one key more, all count as written.
"""

from __future__ import annotations

from contextvars import ContextVar
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol, Self

from slixmpp_pipeline.catalogue.keys import every

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from slixmpp_pipeline.call import Call
    from slixmpp_pipeline.catalogue.keys import Key

_MAX_KEYS = 65_536
_numbers = count(1)
_current: ContextVar[Attempts | None] = ContextVar("slixmpp_pipeline.generations.attempts", default=None)


class Begun:
    """The number of the write that began last, by key of a resource; `forgotten` is that of one whose key is gone."""

    __slots__ = ("forgotten", "last")

    def __init__(self) -> None:
        self.last: dict[Hashable, int] = {}
        self.forgotten = 0

    def of(self, key: Hashable) -> list[int]:
        """Return the numbers of the last writes that touched `key`."""
        of_keys = list(self.last.values()) if key is every else [self.last.get(key, 0), self.last.get(every, 0)]
        return [self.forgotten, *of_keys]


class Counting(Protocol):
    """A resource of which the beginnings of writes are counted."""

    begun: Any


def note_beginning(counters: Iterable[Counting], key: Hashable) -> None:
    """Count that a call begins to write `key` of all of the resources."""
    number, attempts = next(_numbers), _current.get()
    for counter in counters:
        begun: Begun = counter.begun
        if attempts is not None:
            attempts.note(begun, key, number)
        begun.last[key] = number
        if len(begun.last) > _MAX_KEYS:
            begun.last.clear()
            begun.forgotten = next(_numbers)  # not `number`, which may be a call's own


class Attempts:
    """Whether another write of what a call writes has begun since this was made.

    Use it as a context manager around the attempts: what is written inside, nested, is no other write. `outer` is one
    around it, None if there is none, and `has_ended` says that it is left.
    """

    __slots__ = ("_made", "_nested", "_written", "has_ended", "outer")

    def __init__(self, written: Callable[[Call], list[tuple[Any, Hashable]]]) -> None:
        self._written = written
        self._made = next(_numbers)
        self._nested: _Nested | None = None
        self.outer: Attempts | None = None
        self.has_ended = False

    def __enter__(self) -> Self:
        self.outer = _under_way(_current.get())
        # Not reset at the end, which would cost as much again: each call has a context of its own, and what has ended
        # notes nothing.
        _current.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        self.has_ended = True

    def is_overtaken(self, call: Call) -> bool:
        """Whether another write of what `call` writes, or of what was written inside, has begun, or may have."""
        touched = set(self._written(call))
        if self._nested is not None:
            if self._nested.hides:
                return True
            touched |= self._nested.touched
        return any(self._is_of_another(number) for begun, key in touched for number in begun.of(key))

    def note(self, begun: Begun, key: Hashable, number: int) -> None:
        """Keep that the write of that number, which begins now, is none of another call."""
        if not self.has_ended:
            if self._nested is None:
                self._nested = _Nested()
            self._nested.hides |= self._is_of_another(begun.last.get(key, 0))
            self._nested.own.add(number)
            self._nested.touched.add((begun, key))
        if self.outer is not None:
            self.outer.note(begun, key, number)

    def _is_of_another(self, number: int) -> bool:
        return number > self._made and (self._nested is None or number not in self._nested.own)


def _under_way(attempts: Attempts | None) -> Attempts | None:
    """Return the innermost that has not ended, `attempts` or one around it."""
    while attempts is not None and attempts.has_ended:
        attempts = attempts.outer
    return attempts


class _Nested:
    """The writes that began inside: their numbers, `own`, and what they `touched`.

    `hides` is true if one of them followed a write of another, whose number is gone since.
    """

    __slots__ = ("hides", "own", "touched")

    def __init__(self) -> None:
        self.own: set[int] = set()
        self.touched: set[tuple[Begun, Hashable]] = set()
        self.hides = False


def key_or_every(key_of: Key, call: Call) -> Hashable:
    """Return the key that `call` writes; `every` if it cannot be told: in doubt a write touches everything."""
    try:
        return key_of(call)
    except Exception:  # noqa: BLE001  # a key is computed from whatever an application passed as args
        return every
