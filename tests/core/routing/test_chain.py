"""A route is compiled once, and again after a change; a layer may say what it has to do there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from slixmpp_pipeline import Call, CallNext, Layer, OptedOut, Route, install
from slixmpp_pipeline.testing import FakeClient


@dataclass(frozen=True, slots=True)
class OnlyReads:
    """A layer that has nothing to do for what is no read."""

    reason: str = "not a read"

    def for_route(self, route: Route) -> Layer | OptedOut:
        return self if route.op.startswith("get_") else route.opt_out(self.reason)

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        return ("read", await call_next(call))


async def test_layer_that_opted_out_is_not_on_the_chain() -> None:
    """Layers that need a Task of their own make a plain handler run in one; out of the chain, they ask for nothing."""
    api = install(FakeClient(), OnlyReads())
    api.register(lambda jid, node, ifrom, args: current_name(), "c", "set_x")
    api.register(lambda jid, node, ifrom, args: current_name(), "c", "get_x")
    assert await api.run("c", "set_x") == current_name()
    assert await api.run("c", "get_x") == ("read", "c get_x")


def current_name() -> str:
    task = asyncio.current_task()
    return "" if task is None else task.get_name()
