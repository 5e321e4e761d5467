"""Which stacks of layers hurt, and which ctypes and ops are probably misspelt?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from slixmpp_pipeline.catalogue.slixmpp_ops import SLIXMPP_OPS
from slixmpp_pipeline.introspection.rules import hurts
from slixmpp_pipeline.layers.layer import layer_text
from slixmpp_pipeline.layers.placement import EVERYWHERE, Scope

if TYPE_CHECKING:
    from collections.abc import Collection

    from slixmpp_pipeline.handlers.registrations import Registrations
    from slixmpp_pipeline.layers.placement import Placed
    from slixmpp_pipeline.layers.scopes import Scopes
    from slixmpp_pipeline.routing.compiler import Compiler


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One mistake; `str()` gives a text for people.

    `reason` is the mistake in words. `layers` are the layers in question, the outer first, each as a string with its
    name and where it was registered. `scopes` are the names of the broadest scopes that it is in, as in
    `api.explain()`.

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


def lint(registry: object, compiler: Compiler, registrations: Registrations, scopes: Scopes) -> Findings:
    """Judge the stack of each op of `registry` and of each broad scope, and the names of what was registered."""
    answered: dict[Scope, list[Placed]] = {Scope(*op): [] for op in registrations.answered()}
    named = answered | scopes.named()
    known = SLIXMPP_OPS.keys() | compiler.declared.keys()
    stacks = scopes.broad()  # which may have no op yet
    for op in [*registrations.tables.copy(), *scopes.ops()]:
        steps = compiler.glance(registry, *op).steps
        stacks[Scope(*op)] = [step.placed for step in steps if step.layer is not None]
    found: dict[tuple[str, tuple[str, ...]], list[Scope]] = {}
    for scope, stack in stacks.items():
        for reason, layers in hurts(stack):
            found.setdefault((reason, tuple(map(_label, layers))), []).append(scope)
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


def _label(placed: Placed) -> str:
    return f"{layer_text(placed.layer)} at {placed.where}"


def _meant(scope: Scope, known: Collection[tuple[str, str]]) -> str:
    """Return the name that a scope probably means; empty if the scope is known, or like no known one."""
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
    """Return `name` in one spelling: XEP-0054, xep0054 and xep_54 are xep_0054."""
    return re.sub(r"[^a-z0-9]|(?<!\d)0+(?=\d)", "", name.lower())
