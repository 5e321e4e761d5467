"""At which line does a call under way wait?"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from slixmpp_inspector.stacks import lines
from slixmpp_pipeline import PipelineRegistry, waits_at

if TYPE_CHECKING:
    from types import FrameType

    from slixmpp_pipeline import PendingCall

_MAX_CALLS, _MAX_PLACES = 20, 200


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingCall:
    """A call that has begun and not ended.

    - `age`: seconds since it first had to wait. `handler`: the name of the handler that was found, None if there is
      none.
    - `stack`: `file:line function` of each frame at which it stands, the outermost first: those of layers, the
      handler's, and what it waits in. Empty if it has not begun to wait.
    """

    ctype: str
    op: str
    handler: str | None
    age: float
    stack: tuple[str, ...]


def waiting_calls(api: PipelineRegistry) -> list[WaitingCall]:
    """Return the calls of `api` that are under way, the oldest first, each with where it stands.

    Ask in the loop's thread, or while the loop is held: elsewhere a call may go on meanwhile. TypeError for another
    `api`.

    >>> import asyncio
    >>> from slixmpp_pipeline import install
    >>> from slixmpp_pipeline.testing import FakeClient
    >>> async def get_vcard(jid, node, ifrom, args):
    ...     await asyncio.Event().wait()
    >>> async def main():
    ...     api = install(FakeClient())
    ...     api.register(get_vcard, "xep_0054", "get_vcard")
    ...     future = api.run("xep_0054", "get_vcard")
    ...     return [(one.op, one.stack[-1].rpartition(" ")[2]) for one in waiting_calls(api)]
    >>> asyncio.run(main())
    [('get_vcard', 'Event.wait')]
    """
    if not isinstance(api, PipelineRegistry):
        raise TypeError(f"waiting_calls(): api: {api!r} is {type(api).__name__}; a PipelineRegistry is allowed")
    return list(map(stands, api.calls()))


def stands(call: PendingCall) -> WaitingCall:
    """Return where a call stands."""
    return WaitingCall(
        ctype=call.ctype,
        op=call.op,
        handler=call.handler,
        age=call.age,
        stack=lines([frame for frame in waits_at(call.future) if not _is_ours(frame)]),
    )


def _is_ours(frame: FrameType) -> bool:
    """Whether it is what stands between layers: it says nothing of the call."""
    module: str = frame.f_globals.get("__name__", "")
    return module.startswith(("slixmpp_inspector.", "slixmpp_pipeline."))


class Waits:
    """Where long calls were seen to wait: `look()` counts those under way, `most()` tells which lines were seen most.

    At most 20 calls are looked at, the oldest, and 200 places are kept.
    """

    def __init__(self) -> None:
        self._looks = 0
        self._seen: dict[WaitingCall, int] = {}  # copied in one step: who asks is in another thread

    def look(self, api: PipelineRegistry, least: float) -> None:
        """Count where calls wait that are `least` seconds old; in the loop's thread."""
        self._looks += 1
        old = [call for call in api.calls()[:_MAX_CALLS] if call.age >= least]
        for place in {replace(stands(call), age=0.0) for call in old}:
            if place in self._seen or len(self._seen) < _MAX_PLACES:
                self._seen[place] = self._seen.get(place, 0) + 1

    def most(self, places: int) -> list[tuple[WaitingCall, float]]:
        """Return so many places, each with the share of looks at which a call was there, that seen most first."""
        return [(place, times / self._looks) for place, times in Counter(self._seen.copy()).most_common(places)]
