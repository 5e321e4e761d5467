"""Where did the time of one call go? Its spans lie inside each other; here is what each took itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from slixmpp_inspector.recorded import HANDLER, Span


class Part(NamedTuple):
    """What a span took itself, without the spans inside it: seconds, `start` counted from when the call began."""

    name: str
    start: float
    seconds: float


def own_parts(spans: Sequence[Span], least: float = 0.0) -> tuple[list[Part], list[Part]]:
    """Return the parts of a call that took `least` seconds or more, in the order in which they began, and the others.

    Each run of the handler is a part. `spans` of one time are in their order, the outer first.

    >>> own_parts([Span("Timeout", 0.0, 1.0), Span("handler", 0.1, 0.9)], 0.5)
    ([Part(name='handler', start=0.1, seconds=0.8)], [Part(name='Timeout', start=0.0, seconds=0.19999999999999996)])
    """
    parts: list[Part] = []
    inside: list[tuple[float, int]] = []  # the ends of the spans around, and where their parts stand
    for span in sorted(spans, key=lambda one: (one.start, -one.end)):
        while inside and not _holds(inside[-1][0], span):
            inside.pop()
        seconds = span.end - span.start
        if inside:
            of = inside[-1][1]
            # A layer may ask several at once, which takes less time than they take together.
            parts[of] = parts[of]._replace(seconds=max(0.0, parts[of].seconds - seconds))
        inside.append((span.end, len(parts)))
        parts.append(Part(span.name, span.start, seconds))
    is_shown = [one.seconds >= least or one.name == HANDLER for one in parts]
    shown = [one for one, is_it in zip(parts, is_shown, strict=True) if is_it]
    return shown, [one for one, is_it in zip(parts, is_shown, strict=True) if not is_it]


def _holds(end: float, span: Span) -> bool:
    """Whether what began before `span` and ended at `end` is around it."""
    return end >= span.end and (end > span.start or span.start == span.end)
