"""Which stacks of layers hurt, judged by the layers' `role`, so that the core knows none of them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from slixmpp_pipeline.layer import layer_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from slixmpp_pipeline.chain import Route
    from slixmpp_pipeline.placed import Placed


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that hurts; its text is for people.

    `reason` says what, in words; `layers` are the two in question, the outer first, each as a string with its name and
    where it was registered; `scopes` are the names of the scopes and ops it is in, as `api.explain()` shows them.

    >>> from slixmpp_pipeline import install
    >>> from slixmpp_pipeline.testing import FakeClient
    >>> class Log:
    ...     role = "telemetry"
    ...     async def __call__(self, call, call_next):
    ...         return await call_next(call)
    >>> (finding,) = install(FakeClient(), Log(), Log()).lint()
    >>> finding.reason, finding.scopes
    ('telemetry of one type twice reports every call twice', ('everywhere',))
    """

    reason: str
    layers: tuple[str, str]
    scopes: tuple[str, ...]

    def __str__(self) -> str:
        shown = ", ".join(self.scopes[:3]) + (f" and {len(self.scopes) - 3} more" if len(self.scopes) > 3 else "")  # noqa: PLR2004  three fit on a line
        return f"{shown}: {self.reason} ({' > '.join(self.layers)})"


def lint(routes: Iterable[Route], scopes: Mapping[str, list[Placed]]) -> list[Finding]:
    """Judge compiled `routes`, and what applies to the broader `scopes`, by name, even if they have no op yet."""
    stacks = dict(scopes)
    for route in routes:
        stacks[f"{route.ctype} {route.op}"] = [step.placed for step in route.steps if step.layer is not None]
    found: dict[tuple[str, tuple[str, str]], dict[str, None]] = {}
    for scope, stack in stacks.items():
        for outer, inner in combinations(stack, 2):
            for reason in _reasons(outer, inner):
                found.setdefault((reason, (_label(outer), _label(inner))), {})[scope] = None
    return [Finding(reason=reason, layers=layers, scopes=tuple(where)) for (reason, layers), where in found.items()]


def _reasons(outer: Placed, inner: Placed) -> Iterator[str]:
    if outer.layer is inner.layer:
        yield "the same layer object twice"
    roles = (_role(outer), _role(inner))
    if roles == ("retry", "retry"):
        yield "retries nested in retries multiply the attempts"
    if roles == ("timeout", "timeout") and _seconds(outer) <= _seconds(inner):
        yield "the inner timeout can never end a call: the outer one is not longer"
    if roles == ("retry", "telemetry"):
        yield "telemetry inside a retry reports attempts as calls"
    if roles == ("cache", "telemetry"):
        yield "telemetry inside a cache misses the hits"
    if roles == ("timeout", "telemetry"):
        yield "telemetry inside a timeout takes it for a cancellation"
    if roles == ("telemetry", "telemetry") and type(outer.layer) is type(inner.layer):
        yield "telemetry of one type twice reports every call twice"


def _role(placed: Placed) -> str:
    return getattr(placed.layer, "role", "")


def _seconds(placed: Placed) -> float:
    return float(getattr(placed.layer, "seconds", "inf"))


def _label(placed: Placed) -> str:
    return f"{layer_text(placed.layer)} at {placed.where}"
