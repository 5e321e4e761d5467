"""What is a back end? It keeps texts under an owner, a resource and a key, and writes a batch of them or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias, runtime_checkable

from slixmpp.exceptions import XMPPError

if TYPE_CHECKING:
    from slixmpp.types import ErrorTypes

Place: TypeAlias = tuple[str, str]
"""A resource and a key of it: where a text is kept."""


class Row(NamedTuple):
    """A text that is kept. `expires` is in seconds since 1970; None means never.

    >>> Row("<vCard xmlns='vcard-temp'/>", None).text
    "<vCard xmlns='vcard-temp'/>"
    """

    text: str
    expires: float | None


class Change(NamedTuple):
    """A row that is to be put at a place; None deletes what is there.

    >>> Change(("xep_0054/vcard", "juliet@capulet.example"), None).row is None
    True
    """

    place: Place
    row: Row | None


@runtime_checkable
class Store(Protocol):
    """A back end. It is synchronous: one thread reads and one writes, each with a connection of its own.

    A store may have `changed()`, which returns the places that other processes have changed since it was asked last, or
    None for everything; the writing thread asks while it is idle. `StoreContract` of `slixmpp_storage.testing` has the
    tests that every store must pass.
    """

    def open(self) -> None:
        """Make the schema, or bring it up to date. StoreError, which names where it is, if that cannot be."""

    def read(self, owner: str, places: Sequence[Place]) -> Mapping[Place, Row]:
        """Return what is at `places`; what is not there is left out. What has expired may be there still."""

    def write(self, owner: str, changes: Sequence[Change]) -> None:
        """Make all `changes`, of places that are distinct, or none of them."""

    def scan(self, owner: str, resource: str, after: str, limit: int) -> list[tuple[str, Row]]:
        """Return at most `limit` rows of a resource whose keys are above `after`, in the order of keys."""

    def expire(self, owner: str, now: float, keep: int) -> int:
        """Delete what has expired, and return how many that were.

        Of each resource whose name ends in `~` at most `keep` rows stay: those that expire last.
        """

    def may_pass(self, error: Exception) -> bool:
        """Whether what has failed with `error` is worth another attempt."""

    def close(self) -> None:
        """Close what is open. Nothing is asked afterwards."""


class StoreError(XMPPError, RuntimeError):
    """A store could not do what it was asked for: `str()` says what, where, and what the driver said.

    A peer sees the condition and nothing of the text. The driver's error is the `__cause__`.

    >>> error = StoreError("bot.db cannot be opened: unable to open database file")
    >>> print(error, "->", error.condition, error.etype)
    bot.db cannot be opened: unable to open database file -> internal-server-error wait
    """

    peer_type: ErrorTypes = "wait"

    def __init__(self, message: str) -> None:
        super().__init__(condition="internal-server-error", etype=self.peer_type)
        self.message = message

    def __str__(self) -> str:
        return self.message

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r})"

    def __reduce__(self) -> tuple[type[StoreError], tuple[str]]:
        return type(self), (self.message,)
