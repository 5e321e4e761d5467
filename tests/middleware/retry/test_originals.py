"""Each attempt gets what the call was given."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from slixmpp import JID
from slixmpp.plugins.xep_0054 import VCardTemp

from slixmpp_middleware import Retry
from slixmpp_pipeline import Call, CallNext, install
from slixmpp_pipeline.testing import FakeClient, Recorder
from tests.middleware.retry.attempts import (
    KINDS,
    OP,
    Failing,
    Waits,
    outcome,
    plain,
    retried,
)


def card(name: str) -> VCardTemp:
    card = VCardTemp()
    card["FN"] = name
    return card


class TestPristine:
    @KINDS
    async def test_call_is_what_each_attempt_gets(self, kind: Any) -> None:
        failing = Failing([ConnectionError(), ConnectionError()])

        def act(jid: JID, node: str, ifrom: JID, args: Any) -> str:
            try:
                return failing.act(jid, node, ifrom, args)
            finally:
                jid.resource = "changed"
                ifrom.resource = "changed"

        mutating: Any = Failing([])
        mutating.act = act
        args = {"a": ["list"]}
        api = retried(kind(mutating))
        assert (
            await outcome(api, "romeo@montague.example/home", "node", JID("juliet@capulet.example/b"), args) == "answer"
        )
        assert failing.attempts == [("romeo@montague.example/home", "node", "juliet@capulet.example/b", args)] * 3

    async def test_args_are_what_they_were_also_if_an_attempt_takes_them_apart(self) -> None:
        failing = Failing([ConnectionError(), ConnectionError()])

        def act(jid: JID, node: str, ifrom: JID, args: Any) -> Any:
            items = args.pop("items", None)
            failing.act(jid, node, ifrom, args)
            return items

        mutating: Any = Failing([])
        mutating.act = act
        assert await outcome(retried(plain(mutating)), args={"items": [1]}) == [1]

    @pytest.mark.parametrize(
        ("make", "change"),
        [
            (lambda: card("Romeo"), lambda args: args.__setitem__("FN", "changed")),
            (lambda: {"card": card("Romeo")}, lambda args: args["card"].__setitem__("FN", "changed")),
            (lambda: {"items": [1]}, lambda args: args["items"].pop()),
            (lambda: ([1],), lambda args: args[0].pop()),
            (lambda: OrderedDict(a=1), lambda args: args.popitem()),
            (lambda: {1}, lambda args: args.pop()),
            (lambda: bytearray(b"a"), lambda args: args.pop()),
            (lambda: deque([1]), lambda args: args.pop()),
            (lambda: JID("a@b/c"), lambda args: setattr(args, "resource", "changed")),
        ],
    )
    async def test_args_are_what_they_were_however_deep_an_attempt_changes_them(
        self, make: Callable[[], Any], change: Callable[[Any], object]
    ) -> None:
        seen: list[str] = []

        def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            seen.append(repr(args))
            change(args)
            raise ConnectionError

        assert isinstance(await outcome(retried(handler), args=make()), ConnectionError)
        assert seen == [repr(make())] * 3

    async def test_call_is_what_each_attempt_of_a_layer_inside_gets(self) -> None:
        seen: list[tuple[str, str, Any]] = []

        async def changing(call: Call, call_next: CallNext, /) -> Any:
            seen.append((call.jid.full, call.node, call.ifrom))
            call.jid.resource = "changed"
            return await call_next(call.replace(jid="x@y", node="changed", ifrom=JID("x@y"), args="changed"))

        api = retried(plain(Failing([ConnectionError(), ConnectionError()])))
        api.use(changing)
        assert await outcome(api, "romeo@montague.example", "node") == "answer"
        assert seen == [("romeo@montague.example", "node", None)] * 3

    @pytest.mark.parametrize("args", [None, 1])
    async def test_requester_is_who_it_was_also_if_an_attempt_makes_it_another(self, args: Any) -> None:
        seen: list[str] = []

        def handler(jid: JID, node: str, ifrom: Any, args: Any) -> None:
            seen.append(str(ifrom))
            ifrom.resource = "changed"
            if len(seen) < 2:
                raise ConnectionError

        api = install(FakeClient(), Retry(sleep=Waits()))
        api.register(handler, *OP)
        await api.run(*OP, ifrom=JID("nurse@capulet.example/hall"), args=args)
        assert seen == ["nurse@capulet.example/hall"] * 2

    async def test_jids_are_copies_of_each_attempts_own(self) -> None:
        kept: list[JID] = []

        def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            kept.extend([jid, JID() if ifrom is None else ifrom])
            raise ConnectionError

        assert isinstance(await outcome(retried(handler), ifrom=JID("a@b")), ConnectionError)
        assert len({id(jid) for jid in kept}) == 6

    @pytest.mark.parametrize("ifrom", [None, "a@b/c", "not@a@jid", JID()], ids=repr)
    async def test_requester_is_passed_on_whatever_it_is(self, ifrom: Any) -> None:
        recorder = Recorder()
        api = retried(plain(Failing([ConnectionError()])))
        api.use(recorder)
        assert await outcome(api, None, None, ifrom) == "answer"
        assert [(type(call.ifrom), call.ifrom) for call in recorder.calls] == [(type(ifrom), ifrom)] * 2


seconds = st.floats(1e-6, 1e6)
