"""A stack of another thread says which call's handler runs there."""

from __future__ import annotations

import asyncio
import sys
import threading
from functools import partial
from types import FrameType
from typing import Any

import pytest
from slixmpp import JID

from slixmpp_middleware import Retry, Timeout
from slixmpp_pipeline import Call, CallNext, call_of, install
from slixmpp_pipeline.testing import FakeClient
from tests.layers import passing

Looked = list[tuple[Call, list[FrameType]] | None]


def look(looked: Looked) -> None:
    looked.append(call_of(sys._getframe()))


def plain(looked: Looked, jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
    look(looked)


def plain_nothing(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
    """Do nothing."""


async def coroutine(looked: Looked, jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
    await asyncio.sleep(0)
    look(looked)


class Handler:
    def __init__(self, looked: Looked) -> None:
        self.looked = looked

    def __call__(self, jid: JID, node: str, args: Any) -> None:
        look(self.looked)


@pytest.mark.parametrize("layers", [(), (passing,), (Timeout(5), Retry(2))])
@pytest.mark.parametrize("kind", [plain, coroutine, Handler])
async def test_the_call_and_the_frames_from_its_handler_on(layers: tuple[Any, ...], kind: Any) -> None:
    looked: Looked = []
    handler = Handler(looked) if kind is Handler else partial(kind, looked)
    api = install(FakeClient(), *layers)
    api.register(handler, "weather", "get")
    await api.run("weather", "get", "verona.example", "now", JID("nurse@capulet.example"), 5)
    ((call, frames),) = [one for one in looked if one is not None]
    assert call[:6] == ("weather", "get", JID("verona.example"), "now", JID("nurse@capulet.example"), 5)
    assert call.found is not None
    assert call.found.handler == handler
    assert [frame.f_code.co_name for frame in frames][1:] == ["look"]


def test_the_innermost_call_is_meant() -> None:
    looked: Looked = []
    api = install(FakeClient())
    api.register(partial(plain, looked), "weather", "get")
    api.register(lambda jid, node, ifrom, args: api.run("weather", "get").result(), "weather", "forecast")
    assert api.run("weather", "forecast").done()
    assert [one[0].name for one in looked if one is not None] == ["weather get"]


def test_a_replaced_call_has_the_handler_that_answers() -> None:
    looked: Looked = []

    async def elsewhere(call: Call, call_next: CallNext, /) -> Any:
        return await call_next(call.replace(jid="mantua.example"))

    api = install(FakeClient(), elsewhere)
    api.register(print, "weather", "get")
    own = partial(plain, looked)
    api.register(own, "weather", "get", jid="mantua.example")
    assert api.run("weather", "get", "verona.example").done()
    assert [one[0].found.handler for one in looked if one is not None and one[0].found is not None] == [own]


def test_no_handler_runs_in_a_layer_nor_outside_of_calls() -> None:
    looked: Looked = []

    async def looking(call: Call, call_next: CallNext, /) -> Any:
        look(looked)
        return await call_next(call)

    api = install(FakeClient(), looking)
    assert api.run("weather", "get").done()
    api.register(plain_nothing, "weather", "get")
    assert api.run("weather", "get").done()
    assert looked == [None, None]
    assert call_of(sys._getframe()) is None
    assert call_of(None) is None


def test_a_handler_in_c_has_no_frame_of_its_own() -> None:
    """The line that is blamed would be one of the pipeline's."""
    looked: Looked = []

    def first(_value: Any) -> int:
        look(looked)
        return 0

    api = install(FakeClient())
    api.register(partial(max, key=first), "weather", "get")
    assert api.run("weather", "get").done()
    assert set(looked) == {None}


def test_another_thread_may_look() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hold(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        begun.set()
        go_on.wait()

    api = install(FakeClient())
    api.register(hold, "weather", "get")
    thread = threading.Thread(target=api.run, args=("weather", "get"))
    thread.start()
    begun.wait()
    found = call_of(sys._current_frames()[thread.ident or 0])
    go_on.set()
    thread.join()
    assert found is not None
    assert found[0].name == "weather get"
    assert found[1][0].f_code.co_name == "hold"
