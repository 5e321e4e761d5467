"""Has another write of what a call writes begun since? A call that is made again must not undo a newer one.

While a layer of role `"retry"` is registered, each resource keeps, by key, the number of the write that began last. An
`Attempts` draws a number, too, when it is made: what has a higher one, and was not begun by the call itself, is another
write. Memory is bounded as that of generations is: with one key more, all count as written.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from itertools import count
from typing import TYPE_CHECKING, Any, Self

from slixmpp_pipeline.catalogue.keys import every

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

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

    def note(self, key: Hashable) -> None:
        """Count that a write of `key` begins."""
        number = next(_numbers)
        attempts = _current.get()
        if attempts is not None:
            attempts.note(self, key, number)
        self.last[key] = number
        if len(self.last) > _MAX_KEYS:
            self.last.clear()
            self.forgotten = number

    def of(self, key: Hashable) -> list[int]:
        """Return the numbers of the last writes that touched `key`."""
        of_keys = list(self.last.values()) if key is every else [self.last.get(key, 0), self.last.get(every, 0)]
        return [self.forgotten, *of_keys]


class Attempts:
    """Whether another write of what a call writes has begun since this was made.

    Use it as a context manager around the attempts: what is written inside, nested, is no other write.
    """

    __slots__ = ("_made", "_nested", "_outer", "_token", "_written")

    def __init__(self, written: Callable[[Call], list[tuple[Any, Hashable]]]) -> None:
        self._written = written
        self._made = next(_numbers)
        self._nested: _Nested | None = None

    def __enter__(self) -> Self:
        self._outer = _current.get()
        self._token: Token[Attempts | None] = _current.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        try:  # noqa: SIM105  # suppress() is three calls
            _current.reset(self._token)
        except ValueError:  # another context, if only the garbage collector ends the coroutine
            pass

    def is_overtaken(self, call: Call) -> bool:
        """Whether another write of what `call` writes, or of what was written inside, has begun, or may have."""
        touched = set(self._written(call))
        if self._nested is not None:
            touched.update(self._nested.own.values())
        return any(self._is_newer(begun, key) for begun, key in touched)

    def note(self, begun: Begun, key: Hashable, number: int) -> None:
        """Keep that the write of that number, which begins now, is none of another call."""
        if self._nested is None:
            self._nested = _Nested()
        if self._is_of_another(begun.last.get(key, 0)):
            self._nested.hidden.add((begun, key))
        self._nested.own[number] = begun, key
        if self._outer is not None:
            self._outer.note(begun, key, number)

    def _is_newer(self, begun: Begun, key: Hashable) -> bool:
        if any(self._is_of_another(number) for number in begun.of(key)):
            return True
        hidden = set() if self._nested is None else self._nested.hidden
        return any(one is begun and (key is every or other in (key, every)) for one, other in hidden)

    def _is_of_another(self, number: int) -> bool:
        return number > self._made and (self._nested is None or number not in self._nested.own)


class _Nested:
    """The writes that began inside: `own`, by number; `hidden` is where one of them followed a write of another."""

    __slots__ = ("hidden", "own")

    def __init__(self) -> None:
        self.own: dict[int, tuple[Begun, Hashable]] = {}
        self.hidden: set[tuple[Begun, Hashable]] = set()


def key_or_every(key_of: Key, call: Call) -> Hashable:
    """Return the key that `call` writes; `every` if it cannot be told: in doubt a write touches everything."""
    try:
        return key_of(call)
    except Exception:  # noqa: BLE001  # a key is computed from whatever an application passed as args
        return every
