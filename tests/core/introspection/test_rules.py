"""Which stacks of layers hurt?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from slixmpp_middleware import Logging, Timeout
from slixmpp_pipeline import Layer, PipelineRegistry, Route
from tests.core.introspection.roles import (
    INSIDE_CACHE,
    INSIDE_RETRY,
    NESTED_RETRIES,
    TOTAL_TOO_SHORT,
    Cache,
    Limit,
    Passing,
    Retry,
    Telemetry,
    reasons,
)


@dataclass(frozen=True, slots=True)
class Unheard(Passing):
    """A layer of a role that nobody knows, and that sorts behind all others."""

    role: ClassVar[str] = "unheard-of"


TWICE = "the same layer object twice"


INSIDE_TIMEOUT = "telemetry inside a timeout reports a timeout as cancelled"


TELEMETRY_TWICE = "telemetry of one type twice reports every call twice"


class TestRules:
    @pytest.mark.parametrize(
        ("outer", "inner", "reason"),
        [
            (Retry(), Retry(), NESTED_RETRIES),
            (Limit(1), Limit(5), TOTAL_TOO_SHORT),
            (Limit(5), Limit(5), TOTAL_TOO_SHORT),
            (Timeout(1), Limit(5), TOTAL_TOO_SHORT),
            (Timeout(1), Timeout(5.5), TOTAL_TOO_SHORT),
            (Retry(), Telemetry(), INSIDE_RETRY),
            (Retry(), Logging(), INSIDE_RETRY),
            (Cache(), Telemetry(), INSIDE_CACHE),
            (Cache(), Logging(), INSIDE_CACHE),
            (Limit(5), Telemetry(), INSIDE_TIMEOUT),
            (Timeout(5), Logging(), INSIDE_TIMEOUT),
            (Telemetry(), Telemetry(), TELEMETRY_TWICE),
            (Logging(), Logging(slow=1), TELEMETRY_TWICE),
        ],
    )
    @pytest.mark.parametrize("between", [(), (Passing(),)])
    def test_names_what_hurts(
        self, api: PipelineRegistry, outer: Layer, inner: Layer, reason: str, between: tuple[Layer, ...]
    ) -> None:
        api.use(outer, *between, inner)
        assert reasons(api) == [reason]

    @pytest.mark.parametrize(
        ("outer", "inner"),
        [
            (Limit(5), Limit(1)),
            (Timeout(5), Timeout(4.5)),
            (Telemetry(), Retry()),
            (Logging(), Cache()),
            (Telemetry(), Logging()),
            (Cache(), Retry()),
            (Retry(), Cache()),
            (Cache(), Cache()),
            (Retry(), Limit(5)),
            (Limit(5), Retry()),
            (Passing(), Passing()),
            (Limit(1), Retry()),
            (Unheard(), Unheard()),
        ],
    )
    def test_leaves_what_does_not_hurt(self, api: PipelineRegistry, outer: Layer, inner: Layer) -> None:
        api.use(outer, inner)
        assert reasons(api) == []

    def test_names_one_layer_twice_on_an_op(self, api: PipelineRegistry) -> None:
        layer = Passing()
        api.use(layer)
        api.register(lambda jid, node, ifrom, args: None, "c", "x")
        api.use(layer, ctype="c", op="x")
        (finding,) = api.lint()
        assert (finding.reason, finding.scopes) == (TWICE, ("c x",))

    def test_takes_a_timeout_without_seconds_for_unlimited(self, api: PipelineRegistry) -> None:
        @dataclass(frozen=True, slots=True)
        class Custom(Passing):
            role: ClassVar[str] = "timeout"

        api.use(Custom(), Timeout(5))
        assert api.lint() == []

    def test_sees_past_a_specialised_layer(self, api: PipelineRegistry) -> None:
        @dataclass(frozen=True, slots=True)
        class Specialised(Passing):
            role: ClassVar[str] = "retry"

            def for_route(self, route: Route) -> Layer:
                return Passing()

        api.use(Specialised(), Retry())
        api.register(lambda jid, node, ifrom, args: None, "c", "x")
        assert reasons(api) == [NESTED_RETRIES]

    def test_names_all_that_hurts(self, api: PipelineRegistry) -> None:
        api.use(Retry(), Cache(), Telemetry(), Retry())
        assert sorted(reasons(api)) == sorted([INSIDE_RETRY, INSIDE_CACHE, NESTED_RETRIES])
