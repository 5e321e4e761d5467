"""What is known of a call that was recorded, and of all calls of a handler?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


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
    """One call: never its arguments, node or JIDs.

    - `began`: seconds since 1970. `seconds`: how long it took.
    - `handler`: the name of the handler that answered, None if there is none; `tier`: how specific it is.
    - `outcome`: as `outcome_of` in `slixmpp_middleware` tells. `error`: the name of the error's type, None without one.
    - `cache`: what a cache said last, `hit`, `miss`, `joined` or `pass`; None without. `attempts`: those of a retry.
    - `spans`: where the time went, the outermost first. A retry makes several of what is inside it.
    """

    began: float
    ctype: str
    op: str
    handler: str | None
    tier: str
    seconds: float
    outcome: str
    error: str | None
    cache: str | None
    attempts: int
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """All calls of one handler of one op, in a window of time.

    - `errors`: by the name of the error's type, refusals included. `hits` and `joined`: answered by a cache. `retries`:
      attempts after the first.
    - `seconds`: the time of all calls together; `in_handler` and `in_layers` are parts of it. A layer's own time is its
      span without those inside.
    - `p50`, `p95`, `p99`: seconds of a call, to one per cent; `longest`: seconds of the longest.
    """

    ctype: str
    op: str
    handler: str | None
    tier: str
    calls: int
    errors: Mapping[str, int]
    hits: int
    joined: int
    retries: int
    seconds: float
    in_handler: float
    in_layers: Mapping[str, float]
    p50: float
    p95: float
    p99: float
    longest: float
