"""Every layer keeps the laws, alone and in stacks."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from logging import CRITICAL
from typing import Any

import pytest
import structlog

from slixmpp_middleware import Logging, Timeout
from slixmpp_pipeline import Call, CallNext, Layer
from slixmpp_pipeline.testing import Recorder, check_layer
from tests.layers import passing


def quiet() -> Logging:
    """Return a Logging whose events nobody prints, at a level where all of its code runs."""
    logger = structlog.wrap_logger(
        structlog.testing.ReturnLogger(), processors=[], wrapper_class=structlog.make_filtering_bound_logger(0)
    )
    return Logging(slow=1000, jids="full", logger=logger)


def timeout() -> Timeout:
    return Timeout(1000)


def user_layer() -> Layer:
    return passing


MAKERS: list[Callable[[], Layer]] = [quiet, timeout, user_layer]

STACKS = [
    pytest.param(order, id=" > ".join(make.__name__ for make in order))
    for count in (1, 2, 3)
    for order in permutations(MAKERS, count)
]


def stack(makers: tuple[Callable[[], Layer], ...]) -> Layer:
    """Return one layer that goes through those that `makers` make, the first outermost."""
    layers = [make() for make in makers]

    class Stack:
        taskless = all(getattr(layer, "taskless", False) for layer in layers)

        async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
            return await through(layers, call_next)(call)

    return Stack()


def through(layers: list[Layer], end: CallNext) -> CallNext:
    chain = end
    for layer in reversed(layers):
        chain = one(layer, chain)
    return chain


def one(layer: Layer, call_next: CallNext) -> CallNext:
    async def enter(call: Call) -> Any:
        return await layer(call, call_next)

    return enter


@pytest.mark.parametrize("makers", STACKS)
def test_stack_keeps_the_laws(makers: tuple[Callable[[], Layer], ...]) -> None:
    check_layer(lambda: stack(makers))


@pytest.mark.parametrize("make", [quiet, timeout, Recorder])
def test_layer_keeps_the_laws(make: Callable[[], Layer]) -> None:
    check_layer(make)
    check_layer(make, ctype="xep_0054", op="get_vcard")


def test_logging_keeps_the_laws_where_its_level_is_filtered() -> None:
    logger = structlog.wrap_logger(None, wrapper_class=structlog.make_filtering_bound_logger(CRITICAL))
    check_layer(lambda: Logging(logger=logger))
