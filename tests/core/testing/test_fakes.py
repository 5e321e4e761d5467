"""A fake client, a plugin, and a layer that remembers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from slixmpp import JID
from slixmpp.api import APIRegistry, APIWrapper

from slixmpp_pipeline import install
from slixmpp_pipeline.testing import FakeClient, FakePlugin, Recorder


class TestFakeClient:
    def test_starts_with_slixmpps_own_registry(self) -> None:
        assert type(FakeClient().api) is APIRegistry

    def test_has_its_jid_and_kind(self) -> None:
        client, component = FakeClient(), FakeClient("capulet.example", is_component=True)
        assert (client.boundjid, client.is_component) == (JID("juliet@capulet.example/balcony"), False)
        assert (component.boundjid, component.is_component) == (JID("capulet.example"), True)

    def test_has_the_plugins_that_were_asked_for(self) -> None:
        xmpp = FakeClient(plugins=["xep_0054", "xep_0030"])
        assert set(xmpp.plugin) == {"xep_0054", "xep_0030"}
        for name, plugin in xmpp.plugin.items():
            assert isinstance(plugin, FakePlugin)
            assert type(plugin.api) is APIWrapper
            assert (plugin.api.api, plugin.api.name) == (xmpp.api, name)
        assert FakeClient().plugin == {}

    async def test_has_the_running_loop(self) -> None:
        assert FakeClient().loop is asyncio.get_running_loop()

    def test_has_a_loop_that_never_runs_where_none_does(self) -> None:
        xmpp = FakeClient()
        assert not xmpp.loop.is_running()
        assert not xmpp.loop.is_closed()

    async def test_has_the_loop_that_was_given(self, idle_loop: asyncio.AbstractEventLoop) -> None:
        assert FakeClient(loop=idle_loop).loop is idle_loop

    async def test_wraps_a_coroutine_as_clients_do(self) -> None:
        async def answer() -> str:
            return "answer"

        future = FakeClient().wrap(answer())
        assert isinstance(future, asyncio.Future)
        assert await future == "answer"

    async def test_serves_slixmpps_own_registry(self) -> None:
        async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
            return str(jid)

        xmpp = FakeClient()
        xmpp.api.register(handler, "c", "x")
        assert await xmpp.api.run("c", "x") == "juliet@capulet.example/balcony"


class TestRecorder:
    async def test_remembers_calls_and_what_they_returned(self) -> None:
        recorder = Recorder()
        api = install(FakeClient(), recorder)
        result = object()
        api.register(lambda jid, node, ifrom, args: result, "c", "x")
        assert await api.run("c", "x", args=1) is result
        assert await api.run("c", "y", args=2) is None
        assert [(call.op, call.args) for call in recorder.calls] == [("x", 1), ("y", 2)]
        assert recorder.outcomes == [result, None]

    async def test_remembers_what_was_raised_and_lets_it_pass(self) -> None:
        recorder = Recorder()
        api = install(FakeClient(), recorder)
        error = LookupError()

        async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            raise error

        api.register(handler, "c", "x")
        with pytest.raises(LookupError) as raised:
            await api.run("c", "x")
        assert raised.value is error
        assert recorder.outcomes == [error]

    async def test_remembers_cancellation_and_lets_it_pass(self) -> None:
        recorder = Recorder()
        xmpp = FakeClient()
        api = install(xmpp, recorder)
        api.register(lambda jid, node, ifrom, args: xmpp.loop.create_future(), "c", "x")
        future = api.run("c", "x")
        await asyncio.sleep(0)
        future.cancel()
        await asyncio.wait([future])
        assert future.cancelled()
        assert [type(outcome) for outcome in recorder.outcomes] == [asyncio.CancelledError]

    async def test_has_no_outcome_for_a_call_under_way(self) -> None:
        recorder = Recorder()
        xmpp = FakeClient()
        gate = xmpp.loop.create_future()
        api = install(xmpp, recorder)
        api.register(lambda jid, node, ifrom, args: gate, "c", "x")
        future = api.run("c", "x")
        assert (len(recorder.calls), recorder.outcomes) == (1, [])
        gate.set_result("answer")
        assert await future == "answer"
        assert recorder.outcomes == ["answer"]

    def test_is_told_apart_by_identity(self) -> None:
        assert Recorder() != Recorder()


def test_fake_client_with_a_string_of_plugins_is_refused() -> None:
    with pytest.raises(TypeError, match="plugins: 'xep_0054' is str"):
        FakeClient(plugins="xep_0054")
