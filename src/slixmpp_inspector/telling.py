"""Who is told of a hold, and how often? A counter of each, and a log or whoever asks at most once a minute."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from slixmpp_inspector.recorded import OTHER
from slixmpp_middleware import Logging

if TYPE_CHECKING:
    from opentelemetry.metrics import Counter

    from slixmpp_inspector.holds import Hold
    from slixmpp_inspector.stacks import Who

_MINUTE: Final = 60.0
_MAX_TOLD: Final = 200  # handlers
_LOGGING: Final = Logging()
_LOG: Final = logging.getLogger("slixmpp_inspector")


class Telling:
    """Tells `tell` of holds, and `counter` of their seconds. Whose beginning was told, its end is, too.

    Whatever fails here is logged, and changes nothing.
    """

    __slots__ = ("_clock", "_counter", "_is_told", "_last", "_tell")

    def __init__(self, tell: Callable[[Hold], object], counter: Counter, clock: Callable[[], float]) -> None:
        self._tell = tell
        self._counter = counter
        self._clock = clock
        self._last: dict[Who, tuple[float, int]] = {}  # when it was told last, and how many were left out since
        self._is_told = False

    def begin(self, who: Who, hold: Hold) -> None:
        """Tell that a hold begins, unless one of the same handler was told a short time ago."""
        now = self._clock()
        told, left_out = self._last.get(who, (now - _MINUTE, 0))
        self._is_told = now - told >= _MINUTE
        if not self._is_told:
            self._last[who] = told, left_out + 1
            return
        self._last.pop(who, None)
        if len(self._last) >= _MAX_TOLD:
            del self._last[next(iter(self._last))]
        self._last[who] = now, 0
        self._guarded(self._tell, replace(hold, left_out=left_out))

    def end(self, hold: Hold) -> None:
        """Tell that it is over."""
        labels = {"xmpp.api.ctype": hold.ctype or OTHER, "xmpp.api.op": hold.op or OTHER}
        self._guarded(self._counter.add, hold.seconds, labels)
        if self._is_told:
            self._guarded(self._tell, hold)

    def _guarded(self, function: Callable[..., object], *given: Any) -> None:
        try:
            function(*given)
        except Exception:  # noqa: BLE001  # the next is told, whatever it is
            _LOG.exception("a hold could not be told")


def log_hold(hold: Hold) -> None:
    """Log a hold as `Logging` logs calls: an event `call.held` when it begins, and `call.released` when it ends."""
    fields: dict[str, Any] = {"duration": hold.seconds}
    if hold.handler is not None:
        fields |= {"handler": hold.handler, "tier": hold.tier}
    if not hold.is_over:
        fields |= {"stack": "\n".join(hold.stack), "left_out": hold.left_out}  # structlog joins `stack` to text
    event = "call.released" if hold.is_over else "call.held"
    _LOGGING.warn(hold.ctype or OTHER, hold.op or OTHER, event, fields)
