"""What is known of a call that was recorded, and of all calls of a handler?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

OTHER: Final = "_OTHER"
"""What stands for all for which there is no room."""

EXTRA: Final = "pip install 'slixmpp-pipeline[inspector]'"
"""What to type where a package is missing."""

HANDLER: Final = "handler"
"""The name of the handler among the parts of a call."""

Window: TypeAlias = Literal["minute", "start"]
"""The last minute, or all since the profiler began."""


class Span(NamedTuple):
    """The time that a call spent in a layer and all inside it, or in the handler: seconds since the call began.

    >>> Span("Timeout", 0.001, 0.5).end
    0.5
    """

    name: str
    start: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCall:
    """One call: never its arguments or node; its JIDs only if they are asked for.

    - `began`: seconds since 1970. `seconds`: how long it took. `held`: for how many of them another call, or other code
      of the program, held the loop.
    - `handler`: the name of the handler that answered, None if there is none; `tier`: how specific it is.
    - `outcome`: as `outcome_of` in `slixmpp_middleware` tells. `error`: the name of the error's type, or the condition
      of a refusal; None without one.
    - `cache`: what a cache said last, `hit`, `miss`, `joined` or `pass`; None without. `attempts`: those of a retry.
    - `spans`: where the time went, the outermost first. A retry makes several of what is inside it.
    - `jid` and `ifrom`: as much of them as the profiler was asked for, else None.
    """

    began: float
    ctype: str
    op: str
    handler: str | None
    tier: str
    seconds: float
    held: float
    outcome: str
    error: str | None
    cache: str | None
    attempts: int
    spans: tuple[Span, ...]
    jid: str | None
    ifrom: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """All calls of one handler of one op, in a window of time.

    - `errors`: by the name of the error's type. `refused`: by the condition of the refusal. `hits` and `joined`:
      answered by a cache. `retries`: attempts after the first.
    - `seconds`: the time of all calls together; `in_handler` and `in_layers` are parts of it. A layer's own time is its
      span without those inside. `held`: for how many of them others held the loop, as far as long calls are kept.
    - `p50`, `p95`, `p99`: seconds of a call, to one per cent; `longest`: seconds of the longest.
    """

    ctype: str
    op: str
    handler: str | None
    tier: str
    calls: int
    errors: Mapping[str, int]
    refused: Mapping[str, int]
    hits: int
    joined: int
    retries: int
    seconds: float
    held: float
    in_handler: float
    in_layers: Mapping[str, float]
    p50: float
    p95: float
    p99: float
    longest: float
