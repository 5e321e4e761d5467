"""What does the writing thread do besides? It asks what others have changed, and deletes what has expired."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from slixmpp_storage.store import Place, Store

_EXPIRE_EVERY: Final = 600.0  # seconds
_LOG = logging.getLogger("slixmpp_storage")


class Upkeep:
    """Does what is due. A failure is logged once until it is over, and stops nothing.

    The store is asked for changes every `poll` seconds, if it has `changed()`.
    """

    def __init__(
        self,
        store: Store,
        owner: str,
        tell_changed: Callable[[Iterable[Place] | None], object],
        *,
        poll: float,
        keep: int,
        clock: Callable[[], float],
        now: Callable[[], float],
    ) -> None:
        self._store = store
        self._owner = owner
        self._tell_changed = tell_changed
        self._changed: Callable[[], Iterable[Place] | None] | None = getattr(store, "changed", None)
        self._poll = poll
        self._keep = keep
        self._clock = clock
        self._now = now
        self._next_look = clock()
        self._next_expiry = clock() + _EXPIRE_EVERY
        self._is_told_to_expire = False
        self._failing: set[str] = set()

    def expire_soon(self) -> None:
        """Delete what has expired the next time something is done."""
        self._is_told_to_expire = True

    def idle(self) -> float:
        """Return the seconds until something is due."""
        due = self._next_expiry if self._changed is None else min(self._next_expiry, self._next_look)
        return max(0.0, due - self._clock())

    def do(self) -> None:
        """Do what is due."""
        if self._changed is not None and self._clock() >= self._next_look:
            self._next_look = self._clock() + self._poll
            self._look(self._changed)
        if self._is_told_to_expire or self._clock() >= self._next_expiry:
            self._is_told_to_expire = False
            self._next_expiry = self._clock() + _EXPIRE_EVERY
            self._expire()

    def _look(self, changed: Callable[[], Iterable[Place] | None]) -> None:
        try:
            places = changed()
            found = None if places is None else tuple(places)
        except Exception as error:  # noqa: BLE001  # of any driver
            self._has_failed("asked for changes", error)
            return
        if "asked for changes" in self._failing:  # what has changed meanwhile may have been missed
            self._failing.discard("asked for changes")
            found = None
        if found is None or found:
            self._tell_changed(found)

    def _expire(self) -> None:
        try:
            self._store.expire(self._owner, self._now(), self._keep)
        except Exception as error:  # noqa: BLE001  # of any driver
            self._has_failed("rid of what has expired", error)
        else:
            self._failing.discard("rid of what has expired")

    def _has_failed(self, what: str, error: Exception) -> None:
        if what not in self._failing:
            _LOG.warning("the store could not be %s: %s", what, type(error).__name__)
            self._failing.add(what)
