"""An observer looks at calls, and changes nothing: not their outcome, not their layers, not what is cached."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Sequence
from typing import Any

import pytest
from slixmpp import JID

from slixmpp_middleware import Caching, Retry, Timeout
from slixmpp_pipeline import Call, CallNext, Event, Layer, PipelineRegistry, Route, install, uninstall, waits_at
from slixmpp_pipeline.testing import FakeClient, Recorder
from tests.layers import Reporting, passing

VERONA = JID("verona.example")


class Seen:
    """An observer that keeps what each timer saw: its place, how the rest ended, and the handler that answered."""

    def __init__(self) -> None:
        self.linked: list[tuple[str, tuple[str, ...]]] = []
        self.spans: list[tuple[str, str, str | None]] = []
        self.events: list[Event] = []

    def timers(self, route: Route, layers: Sequence[str]) -> list[Layer]:
        self.linked.append((f"{route.ctype} {route.op}", tuple(layers)))
        return [self.timer(name) for name in (*layers, "handler")]

    def timer(self, name: str) -> Any:
        async def look(call: Call, call_next: CallNext, /) -> Any:
            outcome = "failed"
            try:
                answer = await call_next(call)
                outcome = "ok"
                return answer
            finally:
                by = call.answered_by
                self.spans.append((name, outcome, None if by is None else by.name.rpartition(".")[2]))
                self.events += [event for event, _ in call.events]

        return look


def get(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
    return f"rain for {jid}"


def other(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
    return f"sun for {jid}"


async def elsewhere(call: Call, call_next: CallNext, /) -> Any:
    return await call_next(call.replace(jid="mantua.example"))


def made(*layers: Any) -> PipelineRegistry:
    api = install(FakeClient(), *layers)
    api.register(get, "weather", "get")
    return api


def test_timers_stand_in_front_of_each_layer_and_around_the_handler() -> None:
    api, seen = made(passing, Timeout(5)), Seen()
    api.observe(seen)
    assert api.run("weather", "get", VERONA).result() == "rain for verona.example"
    assert seen.linked == [("weather get", ("passing", "Timeout"))]
    assert seen.spans == [("handler", "ok", "get"), ("Timeout", "ok", "get"), ("passing", "ok", "get")]
    assert api.observer is seen


def test_a_handler_without_layers_is_observed_and_so_is_nobody() -> None:
    api, seen = made(), Seen()
    api.observe(seen)
    assert api.run("weather", "get").done()
    assert api.run("weather", "forecast").result() is None
    assert seen.spans == [("handler", "ok", "get"), ("handler", "ok", None)]


def test_chains_that_are_there_keep_their_layers_and_caches_their_answers() -> None:
    asked: list[JID] = []
    recorder, seen = Recorder(), Seen()
    api = install(FakeClient(), recorder, Caching(60))

    def get_hash(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        asked.append(jid)
        return "sha1"

    api.register(get_hash, "xep_0153", "get_hash")
    for observer in (None, seen, None, seen, None):
        api.observe(observer)
        assert [api.run("xep_0153", "get_hash", VERONA).result() for _ in range(2)] == ["sha1", "sha1"]
    assert asked == [VERONA]
    assert len(recorder.calls) == 10
    assert [name for name, _, _ in seen.spans] == ["Caching", "Recorder"] * 4
    assert [event.fields["verdict"] for event in seen.events[::2]] == ["hit"] * 4


def test_what_is_observed_no_longer_goes_its_shortest_way_again() -> None:
    api = made()
    before = api._compiler.glance(api, "weather", "get").is_direct
    api.observe(Seen())
    during = api._compiler.glance(api, "weather", "get").is_direct
    api.observe(None)
    assert (before, during, api._compiler.glance(api, "weather", "get").is_direct) == (True, False, True)
    assert api.observer is None


def test_explain_lint_and_taskless_do_not_see_timers() -> None:
    api = made(Timeout(5))
    assert api.run("weather", "get").done()
    before = str(api.explain()), str(api.lint())
    api.observe(Seen())
    assert (str(api.explain()), str(api.lint())) == before
    assert api._compiler.chains["weather"]["get"].taskless


def test_calls_that_bypass_layers_are_observed() -> None:
    api, seen = made(passing, Timeout(5)), Seen()
    api.observe(seen)
    with api.bypass(Timeout):
        assert api.run("weather", "get").done()
    assert [name for name, _, _ in seen.spans] == ["handler", "passing"]


async def test_a_call_under_way_keeps_its_chain() -> None:
    gate, seen = asyncio.Event(), Seen()

    async def wait(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        await gate.wait()

    api = made(Timeout(5))
    api.register(wait, "weather", "get")
    begun = api.run("weather", "get")
    api.observe(seen)
    later = api.run("weather", "get")
    api.observe(None)
    gate.set()
    await asyncio.gather(begun, later)
    assert [name for name, _, _ in seen.spans] == ["handler", "Timeout"]


async def test_a_call_that_is_observed_waits_where_it_did() -> None:
    async def wait(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        await asyncio.Event().wait()

    api = made(Timeout(5))
    api.register(wait, "weather", "get")
    api.observe(Seen())
    future: Any = api.run("weather", "get")
    assert [frame.f_code.co_name for frame in waits_at(future)][-2:] == ["wait", "wait"]
    assert future.get_coro().__qualname__ != "Seen.timer.<locals>.look"
    future.cancel()


@pytest.mark.parametrize("layers", [(elsewhere,), (elsewhere, Retry(2))])
def test_the_handler_that_answers_is_told(layers: tuple[Any, ...]) -> None:
    api, seen = made(*layers), Seen()
    api.register(other, "weather", "get", jid="mantua.example")
    api.observe(seen)
    assert api.run("weather", "get", VERONA).result() == "sun for mantua.example"
    assert {by for _, _, by in seen.spans} == {"other"}


def test_an_error_comes_out_as_it_is_with_a_frame_for_each_timer() -> None:
    def fail(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        raise LookupError(jid)

    api, seen = made(passing), Seen()
    api.register(fail, "weather", "get")
    api.observe(seen)
    with pytest.raises(LookupError) as raised:
        api.run("weather", "get")
    assert [frame.name for frame in traceback.extract_tb(raised.tb)].count("look") == 2
    assert seen.spans == [("handler", "failed", "fail"), ("passing", "failed", "fail")]


def test_events_are_recorded_for_an_observer() -> None:
    api, seen = made(Reporting(Event("breaker", {"state": "closed"}))), Seen()
    api.observe(seen)
    assert api.run("weather", "get").done()
    assert seen.events[-1] == Event("breaker", {"state": "closed"})


def test_there_is_one_observer() -> None:
    api, seen = made(), Seen()
    api.observe(seen)
    api.observe(seen)
    for automatic in (False, True):
        with pytest.raises(ValueError, match=r"observes already; api\.observe\(None\)"):
            api.observe(Seen(), automatic=automatic)
    assert api.observer is seen


def test_an_observer_of_a_tool_gives_way() -> None:
    api, seen = made(), Seen()
    api.observe(Seen(), automatic=True)
    api.observe(seen)
    assert api.observer is seen
    with pytest.raises(ValueError, match="observes already"):
        api.observe(Seen())


def test_an_observer_that_fails_is_not_placed() -> None:
    class Short(Seen):
        def timers(self, route: Route, layers: Sequence[str]) -> list[Layer]:
            return []

    api = made()
    assert api.run("weather", "get").done()
    with pytest.raises(ValueError, match="gave 0 timers for 0 layers and the handler"):
        api.observe(Short())
    assert api.observer is None
    assert api.run("weather", "get").done()


async def test_observers_change_in_the_loops_thread() -> None:
    api = made()
    for observer in (Seen(), None):
        with pytest.raises(RuntimeError, match=r"observe\(\): the client's loop runs in another thread"):
            await asyncio.to_thread(api.observe, observer)


def test_nobody_observes_after_uninstall_and_taking_it_away_is_no_error() -> None:
    api, seen = made(passing), Seen()
    api.observe(seen)
    take_away = api.observe
    uninstall(api.xmpp)
    take_away(None)
    assert api.xmpp.api.run("weather", "get", VERONA).result() == "rain for verona.example"
    assert seen.spans == []
    assert install(api.xmpp).observer is None


def test_who_looked_may_say_so_after_uninstall() -> None:
    xmpp = FakeClient()
    api = install(xmpp)
    api.observe(Seen())
    uninstall(xmpp)
    api.observe(None)
    with pytest.raises(RuntimeError, match="not installed any more"):
        api.observe(Seen())
    assert install(xmpp) is api
    api.observe(Seen())
    api.observe(None)
    uninstall(xmpp)
    api.observe(None)
