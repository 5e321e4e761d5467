"""Which layers apply to an op, and in which order? Those of its scopes: everywhere, its ctype, the op itself.

Each scope adds its own layers inside those of the broader scopes. Then its overrides replace broader layers, and what
it excludes is taken out. Within a scope, the layer that was registered first is outermost.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from slixmpp_pipeline.handlers.names import is_same
from slixmpp_pipeline.layers.layer import layer_name, require_layer, require_layer_or_type
from slixmpp_pipeline.layers.placement import EVERYWHERE, Placed, Scope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slixmpp_pipeline.layers.layer import Layer

_FUNCTIONS = (FunctionType, MethodType, functools.partial)


@dataclass(slots=True)
class _Rules:
    """What was registered for one scope."""

    placed: list[Placed] = field(default_factory=list)
    overrides: list[Placed] = field(default_factory=list)
    excluded: list[object] = field(default_factory=list)


class Scopes:
    """The layers of one registry. A method that raises changes nothing."""

    __slots__ = ("_rules",)

    def __init__(self) -> None:
        self._rules: dict[Scope, _Rules] = {}

    def layers(self, ctype: str | None, op: str | None) -> list[Placed]:
        """Return the layers of an op, outermost first; None for those of a whole ctype, and of everywhere.

        Automatic ones step aside where the application has one of the type.
        """
        return _aside(self._found(ctype, op))[1]

    def aside(self, ctype: str, op: str) -> list[Placed]:
        """Return the automatic layers that step aside for an op."""
        return _aside(self._found(ctype, op))[0]

    def _found(self, ctype: str | None, op: str | None) -> list[Placed]:
        found: list[Placed] = []
        for scope in _from_broad(Scope(ctype, op)):
            if rules := self._rules.get(scope):
                found += rules.placed
                found = [_overridden(one, rules.overrides) for one in found]
                found = [one for one in found if not one.is_one_of(rules.excluded)]
        return found

    def use(self, layers: tuple[Any, ...], scope: Scope, where: str, *, is_automatic: bool = False) -> None:
        """Add `layers` to a scope, inside those that it has; automatic ones outside those of the application."""
        if not layers:
            raise TypeError("use() needs at least one layer")
        there = [one.layer for one in self._rules_of(scope).placed]
        for index, layer in enumerate(layers):
            require_layer(layer, f"use(): argument {index + 1}")
            if _is_in(layer, there):
                raise ValueError(f"use(): {layer_name(layer)} is already registered {_in(scope)}, as the same object")
            there.append(layer)
        rules = self._rules.setdefault(scope, _Rules())
        placed = rules.placed + [Placed(layer, str(scope), where, None, is_automatic) for layer in layers]
        rules.placed = sorted(placed, key=lambda one: not one.is_automatic)

    def override(self, layer: Any, scope: Scope, instead_of: Any, where: str) -> None:
        """Replace a broader layer in a scope: the one of the type of `layer`, or `instead_of`."""
        require_layer(layer, "override(): layer")
        if scope.ctype is None:
            raise TypeError("override(): ctype is missing; an override is for one ctype, or one op of it")
        broader = self._broader(scope)
        if instead_of is not None:
            require_layer_or_type(instead_of, "override(): instead_of")
        elif isinstance(layer, _FUNCTIONS):
            raise TypeError(
                f"override(): instead_of is missing; {layer_name(layer)} is a function, so name the layer to replace"
            )
        meant = type(layer) if instead_of is None else instead_of
        candidates = [one for one in broader if one.is_one_of([meant])]
        if not candidates:
            known = ", ".join(layer_name(one.layer) for one in broader) or "no layer"
            raise LookupError(f"override(): no {layer_name(meant)} is registered more broadly than {scope}; {known} is")
        if len(candidates) > 1:
            listed = ", ".join(f"{one.layer!r} ({one.where})" for one in candidates)
            raise ValueError(f"override(): several layers could be meant, name one with instead_of: {listed}")
        (broader_one,) = candidates
        rules = self._rules_of(scope)
        if _overridden(broader_one, rules.overrides) is not broader_one:
            raise ValueError(f"override(): {layer_name(meant)} is already overridden {_in(scope)}; remove that first")
        rules.overrides.append(Placed(layer, str(scope), where, broader_one))
        self._rules[scope] = rules

    def exclude(self, chosen: tuple[Any, ...], scope: Scope) -> None:
        """Take layers out of a scope; a type means every layer of it, now and later.

        Layers of narrower scopes stay.
        """
        if not chosen:
            raise TypeError("exclude() needs at least one layer or type")
        if scope.ctype is None:
            raise TypeError("exclude(): ctype is missing; to take a layer out everywhere, use remove()")
        known = self.layers(*scope)
        for index, one in enumerate(chosen):
            require_layer_or_type(one, f"exclude(): argument {index + 1}")
            if not isinstance(one, type) and not _is_in(one, [placed.layer for placed in known]):
                raise LookupError(f"exclude(): this very {one!r} does not apply {_in(scope)}; a type means all of it")
        rules = self._rules.setdefault(scope, _Rules())
        rules.excluded += [one for one in chosen if not _is_in(one, rules.excluded)]

    def remove(self, layer: Any) -> None:
        """Take `layer` out of every scope, with its overrides and exclusions."""
        require_layer(layer, "remove(): layer")
        if not self.has(layer):
            raise LookupError(f"remove(): this very {layer_name(layer)} is not registered; keep the object that is")
        before = self._all_layers()
        for rules in self._rules.values():
            rules.placed = [one for one in rules.placed if not one.involves(layer)]
            rules.overrides = [one for one in rules.overrides if not one.involves(layer)]
        left = self._all_layers()
        gone = [one for one in before if not _is_in(one, left)]  # the layer, and those that overrode it
        for rules in self._rules.values():
            rules.excluded = [one for one in rules.excluded if not _is_in(one, gone)]
        self._rules = {scope: rules for scope, rules in self._rules.items() if rules != _Rules()}

    def require_known(self, chosen: tuple[Any, ...]) -> None:
        """TypeError if `chosen` is empty or has neither layer nor class of layers; LookupError for an unknown layer."""
        if not chosen:
            raise TypeError("bypass() needs at least one layer or type")
        for index, one in enumerate(chosen):
            require_layer_or_type(one, f"bypass(): argument {index + 1}")
            if not isinstance(one, type) and not self.has(one):
                raise LookupError(f"bypass(): {one!r} is not registered")

    def has(self, layer: Any) -> bool:
        """Whether `layer` is registered anywhere."""
        return _is_in(layer, self._all_layers())

    def has_role(self, role: str) -> bool:
        """Whether a layer of `role` is registered anywhere."""
        return any(getattr(layer, "role", "") == role for layer in self._all_layers())

    def ops(self) -> list[tuple[str, str]]:
        """Return the ctype and op of every op that is a scope."""
        return [(ctype, op) for ctype, op in self._rules.copy() if ctype is not None and op is not None]

    def broad(self) -> dict[Scope, list[Placed]]:
        """Return the layers of each ctype, and those everywhere."""
        return {scope: self.layers(*scope) for scope in self._rules.copy() if scope.op is None}

    def named(self) -> dict[Scope, list[Placed]]:
        """Return each scope with the layers that were registered for it."""
        return {scope: rules.placed + rules.overrides for scope, rules in self._rules.copy().items()}

    def _all_layers(self) -> list[Layer]:
        return [one.layer for rules in self._rules.copy().values() for one in rules.placed + rules.overrides]

    def _rules_of(self, scope: Scope) -> _Rules:
        return self._rules.get(scope) or _Rules()

    def _broader(self, scope: Scope) -> list[Placed]:
        return self.layers(scope.ctype, None) if scope.op is not None else self.layers(None, None)


def _from_broad(scope: Scope) -> list[Scope]:
    return list(dict.fromkeys([EVERYWHERE, Scope(scope.ctype), scope]))


def _overridden(placed: Placed, overrides: list[Placed]) -> Placed:
    """Return the override meant for `placed`, or for what that replaces itself; `placed` if there is none."""
    lineage = list(placed.lineage())
    return next((one for one in overrides if one.instead_of in lineage), placed)


def _aside(found: list[Placed]) -> tuple[list[Placed], list[Placed]]:
    """Return the automatic layers of which the application has one of the type, and all others.

    A function has no type that says what it does.
    """
    own = [one.layer for one in found if not one.is_automatic and not isinstance(one.layer, _FUNCTIONS)]
    chosen = set(map(type, own))
    aside = [one for one in found if one.is_automatic and type(one.layer) in chosen]
    return aside, [one for one in found if one not in aside]


def _is_in(layer: object, layers: Iterable[object]) -> bool:
    return any(is_same(layer, one) for one in layers)


def _in(scope: Scope) -> str:
    return str(scope) if scope.ctype is None else f"for {scope}"
