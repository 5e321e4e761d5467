"""What answers at the inner end of a chain: the handler for the call as it is by then."""

from __future__ import annotations

from typing import Any

import pytest

from slixmpp_pipeline import Call, CallNext, PipelineRegistry, Reached, install
from slixmpp_pipeline.testing import FakeClient, Recorder


class Redirecting:
    """Sends every call to a node; `taskless` or not, as the test wants it."""

    role = ""

    def __init__(self, taskless: bool, node: str) -> None:
        self.taskless = taskless
        self.node = node

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        return await call_next(call.replace(node=self.node))


@pytest.fixture(params=[True, False], ids=["by hand", "as a task"])
def taskless(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
async def api() -> PipelineRegistry:
    api = install(FakeClient())
    api.register(lambda jid, node, ifrom, args: "everybody", "x", "get")
    api.register(lambda jid, node, ifrom, args: f"node {node}", "x", "get", node="n")
    return api


async def test_replaced_call_is_answered_by_its_own_handler(api: PipelineRegistry, taskless: bool) -> None:
    recorder = Recorder()
    api.use(recorder, Redirecting(taskless, "n"))

    assert api.run("x", "get").result() == "node n"
    assert recorder.calls[0].answered_tier == "node"
    assert recorder.calls[0].tier == "global"


async def test_handler_that_goes_on_the_way_answers_no_more(taskless: bool) -> None:
    registry = install(FakeClient())

    class Unregistering(Redirecting):
        async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
            registry.unregister("x", "get")
            return await call_next(call)

    recorder = Recorder()
    registry.use(recorder, Unregistering(taskless, ""))
    registry.register(lambda jid, node, ifrom, args: "gone", "x", "get")

    assert registry.run("x", "get").result() is None
    assert recorder.calls[0].answered_tier == "none"


@pytest.mark.parametrize(("role", "remembered"), [("cache", True), ("telemetry", False), ("", False)])
async def test_what_reaches_the_handler_is_remembered_where_a_cache_is(
    api: PipelineRegistry, taskless: bool, role: str, remembered: bool
) -> None:
    recorder, layer = Recorder(), Redirecting(taskless, "n")
    layer.role = role
    api.use(recorder, layer)

    assert api.run("x", "get", "romeo@montague.example", args=5).result() == "node n"

    expected = [Reached("romeo@montague.example", "n", None, 5)] if remembered else []
    assert recorder.calls[0].reached == expected
