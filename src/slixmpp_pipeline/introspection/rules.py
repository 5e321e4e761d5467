"""Which layers of a stack hurt? Layers are judged by their `role`, since the core knows none of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Final, TypeAlias

from slixmpp_pipeline.layers.placement import Placed

Hurt: TypeAlias = tuple[str, tuple[Placed, ...]]
"""The reason why a stack hurts, and the layers in question, the outer first."""


def hurts(stack: Sequence[Placed]) -> Iterator[Hurt]:
    """Iterate over what hurts in a stack of layers, the first outermost."""
    for rule in _STACK_RULES:
        yield from rule(stack)


def lacks(stack: Sequence[Placed]) -> Iterator[Hurt]:
    """Iterate over what a whole stack lacks; one that is still being put together may get it."""
    caches = tuple(one for one in stack if _role(one) == "cache")
    if caches and not any(_role(one) == "timeout" for one in stack):
        yield "a cache and no timeout: if a handler hangs, whoever asks the same waits for it", caches[:1]


def _twice(stack: Sequence[Placed]) -> Iterator[Hurt]:
    for outer, inner in combinations(stack, 2):
        if outer.layer is inner.layer:
            yield "the same layer object twice", (outer, inner)


def _pairs(stack: Sequence[Placed]) -> Iterator[Hurt]:
    for outer, inner in combinations(stack, 2):
        rule = _PAIR_RULES.get((_role(outer), _role(inner)))
        reason = rule(outer, inner) if callable(rule) else rule
        if reason:
            yield reason, (outer, inner)


def _timeout_in_timeout(outer: Placed, inner: Placed) -> str:
    if _seconds(outer) > _seconds(inner):
        return ""
    hint = "" if outer.scope == inner.scope else "; override() puts one in the place of the other"
    return f"the inner timeout can never end a call: the outer one is not longer{hint}"


def _telemetry_in_telemetry(outer: Placed, inner: Placed) -> str:
    is_one_type = type(outer.layer) is type(inner.layer)
    return "telemetry of one type twice reports every call twice" if is_one_type else ""


def _own_in_cache(outer: Placed, _inner: Placed) -> str:
    if getattr(outer.layer, "shared", False):
        return "a layer of your own inside a cache that requesters share: what it decides for one is the answer to all"
    return "a layer without a role inside a cache: an answer from memory does not pass it"


_STACK_RULES: Final[tuple[Callable[[Sequence[Placed]], Iterator[Hurt]], ...]] = (_twice, _pairs)

# By the roles of the outer and the inner layer: the reason, or what gives it; an empty one if nothing hurts.
_PAIR_RULES: Final[Mapping[tuple[str, str], str | Callable[[Placed, Placed], str]]] = {
    ("retry", "retry"): "retries nested in retries multiply the attempts",
    ("timeout", "timeout"): _timeout_in_timeout,
    ("retry", "telemetry"): "telemetry inside a retry reports attempts as calls",
    ("cache", "telemetry"): "telemetry inside a cache misses the hits",
    ("timeout", "telemetry"): "telemetry inside a timeout reports a timeout as cancelled",
    ("cache", ""): _own_in_cache,
    ("telemetry", "telemetry"): _telemetry_in_telemetry,
}


def _role(placed: Placed) -> str:
    return getattr(placed.layer, "role", "")


def _seconds(placed: Placed) -> float:
    return float(getattr(placed.layer, "seconds", "inf"))
