"""At which line does a call under way wait?"""

from __future__ import annotations

import asyncio
from types import FrameType  # noqa: TC003  # the pages look it up
from typing import Any

from slixmpp_pipeline.execution.suspended import Suspended

# What a coroutine, a generator and an asynchronous generator call their frame, and what they wait for.
# Whose generators and coroutines stand between a Task and what it runs.
_OURS = frozenset(f"slixmpp_pipeline.execution.{name}" for name in ("eager", "stepper", "suspended"))
_NAMES = (("cr_frame", "cr_await"), ("gi_frame", "gi_yieldfrom"), ("ag_frame", "ag_await"))


def waits_at(future: asyncio.Future[Any]) -> list[FrameType]:
    """Return the frames at which a call under way waits, the outermost first; none if it has ended, or not begun.

    `future` is what `api.run()` returned. The first frames are those of layers, and the last is where the handler, or
    what it awaits, stands. `asyncio.Task.get_stack()` ends at what the pipeline puts in between. TypeError for other
    types.

    >>> import asyncio
    >>> from slixmpp_pipeline import install
    >>> from slixmpp_pipeline.testing import FakeClient
    >>> async def get_vcard(jid, node, ifrom, args):
    ...     await asyncio.Event().wait()
    >>> async def main():
    ...     api = install(FakeClient())
    ...     api.register(get_vcard, "xep_0054", "get_vcard")
    ...     return [frame.f_code.co_name for frame in waits_at(api.run("xep_0054", "get_vcard"))]
    >>> asyncio.run(main())
    ['answer', 'get_vcard', 'wait']
    """
    if not asyncio.isfuture(future):
        raise TypeError(f"future: {future!r} is {type(future).__name__}; what api.run() returned is allowed")
    frames: list[FrameType] = []
    inner: Any = None if future.done() or not isinstance(future, asyncio.Task) else future.get_coro()
    while inner is not None:
        inner, frame = _step(inner)
        if frame is not None:
            frames.append(frame)
    return frames


def _step(awaited: Any) -> tuple[Any, FrameType | None]:
    """Return what `awaited` waits for, and its frame; None where there is none that anybody could look at."""
    if isinstance(awaited, Suspended):
        return awaited.continues, None
    for frame_name, inner_name in _NAMES:
        if hasattr(awaited, frame_name):
            frame, inner = getattr(awaited, frame_name), getattr(awaited, inner_name)
            if frame is None or frame.f_globals.get("__name__") not in _OURS:
                return inner, frame
            # What a coroutine's __await__() returns does not say whose it is; the generator that made it knows. And one
            # that has not taken its turn yet waits for nothing.
            known = frame.f_locals
            return known.get("coroutine") or next(iter(known.get("first", ())), inner), None
    return None, None
