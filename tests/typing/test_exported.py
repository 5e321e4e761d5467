"""What is public is what is exported, documented and typed: no name less, and none more."""

from __future__ import annotations

import ast
import importlib
import types
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import slixmpp_inspector
import slixmpp_middleware
import slixmpp_pipeline
from slixmpp_pipeline import testing

PUBLIC: dict[types.ModuleType, set[str]] = {
    slixmpp_pipeline: {
        "Attempts",
        "Call",
        "CallAborted",
        "CallNext",
        "CallRefused",
        "CallTimeout",
        "Entry",
        "Event",
        "Explanation",
        "Explanations",
        "Finding",
        "Findings",
        "Handler",
        "Layer",
        "Observer",
        "OptedOut",
        "PendingCall",
        "PipelineError",
        "PipelineRegistry",
        "PipelineWrapper",
        "Reached",
        "Route",
        "Suspended",
        "Tier",
        "being_cancelled",
        "call_of",
        "frozen",
        "install",
        "is_unchanging",
        "own_task",
        "stop",
        "uninstall",
        "waits_at",
    },
    testing: {"FakeClient", "FakePlugin", "LawBroken", "Recorder", "check_layer"},
    slixmpp_middleware: {
        "CallContext",
        "CallFilter",
        "Caching",
        "Jids",
        "Logging",
        "Metrics",
        "Retry",
        "Statistics",
        "Timeout",
        "Tracing",
        "add_call",
        "add_trace",
        "may_pass",
        "outcome_of",
        "shown",
    },
    slixmpp_inspector: {
        "Hold",
        "Inspector",
        "Profile",
        "Profiler",
        "RecordedCall",
        "Span",
        "WaitingCall",
        "Watchdog",
        "waiting_calls",
    },
}
ALIASES = {"CallNext", "Handler", "Jids"}
MODULES = [pytest.param(module, id=module.__name__) for module in PUBLIC]
NAMES = [
    pytest.param(module, name, id=f"{module.__name__}.{name}") for module in PUBLIC for name in sorted(PUBLIC[module])
]


@pytest.mark.parametrize("module", MODULES)
def test_exported_names_are_exactly_the_public_ones(module: types.ModuleType) -> None:
    assert set(module.__all__) == PUBLIC[module]
    assert list(module.__all__) == sorted(set(module.__all__))


def test_inspector_loads_names_when_they_are_asked_for() -> None:
    assert set(slixmpp_inspector.__all__) <= set(dir(slixmpp_inspector))
    with pytest.raises(AttributeError, match="module 'slixmpp_inspector' has no attribute 'nothing'"):
        _ = slixmpp_inspector.nothing


@pytest.mark.parametrize("package", [slixmpp_pipeline, slixmpp_middleware])
def test_package_has_no_other_names_than_its_modules(package: types.ModuleType) -> None:
    names = {
        name
        for name, value in vars(package).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert names == PUBLIC[package]


@pytest.mark.parametrize("module", MODULES)
def test_star_import_gives_the_public_names(module: types.ModuleType) -> None:
    namespace: dict[str, Any] = {}
    exec(f"from {module.__name__} import *", namespace)
    assert namespace.keys() - {"__builtins__"} == PUBLIC[module]


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_public_name_is_documented(module: types.ModuleType, name: str) -> None:
    if name in ALIASES:
        assert name in documented_aliases()
        return
    public = getattr(module, name)
    assert (public.__doc__ or "").strip()
    assert not public.__doc__.startswith(f"{name}(")  # what a dataclass says of itself where nobody does


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_methods_of_a_public_name_are_documented(module: types.ModuleType, name: str) -> None:
    undocumented = [method for method, function in methods_of(getattr(module, name)) if not function.__doc__]
    assert undocumented == []


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_public_name_has_a_typing_test(module: types.ModuleType, name: str) -> None:
    tree = ast.parse((Path(__file__).parent / "test_types.py").read_text(encoding="utf-8"))
    imported = [
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == module.__name__
        for alias in node.names
    ]
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert name in imported
    assert name in used


@pytest.mark.parametrize("package", [slixmpp_pipeline, slixmpp_middleware])
def test_package_tells_type_checkers_that_it_is_typed(package: types.ModuleType) -> None:
    assert package.__file__ is not None
    assert (Path(package.__file__).parent / "py.typed").is_file()


def methods_of(public: Any) -> Iterator[tuple[str, Any]]:
    """Every public method and property that a class of ours defines itself."""
    if not isinstance(public, type):
        return
    for name, value in vars(public).items():
        function = value.fget if isinstance(value, property) else value
        if not name.startswith("_") and isinstance(function, types.FunctionType):
            yield name, function


def documented_aliases() -> set[str]:
    """Return the names of the type aliases that a string after them documents."""
    sources = [
        importlib.import_module(name).__file__
        for name in (
            "slixmpp_pipeline.handlers.found",
            "slixmpp_pipeline.layers.layer",
            "slixmpp_middleware.telemetry.outcomes",
        )
    ]
    bodies = [ast.parse(Path(source).read_text(encoding="utf-8")).body for source in sources if source is not None]
    return {
        alias.target.id
        for body in bodies
        for alias, text in pairwise(body)
        if isinstance(alias, ast.AnnAssign)
        and isinstance(alias.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    }
