"""A plugin of pytest: every registry is observed. `python -m pytest -p tests.observed` has to be as green as without.

What may differ is said in `PipelineRegistry.observe`; what looks for that is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from slixmpp_pipeline import CallNext, Layer, Route
from slixmpp_pipeline.routing.compiler import Compiler

DIFFERS = (
    "test_stop_iteration_leaves_as_it_is_without_layers",
    "test_traceback_has_at_most_two_frames_a_layer",
    "test_are_not_recorded_for_a_span_that_is_not",  # an observer wants the events
    "tests/core/test_observe.py",  # there is one observer
    "tests/integration/test_demo.py",  # which has one of its own
    "test_installation.py::TestUninstall",  # whose registries were not observed
)


class Looking:
    """An observer that changes nothing."""

    def timers(self, route: Route, layers: Sequence[str]) -> list[Layer]:
        return [timer() for _ in (*layers, "handler")]


def timer() -> Any:
    async def look(call: Any, call_next: CallNext, /) -> Any:
        try:
            return await call_next(call)
        finally:
            _ = call.events

    return look


def pytest_configure() -> None:
    kind: Any = Compiler
    made = kind.__init__

    def observed(compiler: Compiler, *args: Any) -> None:
        made(compiler, *args)
        compiler.observer = Looking()

    kind.__init__ = observed


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if any(word in item.nodeid for word in DIFFERS):
            item.add_marker(pytest.mark.skip(reason="an observer may differ here"))
