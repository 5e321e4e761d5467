"""What runs on a thread, and where does it stand?"""

from __future__ import annotations

from asyncio.events import Handle
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from slixmpp_inspector.timers import Spans, spans_of
from slixmpp_pipeline import call_of

if TYPE_CHECKING:
    from types import FrameType

_MAX_FRAMES: Final = 20
_RUN: Final = cast("Any", Handle)._run.__code__  # noqa: SLF001  # of every callback; there is no other sign


class Who(NamedTuple):
    """Whose code runs: the call and its handler, with the tier; all None if it is no handler's."""

    ctype: str | None
    op: str | None
    handler: str | None
    tier: str | None


NOBODY: Final = Who(None, None, None, None)


def running(frame: FrameType | None) -> tuple[Who, Spans | None, tuple[str, ...]] | None:
    """Return whose code runs at `frame`, the call's spans, and its lines; None if a loop runs, or nobody knows what."""
    found = call_of(frame)
    if found is not None and (handler := found[0].found) is not None:
        call, frames = found
        return Who(call.ctype, call.op, handler.name, str(handler.tier)), spans_of(call), lines(frames)
    frames = _in_callback(frame)
    return (NOBODY, None, lines(frames)) if frames else None


def lines(frames: Sequence[FrameType]) -> tuple[str, ...]:
    """Return a stack as text, `file:line function`: the first of its frames, and the last ones."""
    shown = frames if len(frames) <= _MAX_FRAMES else [frames[0], *frames[1 - _MAX_FRAMES :]]
    return tuple(f"{one.f_code.co_filename}:{one.f_lineno} {one.f_code.co_qualname}" for one in shown)


def _in_callback(frame: FrameType | None) -> list[FrameType]:
    """Return the frames of the callback that runs, the outermost first; none if it is not known."""
    frames: list[FrameType] = []
    while frame is not None and frame.f_code is not _RUN:
        frames.insert(0, frame)
        frame = frame.f_back
    return [] if frame is None else frames
