"""How long did each part of a call take? A timer stands in front of each layer, and one at the handler."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from slixmpp_middleware import outcome_of

if TYPE_CHECKING:
    from slixmpp_pipeline import Call, CallNext, Layer

Spans: TypeAlias = list[tuple[int, float, float]]
"""The level of a part, the outermost being 0, and when it began and ended. Of one call, so it also tells which."""

Outcome: TypeAlias = tuple[str, str | None]
"""How a call ended, and the name of the error's type or the condition of a refusal."""

Record: TypeAlias = "Callable[[Call, float, float, Outcome, Spans], None]"
"""What is told of a call at its end: when it began and ended, how, and its spans."""

OK: Final[Outcome] = ("ok", None)
_KEPT: Final = "slixmpp_inspector.spans"  # in what a call and its replacements share


def outermost(clock: Callable[[], float], record: Record) -> Layer:
    """Return the timer of a whole call. A call that is thrown away with its loop has not ended, and is not recorded."""

    async def time(call: Call, call_next: CallNext, /) -> Any:
        spans: Spans = []
        call.__dict__[_KEPT] = spans
        outcome: Outcome | None = OK
        began = clock()
        try:
            return await call_next(call)
        except GeneratorExit:
            outcome = None
            raise
        except BaseException as error:
            outcome = _outcome(error)
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
        spans: Spans | None = call.__dict__.get(_KEPT)  # not spans_of(): each layer pays for a call
        began = clock()
        try:
            return await call_next(call)
        finally:
            if spans is not None:  # else a layer has made a call of its own
                spans.append((level, began, clock()))

    return time


def spans_of(call: Call) -> Spans | None:
    """Return the spans of a call that is timed: the same list for all replacements of it."""
    return call.__dict__.get(_KEPT)


def _outcome(error: BaseException) -> Outcome:
    """Return how a call ended that raised `error`, whatever the error does when it is asked."""
    try:
        outcome = outcome_of(error)
        return outcome, str(error.condition) if outcome == "refused" else type(error).__qualname__  # type: ignore[attr-defined]  # a refusal is an XMPPError
    except Exception:  # noqa: BLE001  # an error's class is an application's
        return "error", type(error).__qualname__
