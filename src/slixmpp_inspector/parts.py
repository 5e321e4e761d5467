"""Where did the time of one call go? Its spans lie inside each other; here is what each took itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from slixmpp_inspector.recorded import HANDLER, RecordedCall, Span

_SMALL: Final = 0.02  # of a call: such parts are one line


class Part(NamedTuple):
    """What a span took itself: `pieces` are from when to when nothing inside it ran, in seconds since the call began.

    There is at least one, which may be empty.
    """

    name: str
    pieces: tuple[tuple[float, float], ...]

    @property
    def seconds(self) -> float:
        """How long they are together."""
        return sum(end - start for start, end in self.pieces)


def own_parts(spans: Sequence[Span], least: float = 0.0) -> tuple[list[Part], list[Part]]:
    """Return the parts of a call that took `least` seconds or more, in the order in which they began, and the others.

    Each run of the handler is a part. `spans` of one time are in their order, the outer first.

    >>> own_parts([Span("Retry", 0.0, 1.0), Span("handler", 0.0, 0.25), Span("handler", 0.75, 1.0)])[0][0]
    Part(name='Retry', pieces=((0.25, 0.75),))
    """
    ordered = sorted(spans, key=lambda one: (one.start, -one.end))
    pieces: list[list[tuple[float, float]]] = [[] for _ in ordered]
    until = [span.start for span in ordered]  # pieces are known until then
    inside: list[int] = []  # the spans around
    for number, span in enumerate(ordered):
        while inside and not _holds(ordered[inside[-1]].end, span):
            inside.pop()
        if inside:
            of = inside[-1]
            if span.start > until[of]:
                pieces[of].append((until[of], span.start))
            until[of] = max(until[of], span.end)  # a layer may ask several at once
        inside.append(number)
    for number, span in enumerate(ordered):
        if span.end > until[number] or not pieces[number]:
            pieces[number].append((min(until[number], span.end), span.end))
    parts = [Part(span.name, tuple(of)) for span, of in zip(ordered, pieces, strict=True)]
    is_shown = [one.seconds >= least or one.name == HANDLER for one in parts]
    shown = [one for one, is_it in zip(parts, is_shown, strict=True) if is_it]
    return shown, [one for one, is_it in zip(parts, is_shown, strict=True) if not is_it]


def main_parts(call: RecordedCall) -> tuple[list[Part], int, float]:
    """Return the parts of a call that took two per cent of it or more, how many other layers there are, and their time.

    A retry runs the layers inside it several times; each counts once.
    """
    shown, small = own_parts(call.spans, call.seconds * _SMALL)
    return shown, len({one.name for one in small}), sum(one.seconds for one in small)


def _holds(end: float, span: Span) -> bool:
    """Whether what began before `span` and ended at `end` is around it."""
    return end >= span.end and (end > span.start or span.start == span.end)
