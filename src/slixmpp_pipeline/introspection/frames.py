"""Which call does a frame of the stack belong to? For those who look at a thread from another one."""

from __future__ import annotations

from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from slixmpp_pipeline.call import Call
from slixmpp_pipeline.handlers.names import code_of

if TYPE_CHECKING:
    from slixmpp_pipeline.handlers.found import Found

_RUN: Final = ("slixmpp_pipeline.registry", "PipelineRegistry.run")
_ENDS: Final = frozenset(
    ("slixmpp_pipeline.routing.ends", f"{name}.<locals>.answer") for name in ("end_in_task", "end_stepped")
)

_GIVEN: Final = ("ctype", "op", "target", "node", "ifrom", "args")


def call_of(frame: FrameType | None) -> tuple[Call, list[FrameType]] | None:
    """Return the innermost call whose handler is running at `frame`, and the frames from the handler's own inwards.

    `frame` is the innermost one of a stack, as `sys._current_frames()` gives it for a thread, or None. The frames are
    outermost first; `found` of the call is the handler that runs. None where no handler's own code is on the stack: a
    layer is running, or something else. TypeError for other types.

    >>> import sys
    >>> from slixmpp_pipeline import install
    >>> from slixmpp_pipeline.testing import FakeClient
    >>> def get(jid, node, ifrom, args):
    ...     call, frames = call_of(sys._getframe())
    ...     return call.name, [frame.f_code.co_name for frame in frames]
    >>> api = install(FakeClient())
    >>> api.register(get, "weather", "get")
    >>> api.run("weather", "get").result()
    ('weather get', ['get'])
    """
    if frame is not None and not isinstance(frame, FrameType):
        raise TypeError(f"frame: {frame!r} is {type(frame).__name__}; a frame or None is allowed")
    inside: list[FrameType] = []
    while frame is not None:
        if (call := _call(frame)) is not None and (own := _from_handler(call, inside)):
            return call, own
        inside.insert(0, frame)
        frame = frame.f_back
    return None


def _call(frame: FrameType) -> Call | None:
    """Return the call of the frame of `run()` or of a chain's end, with the handler that it calls; else None."""
    place = frame.f_globals.get("__name__"), frame.f_code.co_qualname
    if place not in _ENDS and place != _RUN:
        return None
    known: dict[str, Any] = frame.f_locals
    found: Found | None = known.get("found")
    if found is None:
        return None
    if place == _RUN:
        return Call._make([*map(known.get, _GIVEN), found])
    call: Call = known["call"]
    other = call._replace(found=found)
    object.__setattr__(other, "__dict__", call.__dict__)  # as of any replacement of it
    return other


def _from_handler(call: Call, inside: list[FrameType]) -> list[FrameType]:
    """Return the frames from the first of the handler's own code on; none if there is no such."""
    code = None if call.found is None else code_of(call.found.handler)
    at = next((index for index, frame in enumerate(inside) if frame.f_code is code), None)
    return [] if at is None else inside[at:]
