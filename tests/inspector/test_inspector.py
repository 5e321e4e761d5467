"""The page is served while a handler holds the loop, to who has the token, and to nobody else."""

from __future__ import annotations

import asyncio
import errno
import http.client
import logging
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from slixmpp import JID

import slixmpp_inspector
from slixmpp_inspector import Inspector, Profiler, Watchdog, serving
from slixmpp_inspector.inspector import _forget_all
from slixmpp_inspector.remote import Page
from slixmpp_inspector.snapshots import Snapshot
from slixmpp_middleware import Timeout
from slixmpp_pipeline import PipelineRegistry, install, uninstall
from slixmpp_pipeline.testing import FakeClient
from tests.inspector.asked import TOKEN, Answered, Stream, ask
from tests.layers import passing


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert [one.name for one in threading.enumerate() if one.name.startswith("slixmpp-pipeline")] == []


@pytest.fixture
async def api() -> PipelineRegistry:
    return install(FakeClient(), Timeout(5))


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def open_stream(opened: ExitStack, inspector: Inspector, window: str = "minute") -> Stream:
    stream = Stream(str(inspector.address), window)
    opened.callback(stream.close)
    return stream


def port_of(inspector: Inspector) -> int:
    return int(str(inspector.address).partition("/?")[0].rpartition(":")[2])


async def asked(inspector: Inspector, path: str, **given: Any) -> Answered:
    """Ask from another thread, so that the loop of the test can answer."""
    return await asyncio.to_thread(ask, str(inspector.address), path, **given)


class TestGuard:
    def test_first_visit_brings_the_token_into_a_cookie_and_out_of_the_address(self, api: PipelineRegistry) -> None:
        with Inspector(api) as inspector:
            address = str(inspector.address)
            token = address.partition("?token=")[2]
            first = ask(address, f"/?token={token}", token=None)
            assert (first.status, first.headers["Location"]) == (303, ".")
            (cookie,) = SimpleCookie(first.headers["Set-Cookie"]).values()
            port = address.partition("/?")[0].rpartition(":")[2]
            assert (cookie.key, cookie.value) == (f"slixmpp-pipeline-{port}", token)
            assert (cookie["httponly"], cookie["samesite"], cookie["secure"], cookie["path"]) == (
                True,
                "Strict",
                "",
                "",
            )
            assert ask(address, token=None, Cookie=f"{cookie.key}={token}").status == 200
            assert ask(address, token=None, Cookie=f"{cookie.key}={token[:-1]}").status == 401
            assert ask(address, token=None, Cookie=f"slixmpp-pipeline-1={token}").status == 401
            both = [f"{cookie.key}={one}" for one in (token, "of-a-bot-at-another-prefix")]
            assert {ask(address, token=None, Cookie="; ".join(one)).status for one in (both, both[::-1])} == {200}

    def test_each_inspector_has_a_token_of_its_own(self, api: PipelineRegistry) -> None:
        tokens = set()
        for _ in range(3):
            with Inspector(api) as inspector:
                tokens.add(str(inspector.address).partition("?token=")[2])
        assert len(tokens) == 3
        assert min(map(len, tokens)) >= 22  # 128 bits

    @pytest.mark.parametrize("path", ["/", "/page.js", "/events", "/detail", "/explain", "/lint", "/nothing"])
    @pytest.mark.parametrize(
        "given",
        [{}, {"Authorization": "Bearer x"}, {"Authorization": f"Basic {TOKEN}"}, {"Authorization": "Bearer \xfc"}],
        ids=["none", "wrong", "other scheme", "no ASCII"],
    )
    def test_nothing_is_answered_without_the_token(
        self, api: PipelineRegistry, path: str, given: dict[str, str]
    ) -> None:
        with Inspector(api, token=TOKEN) as inspector:
            refused = ask(str(inspector.address), path, token=None, **given)
            assert refused.status == 401
            assert "Open the whole address" in refused.text
            assert TOKEN not in refused.text
            assert ask(str(inspector.address), f"{path}?token=x", token=None, **given).status == 401

    def test_token_in_the_address_opens_the_page_alone(self, api: PipelineRegistry) -> None:
        with Inspector(api, token=TOKEN) as inspector:
            assert ask(str(inspector.address), f"/lint?token={TOKEN}", token=None).status == 401

    @pytest.mark.parametrize(
        "host", ["evil.example", "127.0.0.1.evil.example", "", "a@localhost", "[::1", "::1", "x:y"]
    )
    def test_another_name_of_this_host_is_refused(self, api: PipelineRegistry, host: str) -> None:
        with Inspector(api, token=TOKEN, hosts=["bots.example"]) as inspector:
            assert ask(str(inspector.address), Host=host).status == 403
            assert ask(str(inspector.address), f"/?token={TOKEN}", Host=host).status == 403

    @pytest.mark.parametrize(
        "host",
        [
            "localhost",
            "127.0.0.1:80",
            "127.8.9.1",
            "[::1]:8080",
            "bots.example",
            "BOTS.example",
            "[2001:db8::1]:80",
            "xn--bcher-kva.example",
        ],
    )
    def test_names_of_this_host_are_answered(self, api: PipelineRegistry, host: str) -> None:
        with Inspector(api, token=TOKEN, hosts=["Bots.example", "[2001:db8::1]", "bücher.example"]) as inspector:
            assert ask(str(inspector.address), Host=host).status == 200

    @pytest.mark.parametrize("method", ["POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
    def test_get_is_the_only_method(self, api: PipelineRegistry, method: str) -> None:
        with Inspector(api, token=TOKEN) as inspector:
            assert {ask(str(inspector.address), path, method=method).status for path in ("/", "/lint")} == {405}

    @pytest.mark.parametrize("path", ["/", "/nothing", "/events?window=x"])
    def test_what_is_answered_may_not_be_framed_or_kept(self, api: PipelineRegistry, path: str) -> None:
        with Inspector(api, token=TOKEN) as inspector:
            for token in (TOKEN, None):
                headers = ask(str(inspector.address), path, token=token).headers
                policy = headers["Content-Security-Policy"]
                assert policy.startswith(
                    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'"
                )
                assert "frame-ancestors 'none'" in policy
                assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")
                assert (headers["Cache-Control"], headers["Server"]) == ("no-store", None)

    def test_cookie_behind_a_proxy_goes_over_tls_alone(self, api: PipelineRegistry) -> None:
        with Inspector(api, token=TOKEN, remote=True, hosts=["bots.example"]) as inspector:
            first = ask(str(inspector.address), f"/?token={TOKEN}", token=None, Host="bots.example")
            (cookie,) = SimpleCookie(first.headers["Set-Cookie"]).values()
            assert (cookie.key, cookie["secure"]) == ("slixmpp-pipeline-80", True)

    def test_token_is_in_no_log_repr_or_error(
        self, api: PipelineRegistry, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        caplog.set_level(logging.DEBUG)
        inspector = Inspector(api, token=TOKEN)
        with inspector:
            assert TOKEN not in repr(inspector)
            assert "serves" in repr(inspector)
            port = port_of(inspector)
            with socket.create_connection(("127.0.0.1", port)) as broken:
                broken.sendall(f"GET /?token={TOKEN} HTTP/x\r\n\r\n".encode())
                broken.recv(1)
            with pytest.raises(OSError, match="nobody can listen") as raised:
                Inspector(api, token=TOKEN, port=port).start()
            with pytest.raises(RuntimeError) as again:
                inspector.start()
            monkeypatch.setattr(Watchdog, "holds", None)  # what fails inside is logged
            assert ask(str(inspector.address), "/events").status == 500
        texts = [str(raised.value), str(again.value), caplog.text]
        assert "the inspector failed to answer /events" in caplog.text
        assert not any(TOKEN in text for text in texts)
        for wrong in (f"{TOKEN} {TOKEN}", TOKEN.encode()):
            given: Any = wrong
            with pytest.raises((TypeError, ValueError)) as refused:
                Inspector(api, token=given)
            assert TOKEN not in str(refused.value)


class TestPage:
    def test_files_are_there(self, api: PipelineRegistry) -> None:
        with Inspector(api, token=TOKEN) as inspector:
            kinds = {path: ask(str(inspector.address), path) for path in ("/", "/style.css", "/page.js")}
            assert {one.status for one in kinds.values()} == {200}
            assert [one.headers.get_content_type() for one in kinds.values()] == [
                "text/html", "text/css", "text/javascript"
            ]  # fmt: skip
            assert "<title>" in kinds["/"].text
            assert ask(str(inspector.address), "/style.css", token=None).status == 200  # the refusal wants it

    async def test_snapshots_come_once_a_second_for_each_window(self, api: PipelineRegistry, opened: ExitStack) -> None:
        api.register(lambda *_: "rain", "weather", "get")
        with Inspector(api, token=TOKEN) as inspector:
            api.run("weather", "get")
            minute = await asyncio.to_thread(open_stream, opened, inspector)
            start = await asyncio.to_thread(open_stream, opened, inspector, "start")
            found = [await asyncio.to_thread(one.next) for one in (minute, start, minute)]
            assert [one["window"] for one in found] == ["minute", "start", "minute"]
            assert [row["profile"]["calls"] for one in found for row in one["handlers"]] == [1, 1, 1]
            assert found[2]["at"] - found[0]["at"] > 0.5
            assert minute.response.headers.get_content_type() == "text/event-stream"

    def test_ninth_stream_is_refused_until_one_ends(self, api: PipelineRegistry, opened: ExitStack) -> None:
        with Inspector(api, token=TOKEN) as inspector:
            streams = [open_stream(opened, inspector) for _ in range(8)]
            assert [stream.next()["client"] for stream in streams] == ["FakeClient"] * 8
            refused = ask(str(inspector.address), "/events")
            assert (refused.status, "8 look already" in refused.text) == (429, True)
            at = streams[1].next()["at"]
            streams[0].close()
            while (again := open_stream(opened, inspector)).response.status == 429:
                pass
            assert again.next()["at"] - at < 1  # before anything was sent to who had gone

    def test_who_takes_nothing_of_a_stream_loses_it(
        self, api: PipelineRegistry, opened: ExitStack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(serving, "_SLOW", 0.05)
        for number in range(40):  # some megabytes, more than a connection keeps
            api.register(lambda *_: "rain", "x" * 500_000, f"get {number}")
        with Inspector(api, token=TOKEN) as inspector:
            for number in range(40):
                api.run("x" * 500_000, f"get {number}")
            streams = [open_stream(opened, inspector) for _ in range(8)]
            assert [one.response.status for one in streams] == [200] * 8
            while (again := open_stream(opened, inspector)).response.status == 429:
                pass
            assert again.response.status == 200

    def test_stop_ends_streams_and_the_port_is_free(self, api: PipelineRegistry, opened: ExitStack) -> None:
        inspector = Inspector(api, token=TOKEN)
        address = inspector.start()
        stream = open_stream(opened, inspector)
        assert stream.next() is not None
        inspector.stop()
        inspector.stop()
        assert stream.next() is None
        assert inspector.address is None
        with pytest.raises(ConnectionRefusedError):
            ask(address)
        again = Inspector(api, token=TOKEN, port=int(address.partition("/?")[0].rpartition(":")[2]))
        assert again.start() == address
        again.stop()
        assert "is off" in repr(again)

    async def test_page_is_there_while_a_handler_holds_the_loop(self, api: PipelineRegistry, opened: ExitStack) -> None:
        found: dict[str, Any] = {}

        def hold(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            stream = open_stream(opened, inspector)
            while (snapshot := stream.next())["held"] is None:
                pass
            found["held"] = snapshot["held"]
            found["waiting"], found["age"] = snapshot["waiting"], snapshot["waiting_age"]
            found["explain"] = ask(str(inspector.address), "/explain?ctype=weather&op=hold").json
            found["lint"] = ask(str(inspector.address), "/lint").json

        async def wait(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            await asyncio.Event().wait()

        api.register(hold, "weather", "hold")
        api.register(wait, "weather", "wait")
        with Inspector(api, token=TOKEN) as inspector:
            waits = api.run("weather", "wait")
            before = (await asyncio.to_thread(lambda: open_stream(opened, inspector).next()))["waiting"]
            assert (await asked(inspector, "/explain?ctype=weather&op=hold")).json["age"] == 0
            await api.run("weather", "hold")
            waits.cancel()
        assert [one["op"] for one in before] == ["wait"]
        assert before[0]["stack"][-1].endswith(" Event.wait")
        assert found["held"]["handler"].endswith(".hold")
        assert "readline" in found["held"]["stack"][-1] or found["held"]["seconds"] >= 0.1
        assert [one["op"] for one in found["waiting"]] == ["wait"]
        assert found["age"] > 0
        assert found["explain"]["age"] > 0
        assert "answered by" in found["explain"]["text"]
        assert found["lint"] == {"text": "the bot's loop is held", "age": None, "found": []}

    async def test_details_of_a_handler(self, api: PipelineRegistry) -> None:
        async def get(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
            await asyncio.sleep(0)
            return "rain"

        api.register(get, "weather", "get")
        with Inspector(api, token=TOKEN) as inspector:
            await api.run("weather", "get")
            (row,) = (
                await asyncio.to_thread(lambda: Page(str(inspector.address)).events(Snapshot).__next__())
            ).handlers
            path = f"/detail?ctype=weather&op=get&tier=global&handler={row.profile.handler}"
            detail = (await asked(inspector, path)).json
            assert detail["profile"]["calls"] == 1
            assert [part[0] for part in detail["slowest"][0]["parts"]][-1] == "handler"
            assert detail["slowest"][0]["call"]["op"] == "get"
            assert "1. Timeout(seconds=5)" in detail["explanation"]["text"]
            nothing = (await asked(inspector, "/detail?ctype=weather&op=set&tier=none&window=start")).json
            assert (nothing["profile"], nothing["slowest"]) == (None, [])
            assert (await asked(inspector, "/detail?ctype=weather&tier=none")).status == 400
            assert (await asked(inspector, f"{path}&window=hour")).status == 400

    async def test_what_is_registered_now_is_told(self, api: PipelineRegistry) -> None:
        with Inspector(api, token=TOKEN) as inspector:
            told = (await asked(inspector, "/explain")).json
            assert (told["found"], told["age"]) == ([], 0)
            api.register(lambda *_: "rain", "weather", "get")
            told = (await asked(inspector, "/explain?ctype=weather")).json
            assert [one["op"] for one in told["found"]] == ["get"]
            told = (await asked(inspector, "/explain?ctype=weather&op=get&jid=a%40b&node=n")).json
            assert [(one["jid"], one["node"]) for one in told["found"]] == [("a@b", "n")]
            for wrong in ("op=get", "ctype=weather&op=get&jid=%40%40"):
                refused = await asked(inspector, f"/explain?{wrong}")
                assert (refused.status, refused.text != "") == (400, True)
            assert (await asked(inspector, "/lint")).json == {"text": "no known mistake", "age": 0, "found": []}

    def test_loop_that_is_off_is_told(self) -> None:
        loop = asyncio.new_event_loop()
        with Inspector(install(FakeClient(loop=loop)), token=TOKEN) as inspector:
            told = ask(str(inspector.address), "/lint").json
        loop.close()
        assert told == {"text": "the bot's loop is off", "age": None, "found": []}

    async def test_registry_that_was_uninstalled_is_told(self, api: PipelineRegistry, opened: ExitStack) -> None:
        inspector = Inspector(api, token=TOKEN)
        inspector.start()
        stream = open_stream(opened, inspector)
        assert (await asyncio.to_thread(stream.next))["is_recorded"]
        uninstall(api.xmpp)
        assert not (await asyncio.to_thread(stream.next))["is_recorded"]
        assert (await asked(inspector, "/lint")).json["text"] == "the pipeline is not installed any more"
        inspector.stop()

    def test_connections_leave_the_bot_its_files(self, api: PipelineRegistry, opened: ExitStack) -> None:
        with Inspector(api, token=TOKEN) as inspector:
            where = ("127.0.0.1", port_of(inspector))
            known = [http.client.HTTPConnection(*where, timeout=20) for _ in range(64)]
            for one in known:
                opened.callback(one.close)
                one.request("GET", "/lint", headers={"Authorization": f"Bearer {TOKEN}"})
                assert one.getresponse().read()
            with socket.create_connection(where) as one_more:
                one_more.settimeout(20)
                assert one_more.recv(1) == b""

    def test_connections_without_the_token_keep_nobody_out(self, api: PipelineRegistry, opened: ExitStack) -> None:
        with Inspector(api, token=TOKEN) as inspector:
            where = ("127.0.0.1", port_of(inspector))
            strangers = [opened.enter_context(socket.create_connection(where)) for _ in range(80)]
            for one in strangers:
                one.sendall(b"GET / HT")
                one.settimeout(20)
            assert ask(str(inspector.address)).status == 200
            with suppress(ConnectionResetError):  # it had said something
                assert strangers[0].recv(1) == b""  # the first made room

    def test_failure_to_look_is_logged_and_the_next_second_comes(
        self,
        api: PipelineRegistry,
        opened: ExitStack,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        with Inspector(api, token=TOKEN) as inspector:
            stream = open_stream(opened, inspector)
            first = stream.next()
            with monkeypatch.context() as broken:
                broken.setattr(Watchdog, "holds", None)
                while "the inspector could not look" not in caplog.text:
                    os.sched_yield()
            assert stream.next()["at"] > first["at"]  # and nothing old in between

    async def test_names_that_are_no_text_have_question_marks(self, api: PipelineRegistry) -> None:
        api.register(lambda *_: "rain", "weather", "caf\udce9")
        with Inspector(api, token=TOKEN) as inspector:
            api.run("weather", "caf\udce9")
            (row,) = next(Page(str(inspector.address)).events(Snapshot)).handlers
            assert row.profile.op == "caf?"
            assert "weather caf?" in (await asked(inspector, "/explain")).json["text"]

    async def test_error_of_a_layer_is_not_the_visitors(
        self, api: PipelineRegistry, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Broken:
            def for_route(self, route: Any) -> Any:
                raise TypeError("a bug of the layer")

            async def __call__(self, call: Any, call_next: Any) -> Any:
                return await call_next(call)

        with Inspector(api, token=TOKEN) as inspector:
            api.use(Broken())
            assert (await asked(inspector, "/explain?ctype=weather&op=get")).status == 500
        assert "a bug of the layer" in caplog.text


class TestStarting:
    def test_routes_are_as_they_were_after_stop(self, api: PipelineRegistry) -> None:
        with Inspector(api, token=TOKEN):
            assert isinstance(api.observer, Profiler)
        assert api.observer is None

    def test_profiler_that_observes_is_taken_and_left(self, api: PipelineRegistry) -> None:
        profiler = Profiler()
        api.observe(profiler)
        with Inspector(api, token=TOKEN):
            assert api.observer is profiler
        assert api.observer is profiler

    def test_profiler_that_is_given_observes_until_stop(self, api: PipelineRegistry) -> None:
        profiler = Profiler()
        with Inspector(api, token=TOKEN, profiler=profiler):
            assert api.observer is profiler
        assert api.observer is None

    def test_observer_of_somebody_else_stays(self, api: PipelineRegistry) -> None:
        class Idle:
            def timers(self, route: Any, layers: Any) -> list[Any]:
                return [passing for _ in (*layers, None)]

        idle, inspector = Idle(), Inspector(api, token=TOKEN)
        api.observe(idle)
        with pytest.raises(ValueError, match="observes already"):
            inspector.start()
        assert (inspector.address, api.observer) == (None, idle)
        api.observe(None)
        with inspector:
            api.observe(None)
            api.observe(idle)
        assert api.observer is idle

    def test_watchdog_that_is_given_goes_on(self, api: PipelineRegistry) -> None:
        with Watchdog(api, tell=lambda _: None) as watchdog:
            with Inspector(api, token=TOKEN, watchdog=watchdog):
                pass
            with pytest.raises(RuntimeError):
                watchdog.start()

    def test_twice_is_refused(self, api: PipelineRegistry) -> None:
        with Inspector(api, token=TOKEN) as inspector, pytest.raises(RuntimeError, match="has been started already"):
            inspector.start()

    def test_port_in_use_is_named(self, api: PipelineRegistry) -> None:
        with socket.create_server(("127.0.0.1", 0)) as used:
            port = used.getsockname()[1]
            inspector = Inspector(api, port=port)
            with pytest.raises(OSError, match=f"port {port} of 127.0.0.1 .*; port=0 takes a free one") as raised:
                inspector.start()
            assert raised.value.errno == errno.EADDRINUSE
            assert api.observer is None
        assert f":{port}/?token=" in inspector.start()
        inspector.stop()

    @pytest.mark.parametrize("host", ["localhost", "::1", "127.0.0.2"])
    def test_hosts_of_loopback(self, api: PipelineRegistry, host: str) -> None:
        with Inspector(api, token=TOKEN, host=host) as inspector:
            shown = f"[{host}]" if ":" in host else host
            assert str(inspector.address).startswith(f"http://{shown}:")
            assert ask(str(inspector.address)).status == 200

    def test_host_of_everybody_is_for_a_proxy(self, api: PipelineRegistry) -> None:
        with pytest.raises(ValueError, match=r"ssh -L.*socket='path'.*remote=True"):
            Inspector(api, host="0.0.0.0")
        with pytest.raises(ValueError, match="16 or more"):
            Inspector(api, host="0.0.0.0", remote=True, token="fifteen-letters")
        with Inspector(api, host="0.0.0.0", remote=True, token=TOKEN) as inspector:
            address = str(inspector.address).replace("0.0.0.0", "127.0.0.1")
            assert ask(address).status == 200

    def test_socket_and_port_together_are_refused(self, api: PipelineRegistry, tmp_path: Path) -> None:
        for given in ({"port": 8000}, {"host": "::1"}):
            both: Any = given
            with pytest.raises(ValueError, match="one of both is allowed"):
                Inspector(api, socket=tmp_path / "socket", **both)

    def test_stop_in_another_thread_leaves_the_rest_to_the_loop(self) -> None:
        loop = asyncio.new_event_loop()
        api = install(FakeClient(loop=loop))
        inspector = Inspector(api, token=TOKEN)
        inspector.start()

        async def stop() -> None:
            await asyncio.to_thread(inspector.stop)
            await asyncio.sleep(0)

        loop.run_until_complete(stop())
        loop.close()
        assert (inspector.address, api.observer) == (None, None)

    async def test_loop_that_closes_meanwhile_keeps_the_profiler(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.new_event_loop()
        api = install(FakeClient(loop=loop))
        inspector = Inspector(api, token=TOKEN)
        inspector.start()
        loop.close()
        monkeypatch.setattr(loop, "is_running", lambda: True)
        await asyncio.to_thread(inspector.stop)
        assert inspector.address is None

    def test_profiler_of_a_tool_observes_again(self, api: PipelineRegistry) -> None:
        tool, mine = Profiler(), Profiler()
        api.observe(tool, automatic=True)
        with Inspector(api, token=TOKEN, profiler=mine):
            assert api.observer is mine
        assert api.observer is tool
        api.observe(mine)  # as before: the tool's gives way

    def test_watchdog_of_another_registry_is_refused(self, api: PipelineRegistry) -> None:
        with pytest.raises(ValueError, match="one that looks at this api is"):
            Inspector(api, watchdog=Watchdog(install(FakeClient())))

    def test_watchdog_that_does_not_look_yet_does_until_stop(self, api: PipelineRegistry) -> None:
        watchdog = Watchdog(api)
        with Inspector(api, token=TOKEN, watchdog=watchdog):
            assert watchdog.is_running
        assert not watchdog.is_running

    @pytest.mark.parametrize("name", ["", "bots.example:8443", "bots.example/x", "a b", "x" * 64, "a..b", "-_.!"])
    def test_name_that_is_no_host_is_refused(self, api: PipelineRegistry, name: str) -> None:
        with pytest.raises(ValueError, match="hosts: "):
            Inspector(api, hosts=[name])
        with pytest.raises(ValueError, match="hosts: "):
            Inspector(api, host=name, remote=True)

    def test_thread_that_cannot_be_started_leaves_nothing(
        self, api: PipelineRegistry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        inspector = Inspector(api, token=TOKEN)
        with monkeypatch.context() as broken:
            broken.setattr(threading.Thread, "start", fail)
            with pytest.raises(RuntimeError, match="can't start new thread"):
                inspector.start()
        assert (inspector.address, api.observer) == (None, None)

    def test_server_that_cannot_begin_is_told(self, api: PipelineRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
        async def fail(*_: Any, **__: Any) -> Any:
            raise OSError("no more files")

        inspector = Inspector(api, token=TOKEN)
        with monkeypatch.context() as broken:
            broken.setattr(asyncio.BaseEventLoop, "create_server", fail)
            with pytest.raises(OSError, match="no more files"):
                inspector.start()
        assert (inspector.address, api.observer) == (None, None)

    def test_server_that_ends_is_logged(
        self, api: PipelineRegistry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def fail(*_: Any) -> Any:
            raise OSError("gone")

        with Inspector(api, token=TOKEN):
            monkeypatch.setattr(serving, "_turns", fail)
        assert "the inspector failed, and serves no more" in caplog.text

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
    def test_fork_serves_nothing_and_undoes_nothing(self, api: PipelineRegistry, tmp_path: Path) -> None:
        path = tmp_path / "bot.sock"
        program = FORK.format(path=str(path))
        # Python 3.12 warns of a fork while there are threads, which is what this is about.
        command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, done.stdout.split(), done.stderr) == (
            0,
            ["None", "None", "True", "refused", "rain"],
            "",
        )
        assert not path.exists()

    def test_what_a_fork_forgets_is_the_parents(self, api: PipelineRegistry) -> None:
        inspector, off = Inspector(api, token=TOKEN), Inspector(api)
        address, end = inspector.start(), inspector._end
        _forget_all()  # what a child does
        inspector.stop()
        off.stop()
        assert inspector.address is None
        assert isinstance(api.observer, Profiler)
        with pytest.raises(ConnectionRefusedError):
            ask(address)
        assert end is not None
        end.close()


FORK = """
import os, signal, socket, sys
from slixmpp_inspector import Inspector
from slixmpp_pipeline import install
from slixmpp_pipeline.testing import FakeClient

api = install(FakeClient())
api.register(lambda *_: "rain", "weather", "get")
at_port, at_path = Inspector(api), Inspector(api, socket={path!r})
off = Inspector(api)
port = int(at_port.start().partition("/?")[0].rpartition(":")[2])
at_path.start()
reads, writes = os.pipe()
child = os.fork()
if not child:
    print(at_port.address, at_path.address, flush=True)
    at_port.stop(), at_path.stop()
    os.write(writes, b"x")
    signal.pause()
os.read(reads, 1)
print(os.path.exists({path!r}), flush=True)
at_path.stop(), at_port.stop()
try:
    socket.create_connection(("127.0.0.1", port), timeout=5)
except ConnectionRefusedError:
    print("refused")
os.kill(child, signal.SIGTERM)
os.waitpid(child, 0)
print(api.run("weather", "get").result())
"""


class TestSocket:
    def test_page_is_at_a_path_that_its_owner_may_open(self, api: PipelineRegistry, tmp_path: Path) -> None:
        path = tmp_path / "bot.sock"
        with Inspector(api, token=TOKEN, socket=path) as inspector:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            address = str(inspector.address)
            assert address.startswith("http+unix://%2F")
            events = Page(address).events(Snapshot, window="minute")
            assert next(events).client == "FakeClient"
            events.close()
        assert not path.exists()

    def test_socket_that_nobody_listens_at_is_replaced(self, api: PipelineRegistry, tmp_path: Path) -> None:
        path = tmp_path / "bot.sock"
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(os.fspath(path))
        with Inspector(api, token=TOKEN, socket=os.fspath(path)), pytest.raises(OSError, match=r"bot\.sock") as raised:
            Inspector(api, token=TOKEN, socket=path).start()
        assert raised.value.errno == errno.EADDRINUSE

    def test_socket_of_another_program_at_the_path_stays(self, api: PipelineRegistry, tmp_path: Path) -> None:
        path = tmp_path / "bot.sock"
        with Inspector(api, token=TOKEN, socket=path):
            path.unlink()
            path.write_text("mine", encoding="utf-8")
        assert path.read_text(encoding="utf-8") == "mine"
        with Inspector(api, token=TOKEN, socket=tmp_path / "two.sock"):
            (tmp_path / "two.sock").unlink()

    def test_path_is_of_the_folder_in_which_it_was_given(
        self, api: PipelineRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        inspector = Inspector(api, token=TOKEN, socket="bot.sock")
        monkeypatch.chdir("/")
        with inspector:
            assert (tmp_path / "bot.sock").exists()
            assert quote(str(tmp_path), safe="") in str(inspector.address)

    def test_program_that_is_stuck_has_its_socket(
        self, api: PipelineRegistry, tmp_path: Path, opened: ExitStack
    ) -> None:
        path = tmp_path / "bot.sock"
        stuck = opened.enter_context(socket.socket(socket.AF_UNIX))
        stuck.bind(str(path))
        stuck.listen(0)
        for _ in range(3):  # until nobody else may wait
            waits = opened.enter_context(socket.socket(socket.AF_UNIX))
            waits.setblocking(False)
            waits.connect_ex(str(path))
        with pytest.raises(OSError, match="Address already in use"):
            Inspector(api, socket=path).start()

    def test_path_that_is_none_is_refused(self, api: PipelineRegistry, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="a path without a null character is"):
            Inspector(api, socket="a\0b")
        with pytest.raises(OSError, match="too long") as raised:
            Inspector(api, socket=tmp_path / ("x" * 200)).start()
        assert raised.value.errno == errno.ENAMETOOLONG

    def test_path_that_cannot_be_made_is_named(self, api: PipelineRegistry, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("mine", encoding="utf-8")
        for path in (tmp_path / "no" / "folder", tmp_path / "file"):
            with pytest.raises(OSError, match=path.name):
                Inspector(api, socket=path).start()
        assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


def test_without_aiohttp_it_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "slixmpp_inspector.inspector")
    monkeypatch.setitem(sys.modules, "slixmpp_inspector.serving", None)
    with pytest.raises(ImportError, match=r"pip install 'slixmpp-pipeline\[inspector\]'"):
        _ = slixmpp_inspector.Inspector
