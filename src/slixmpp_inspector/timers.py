"""How long did each part of a call take? A timer stands in front of each layer, and one at the handler."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from slixmpp_middleware import outcome_of

if TYPE_CHECKING:
    from slixmpp_pipeline import Call, CallNext, Layer

Spans: TypeAlias = list[tuple[int, float, float]]
"""The level of a part, the outermost being 0, and when it began and ended."""

Record: TypeAlias = "Callable[[Call, float, float, tuple[str, str | None], Spans], None]"
"""What is told of a call at its end: when it began and ended, its outcome and the type of its error, and its spans."""

_OK: Final = ("ok", None)
_KEPT: Final = "slixmpp_inspector.spans"  # in what a call and its replacements share


def outermost(clock: Callable[[], float], record: Record) -> Layer:
    """Return the timer of a whole call. A call that is thrown away with its loop has not ended, and is not recorded."""

    async def time(call: Call, call_next: CallNext, /) -> Any:
        spans: Spans = []
        call.__dict__[_KEPT] = spans
        outcome: tuple[str, str | None] | None = _OK
        began = clock()
        try:
            return await call_next(call)
        except GeneratorExit:
            outcome = None
            raise
        except BaseException as error:
            outcome = outcome_of(error), type(error).__qualname__
            raise
        finally:
            if outcome is not None:
                ended = clock()
                spans.append((0, began, ended))
                record(call, began, ended, outcome, spans)

    return time


def inner(clock: Callable[[], float], level: int) -> Layer:
    """Return the timer of a part."""

    async def time(call: Call, call_next: CallNext, /) -> Any:
        spans: Spans | None = call.__dict__.get(_KEPT)
        began = clock()
        try:
            return await call_next(call)
        finally:
            if spans is not None:  # else a layer has made a call of its own
                spans.append((level, began, clock()))

    return time
