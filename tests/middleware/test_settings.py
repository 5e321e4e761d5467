"""What can be set of each layer, with which defaults; and what all layers have in common."""

from __future__ import annotations

import asyncio
import dataclasses
import random
import re
import time
from collections.abc import Callable
from inspect import Parameter, signature
from typing import Any

import pytest
from slixmpp import JID

from slixmpp_middleware import Caching, Logging, Metrics, Retry, Timeout, Tracing, may_pass
from slixmpp_pipeline import Layer, install
from slixmpp_pipeline.testing import FakeClient

REQUIRED = Parameter.empty

#: In order: those before "*" can be given by position.
SETTINGS: list[tuple[type, dict[str, Any]]] = [
    (
        Caching,
        {
            "ttl": REQUIRED,
            "max_entries": 10_000,
            "max_bytes": 64 * 1024 * 1024,
            "negative_ttl": None,
            "key": None,
            "shared": False,
            "*": ...,
            "clock": time.monotonic,
        },
    ),
    (Logging, {"slow": None, "jids": "omit", "*": ..., "logger": None, "clock": time.perf_counter}),
    (Metrics, {"meter_provider": None, "*": ..., "handlers": False, "clock": time.perf_counter}),
    (
        Retry,
        {
            "attempts": 3,
            "*": ...,
            "base": 0.05,
            "maximum": 2.0,
            "on": may_pass,
            "sleep": asyncio.sleep,
            "random": random.random,
        },
    ),
    (Timeout, {"seconds": REQUIRED, "*": ..., "clock": time.monotonic}),
    (Tracing, {"tracer_provider": None, "*": ..., "jids": "omit"}),
]

LAYERS: list[tuple[Layer, str]] = [
    (Caching(60), "Caching(ttl=60, max_entries=10000, max_bytes=67108864, negative_ttl=None, key=None, shared=False)"),
    (Logging(), "Logging(slow=None, jids='omit')"),
    (Metrics(), "Metrics()"),
    (Metrics(handlers=True), "Metrics(handlers=True)"),
    (Retry(), "Retry(attempts=3, base=0.05, maximum=2.0)"),
    (Timeout(5), "Timeout(seconds=5)"),
    (Tracing(), "Tracing(jids='omit')"),
]
EACH = pytest.mark.parametrize("layer", [layer for layer, _ in LAYERS], ids=lambda layer: type(layer).__name__)


@pytest.mark.parametrize(("kind", "settings"), SETTINGS)
def test_settings_are_these_with_these_defaults(kind: type, settings: dict[str, Any]) -> None:
    found: dict[str, Any] = {}
    for parameter in signature(kind).parameters.values():
        if parameter.kind is Parameter.KEYWORD_ONLY:
            found.setdefault("*", ...)
        found[parameter.name] = parameter.default
    assert list(found.items()) == list(settings.items())


@pytest.mark.parametrize(("layer", "text"), LAYERS)
def test_repr_shows_settings_and_nothing_else(layer: Layer, text: str) -> None:
    assert repr(layer) == text


@EACH
def test_layer_never_changes(layer: Any) -> None:
    for field in dataclasses.fields(layer):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(layer, field.name, None)
    assert not hasattr(layer, "__dict__")


@EACH
@pytest.mark.parametrize("op", ["get_hash", "set_hash"])
async def test_layer_leaves_a_plain_handler_in_the_callers_task(layer: Layer, op: str) -> None:
    tasks: list[Any] = []
    api = install(FakeClient(), layer)
    api.register(lambda jid, node, ifrom, args: tasks.append(asyncio.current_task()), "xep_0153", op)
    assert api.run("xep_0153", op, JID("romeo@montague.example")).done()
    assert tasks == [asyncio.current_task()]


@pytest.mark.parametrize(
    ("one", "other", "are_equal"),
    [
        (Logging(slow=1), Logging(slow=1), True),
        (Logging(slow=1), Logging(slow=2), False),
        (Metrics(), Metrics(), True),
        (Metrics(), Metrics(handlers=True), False),
        (Metrics(handlers=True), Metrics(handlers=True), True),
        (Retry(3), Retry(3), True),
        (Timeout(5), Timeout(5), True),
        (Tracing(), Tracing(), True),
        (Caching(60), Caching(60), False),
    ],
)
def test_layers_with_equal_settings_are_equal_unless_they_keep_something(
    one: Layer, other: Layer, are_equal: bool
) -> None:
    assert (one == other) is are_equal


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (lambda: Logging(clock=5), "Logging: clock: 5 is int"),  # type: ignore[arg-type]  # refused, that is the test
        (lambda: Timeout(5, clock=3), "Timeout: clock: 3 is int"),  # type: ignore[arg-type]  # refused
        (lambda: Caching(60, shared="false"), "Caching: shared: 'false' is str"),  # type: ignore[arg-type]  # refused
        (lambda: Caching(60, shared=1), "Caching: shared: 1 is int"),  # type: ignore[arg-type]  # refused
        (lambda: Timeout(10**400), "Timeout: seconds: 10"),
        (lambda: Caching(float("inf")), "Caching: ttl: inf"),
        (lambda: Logging(slow=float("nan")), "Logging: slow: nan"),
        (lambda: Retry(base=10**400), "Retry: base: 10"),
    ],
)
def test_bad_value_is_refused_and_named(make: Callable[[], object], setting: str) -> None:
    with pytest.raises((TypeError, ValueError), match=re.escape(setting)):
        make()
