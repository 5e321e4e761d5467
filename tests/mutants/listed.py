"""Which mutants is no test to kill? Those in `equivalent.toml`, each with the reason."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import slixmpp_inspector
import slixmpp_middleware
import slixmpp_pipeline


class Mutant(NamedTuple):
    """What is done to a line, wherever that stands in its module; `number` tells several such apart."""

    line: str
    operator: str
    number: int


def modules() -> dict[str, Path]:
    """Return the path of each module by its name below its package."""
    packages = (
        Path(folder)
        for package in (slixmpp_pipeline, slixmpp_middleware, slixmpp_inspector)
        for folder in package.__path__
    )
    return {
        ".".join(path.relative_to(package).with_suffix("").parts): path
        for package in packages
        for path in sorted(package.rglob("*.py"))
        if path.name != "__init__.py"
    }


def entries() -> dict[str, list[dict[str, Any]]]:
    """Return the entries of `equivalent.toml`, by module."""
    with Path(__file__).with_name("equivalent.toml").open("rb") as file:
        return tomllib.load(file)


def mutants_of(entry: dict[str, Any]) -> list[Mutant]:
    """Return the mutants that an entry names; `Operator#2` is the second of that operator on such lines."""
    named = [operator.partition("#") for operator in entry["operators"]]
    return [Mutant(entry["line"], name, int(number or 1)) for name, _, number in named]
