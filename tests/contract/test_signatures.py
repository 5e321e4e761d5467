"""Every public method of slixmpp's classes is on ours, with the same parameters."""

from __future__ import annotations

import inspect
from inspect import Parameter
from typing import Any

import pytest
from slixmpp.api import APIRegistry, APIWrapper

from slixmpp_pipeline import PipelineRegistry, PipelineWrapper, install
from slixmpp_pipeline.testing import FakeClient

REGISTRY_METHODS = sorted(name for name in vars(APIRegistry) if not name.startswith("_"))
# Older releases make them in __getattr__, newer ones define them.
WRAPPER_METHODS = sorted(
    {"register", "register_default", "restore_default", "run", "unregister"}
    | {name for name, value in vars(APIWrapper).items() if not name.startswith("_") and callable(value)}
)


def parameters(function: Any) -> list[tuple[str, Any, Any]]:
    found = inspect.signature(function).parameters.values()
    return [(one.name, one.kind, one.default) for one in found]


def test_registry_has_the_known_methods() -> None:
    known = {"purge", "register", "register_default", "restore_default", "run", "unregister", "wrap"}

    assert set(REGISTRY_METHODS) == known


@pytest.mark.parametrize("name", [*REGISTRY_METHODS, "__init__"])
def test_registry_method_has_slixmpps_parameters(name: str) -> None:
    assert parameters(getattr(PipelineRegistry, name)) == parameters(getattr(APIRegistry, name))


@pytest.mark.parametrize("name", ["xmpp", "settings"])
def test_registry_has_slixmpps_attributes(name: str) -> None:
    xmpp = FakeClient()
    theirs = getattr(xmpp.api, name)

    assert getattr(install(xmpp), name) is theirs


@pytest.mark.parametrize("name", WRAPPER_METHODS)
def test_wrapper_method_has_slixmpps_parameters(name: str) -> None:
    theirs = parameters(getattr(FakeClient().api.wrap("any"), name))
    if theirs[0][1] is Parameter.VAR_POSITIONAL:  # older releases hand all on to the registry
        theirs = [one for one in parameters(getattr(FakeClient().api, name)) if one[0] != "ctype"]

    assert parameters(getattr(install(FakeClient()).wrap("any"), name)) == theirs


def test_wrapper_is_made_with_slixmpps_parameters() -> None:
    assert parameters(PipelineWrapper.__init__) == parameters(APIWrapper.__init__)


def test_wrapper_by_op_has_slixmpps_parameters() -> None:
    theirs = FakeClient().api.wrap("any")["op"]
    ours = install(FakeClient()).wrap("any")["op"]

    assert parameters(ours) == parameters(theirs)


def test_our_classes_are_slixmpps_kin() -> None:
    api = install(FakeClient())

    assert isinstance(api, APIRegistry)
    assert isinstance(api.wrap("any"), APIWrapper)
