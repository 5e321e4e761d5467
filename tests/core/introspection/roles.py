"""Layers of each role, and what lint() says of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from slixmpp_pipeline import Call, CallNext, Finding, PipelineRegistry


@dataclass(frozen=True, slots=True)
class Passing:
    """A layer that passes the call on."""

    role: ClassVar[str] = "handler"

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        return await call_next(call)


@dataclass(frozen=True, slots=True)
class Telemetry(Passing):
    role: ClassVar[str] = "telemetry"


@dataclass(frozen=True, slots=True)
class Cache(Passing):
    role: ClassVar[str] = "cache"


@dataclass(frozen=True, slots=True)
class Retry(Passing):
    role: ClassVar[str] = "retry"


@dataclass(frozen=True, slots=True)
class Limit(Passing):
    """A timeout that is not ours."""

    seconds: float
    role: ClassVar[str] = "timeout"


NESTED_RETRIES = "retries nested in retries multiply the attempts"


TOTAL_TOO_SHORT = "the inner timeout can never end a call: the outer one is not longer"


INSIDE_RETRY = "telemetry inside a retry reports attempts as calls"


INSIDE_CACHE = "telemetry inside a cache misses the hits"


NO_TIMEOUT = "a cache and no timeout: if a handler hangs, whoever asks the same waits for it"


def found(api: PipelineRegistry) -> list[Finding]:
    """Return the findings but for one that most stacks of these tests have."""
    return [finding for finding in api.lint() if finding.reason != NO_TIMEOUT]


def reasons(api: PipelineRegistry) -> list[str]:
    return [finding.reason for finding in found(api)]
