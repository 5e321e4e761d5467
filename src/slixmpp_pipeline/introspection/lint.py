"""Which stacks of layers hurt, and which names nobody calls; layers are judged by their `role`: the core knows none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import combinations
from typing import TYPE_CHECKING

from slixmpp_pipeline.layers.layer import layer_text
from slixmpp_pipeline.layers.placement import EVERYWHERE, Scope

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from slixmpp_pipeline.layers.placement import Placed
    from slixmpp_pipeline.routing.chain import Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that hurts; its text is for people.

    `reason` says what, in words; `layers` are those in question, the outer first, each as a string with its name and
    where it was registered; `scopes` are the names of the broadest scopes and ops it is in, as `api.explain()` shows
    them.

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
    layers: tuple[str, ...]
    scopes: tuple[str, ...]

    def __str__(self) -> str:
        shown = ", ".join(self.scopes[:3]) + (f" and {len(self.scopes) - 3} more" if len(self.scopes) > 3 else "")  # noqa: PLR2004  three fit on a line
        layers = f" ({' > '.join(self.layers)})" if self.layers else ""
        return f"{shown}: {self.reason}{layers}"


class Findings(list[Finding]):
    """What `api.lint()` found: a list; `print()` it.

    >>> from slixmpp_pipeline import install
    >>> from slixmpp_pipeline.testing import FakeClient
    >>> print(install(FakeClient()).lint())
    no known mistake
    """

    __slots__ = ()

    def __str__(self) -> str:
        return "\n".join(map(str, self)) or "no known mistake"


def lint(
    routes: Iterable[Route],
    broad: Mapping[Scope, list[Placed]],
    named: Mapping[Scope, list[Placed]],
    known: Collection[tuple[str, str]],
) -> Findings:
    """Judge compiled `routes`, what applies to the `broad` scopes, even if they have no op yet, and what is `named`.

    `named` are the scopes that handlers and layers were registered for, each with its own layers; `known` is the ctype
    and op of what somebody calls.
    """
    stacks = dict(broad)
    for route in routes:
        stacks[Scope(route.ctype, route.op)] = [step.placed for step in route.steps if step.layer is not None]
    found: dict[tuple[str, tuple[str, ...]], list[Scope]] = {}
    for scope, stack in stacks.items():
        for outer, inner in combinations(stack, 2):
            for reason in _reasons(outer, inner):
                found.setdefault((reason, (_label(outer), _label(inner))), []).append(scope)
    for scope, own in named.items():
        if meant := _meant(scope, known):
            reason = f"nothing known is called that; did you mean {meant}?"
            found.setdefault((reason, tuple(map(_label, own))), []).append(scope)
    return Findings(
        Finding(reason=reason, layers=layers, scopes=_names(scopes)) for (reason, layers), scopes in found.items()
    )


def _names(scopes: list[Scope]) -> tuple[str, ...]:
    """Return the names of `scopes`, each once, without those inside others."""
    return tuple({str(one): None for one in scopes if not {EVERYWHERE, Scope(one.ctype)}.intersection(scopes) - {one}})


def _reasons(outer: Placed, inner: Placed) -> Iterator[str]:
    if outer.layer is inner.layer:
        yield "the same layer object twice"
    roles = (_role(outer), _role(inner))
    if roles == ("retry", "retry"):
        yield "retries nested in retries multiply the attempts"
    if roles == ("timeout", "timeout") and _seconds(outer) <= _seconds(inner):
        hint = "" if outer.scope == inner.scope else "; override() puts one in the place of the other"
        yield f"the inner timeout can never end a call: the outer one is not longer{hint}"
    if roles == ("retry", "telemetry"):
        yield "telemetry inside a retry reports attempts as calls"
    if roles == ("cache", "telemetry"):
        yield "telemetry inside a cache misses the hits"
    if roles == ("timeout", "telemetry"):
        yield "telemetry inside a timeout reports a timeout as cancelled"
    if roles == ("telemetry", "telemetry") and type(outer.layer) is type(inner.layer):
        yield "telemetry of one type twice reports every call twice"


def _role(placed: Placed) -> str:
    return getattr(placed.layer, "role", "")


def _seconds(placed: Placed) -> float:
    return float(getattr(placed.layer, "seconds", "inf"))


def _label(placed: Placed) -> str:
    return f"{layer_text(placed.layer)} at {placed.where}"


def _meant(scope: Scope, known: Collection[tuple[str, str]]) -> str:
    """Return what a scope was probably meant to be; empty if it is known, or like nothing that is."""
    ctype, op = scope
    ctypes = {one for one, _ in known}
    if ctype is None or scope in known or (op is None and ctype in ctypes):
        return ""
    if op is None:
        like = [one for one in ctypes if _plain(one) == _plain(ctype)]
    elif ctype in ctypes:
        # Of the same verb: get_nick is no slip for set_nick.
        ops = {_plain(other): f"{ctype} {other}" for one, other in known if one == ctype and other[:3] == op[:3]}
        like = [ops[close] for close in get_close_matches(_plain(op), ops, n=1, cutoff=0.8)]
    else:
        asked = {(_plain(ctype), _plain(op)), (_plain(op), _plain(ctype))}
        like = [f"{one} {other}" for one, other in known if (_plain(one), _plain(other)) in asked]
    return min(like, default="")


def _plain(name: str) -> str:
    """Return `name` without what people write differently: XEP-0054, xep0054, xep_54, xep_0054."""
    return re.sub(r"[^a-z0-9]|(?<!\d)0+(?=\d)", "", name.lower())
