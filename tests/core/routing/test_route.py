"""What a layer may know of an op."""

from __future__ import annotations

from typing import Any

from slixmpp_pipeline import Call, CallNext, Layer, Route, install
from slixmpp_pipeline.testing import FakeClient


def test_repr_names_the_op() -> None:
    seen: list[Route] = []

    class Keep:
        def for_route(self, route: Route) -> Layer:
            seen.append(route)
            return self

        async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
            return await call_next(call)

    api = install(FakeClient(), Keep())
    assert api.run("c", "set_x").done()
    assert repr(seen[0]) == "Route(c set_x)"
