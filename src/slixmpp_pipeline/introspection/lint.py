"""Which stacks of layers hurt, which ctypes and ops are never called, and what do caches take for granted?"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slixmpp_pipeline.catalogue.slixmpp_ops import SLIXMPP_OPS
from slixmpp_pipeline.introspection.assumed import assumed
from slixmpp_pipeline.introspection.names import doubt
from slixmpp_pipeline.introspection.rules import hurts, lacks
from slixmpp_pipeline.layers.layer import layer_text
from slixmpp_pipeline.layers.placement import EVERYWHERE, Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from slixmpp_pipeline.handlers.registrations import Registrations
    from slixmpp_pipeline.layers.placement import Placed
    from slixmpp_pipeline.layers.scopes import Scopes
    from slixmpp_pipeline.routing.chain import Chain
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


def lint(
    registry: object, compiler: Compiler, registrations: Registrations, scopes: Scopes, plugins: AbstractSet[str]
) -> Findings:
    """Judge the stack of each op of `registry` and of each broad scope, and the names of what was registered.

    `plugins` are the names of the client's plugins.
    """
    chains = {Scope(*op): compiler.glance(registry, *op) for op in [*registrations.tables.copy(), *scopes.ops()]}
    found = _Found()
    stacks = scopes.broad() | {scope: _stack(chain) for scope, chain in chains.items()}
    found.add_stacks(stacks)
    for scope, stack in stacks.items():
        for reason, layers in lacks(stack):
            found.add(reason, layers, scope)
    answered: dict[Scope, list[Placed]] = {Scope(*op): [] for op in registrations.answered()}
    known = SLIXMPP_OPS.keys() | compiler.declared.keys()
    passing = {scope.ctype for scope in answered} | (plugins & {ctype for ctype, _ in known})
    for scope, own in (answered | scopes.named()).items():
        if reason := doubt(scope, known, passing):
            found.add(reason, own, scope)
    for scope, chain in chains.items():
        if scope not in compiler.declared:
            for reason, layers in assumed(chain):
                found.add(reason, layers, scope)
    return found.findings()


def lint_stacks(registry: object, compiler: Compiler, scopes: Scopes) -> Findings:
    """Judge the stacks of the scopes that have layers: what a change of layers may have made wrong.

    An op whose layers raise when they are asked for their route is left out: its calls will say so.
    """
    stacks = scopes.broad()  # which may have no op yet
    for op in scopes.ops():
        with suppress(Exception):
            stacks[Scope(*op)] = _stack(compiler.glance(registry, *op))
    found = _Found()
    found.add_stacks(stacks)
    return found.findings()


class _Found:
    """What was found, by the reason and the layers, with the scopes."""

    def __init__(self) -> None:
        self._scopes: dict[tuple[str, tuple[str, ...]], list[Scope]] = {}

    def add(self, reason: str, layers: Iterable[Placed], scope: Scope) -> None:
        self._scopes.setdefault((reason, tuple(map(_label, layers))), []).append(scope)

    def add_stacks(self, stacks: Mapping[Scope, list[Placed]]) -> None:
        for scope, stack in stacks.items():
            for reason, layers in hurts(stack):
                self.add(reason, layers, scope)

    def findings(self) -> Findings:
        return Findings(
            Finding(reason=reason, layers=layers, scopes=_names(scopes))
            for (reason, layers), scopes in self._scopes.items()
        )


def _stack(chain: Chain) -> list[Placed]:
    return [step.placed for step in chain.steps if step.layer is not None]


def _names(scopes: list[Scope]) -> tuple[str, ...]:
    """Return the names of `scopes`, each once, without those inside others."""
    return tuple({str(one): None for one in scopes if not {EVERYWHERE, Scope(one.ctype)}.intersection(scopes) - {one}})


def _label(placed: Placed) -> str:
    return f"{layer_text(placed.layer)} at {placed.where}"
