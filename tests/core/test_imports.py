"""What does importing the packages load, and what do layers take from the core?"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import slixmpp_inspector
import slixmpp_middleware
import slixmpp_pipeline

LAYERS = sorted(path for folder in slixmpp_middleware.__path__ for path in Path(folder).rglob("*.py"))


@pytest.mark.parametrize("module", ["slixmpp_pipeline", "slixmpp_pipeline.testing"])
def test_the_core_loads_nothing_that_only_layers_need(module: str) -> None:
    unneeded = {"slixmpp_middleware", "opentelemetry", "structlog"}
    loads = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", loads], capture_output=True, text=True, check=True)
    assert unneeded.isdisjoint(done.stdout.split())
    assert module in done.stdout.split()


@pytest.mark.parametrize("path", LAYERS, ids=lambda path: path.stem)
def test_layers_import_public_names_only(path: Path) -> None:
    public = {f"slixmpp_pipeline.{name}" for name in slixmpp_pipeline.__all__}
    imported = set(_imports_of(path, "slixmpp_pipeline"))
    assert imported <= public


def test_every_layer_file_is_looked_at() -> None:
    assert {"__init__", "logging", "timeout"} <= {path.stem for path in LAYERS}


@pytest.mark.parametrize(
    "package", [slixmpp_pipeline, slixmpp_middleware, slixmpp_inspector], ids=lambda package: package.__name__
)
def test_exported_names_exist_and_are_sorted(package: object) -> None:
    exported = getattr(package, "__all__")  # noqa: B009  a module, to mypy, is any object
    assert exported == sorted(exported)
    assert all(hasattr(package, name) for name in exported)


def _imports_of(path: Path, package: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.partition(".")[0] == package)


@pytest.mark.parametrize(
    "package", [slixmpp_pipeline, slixmpp_middleware, slixmpp_inspector], ids=lambda package: package.__name__
)
def test_no_exported_name_hides_a_module(package: ModuleType) -> None:
    for folder in (package, *_folders_of(package)):
        modules = {module.name for module in pkgutil.iter_modules(folder.__path__)}
        assert modules.isdisjoint(getattr(folder, "__all__", ()))


@pytest.mark.parametrize(
    "package", [slixmpp_pipeline, slixmpp_middleware, slixmpp_inspector], ids=lambda package: package.__name__
)
def test_every_folder_says_which_question_it_answers(package: ModuleType) -> None:
    for folder in _folders_of(package):
        first_line = (folder.__doc__ or "").partition("\n")[0]
        assert first_line.endswith("?")


def _folders_of(package: ModuleType) -> Iterator[ModuleType]:
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if module.ispkg:
            yield importlib.import_module(module.name)
