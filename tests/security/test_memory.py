"""What strangers send is not kept: for each op, a bound on the bytes that stay of a stanza."""

from __future__ import annotations

import gc
import tracemalloc
from contextlib import suppress
from itertools import cycle
from typing import Any

import pytest
import structlog
from slixmpp import JID
from slixmpp.exceptions import XMPPError

from slixmpp_middleware import Caching, Logging, Metrics, Retry, Timeout, Tracing
from slixmpp_pipeline import Layer, install
from slixmpp_pipeline.catalogue.slixmpp_ops import SLIXMPP_OPS
from slixmpp_pipeline.testing import FakeClient

STANZAS = 10
LONG = 50_000  # characters of a node, or in args
BOUND = (
    2048  # bytes more than with slixmpp's own registry; half of the stanzas are refused, and nothing is stored of them
)


def six() -> tuple[Layer, ...]:
    quiet = structlog.wrap_logger(structlog.testing.ReturnLogger(), processors=[])
    return Logging(logger=quiet), Tracing(), Metrics(), Caching(60), Timeout(5), Retry(3)


def hostile(kind: str, number: int, length: int) -> dict[str, Any]:
    """Return what a stranger makes a plugin call with."""
    text = f"{number:06}".ljust(length, "x")
    args: dict[str, Any] = {
        "text": text,
        "a dict": dict.fromkeys(("cid", "verstring", "feature", "response_id"), text),
        "a stanza": {"from": JID(f"eve@{number}.example/{'r' * 900}")},
    }
    return {
        "jid": f"romeo@montague.example/{'r' * 900}{number}",
        "node": text,
        "ifrom": JID(f"eve@evil.example/{'r' * 900}{number}"),
        "args": args[kind],
    }


def kept(op: tuple[str, str], layers: tuple[Layer, ...] | None, kind: str, length: int) -> float:
    """Return the bytes that are kept of each stanza; every other one is refused."""
    refused = cycle([True, False])

    def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        if next(refused):
            raise XMPPError("item-not-found")

    xmpp = FakeClient()
    api = xmpp.api if layers is None else install(xmpp, *layers)
    api.register(handler, *op)

    def send(number: int) -> None:
        with suppress(XMPPError):
            api.run(*op, **hostile(kind, number, length))

    send(STANZAS)
    tracemalloc.start()
    try:
        for number in range(STANZAS):
            send(number)
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / STANZAS
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["text", "a dict", "a stanza"])
@pytest.mark.parametrize("length", [6, LONG], ids=["short", "long"])
@pytest.mark.parametrize("op", SLIXMPP_OPS, ids=" ".join)
def test_little_is_kept_of_a_stanza(op: tuple[str, str], length: int, kind: str) -> None:
    assert kept(op, six(), kind, length) - kept(op, None, kind, length) < BOUND / 2


def test_nothing_is_kept_of_an_answer_that_is_large() -> None:
    caching = Caching(60, max_bytes=100_000)
    api = install(FakeClient(), caching)
    answers = iter(["x" * 900, "x" * 300, "x" * 1000])
    api.register(lambda jid, node, ifrom, args: next(answers), "xep_0054", "get_vcard")
    for entries, name in ((0, "a"), (1, "b"), (1, "c")):
        api.run("xep_0054", "get_vcard", f"{name}@montague.example")
        assert caching.statistics(api).entries == entries


@pytest.mark.parametrize(("length", "hits"), [(1024, 1), (1025, 0)])
def test_answers_to_long_questions_are_not_stored(length: int, hits: int) -> None:
    caching = Caching(60)
    api = install(FakeClient(), caching)
    api.register(lambda jid, node, ifrom, args: args, "xep_0231", "get_bob")
    ifrom = JID("eve@evil.example")
    text = "x" * (length - len(ifrom.full) - len("a@b") - len("node"))
    for _ in range(2):
        assert api.run("xep_0231", "get_bob", "a@b", "node", ifrom, text).result() == text
    assert (caching.statistics(api).hits, caching.statistics(api).passed) == (hits, 0 if hits else 2)
    assert ("or is too long" in str(api.explain("xep_0231", "get_bob"))) is not bool(hits)


def test_a_stranger_who_asks_each_thing_once_pushes_out_nothing_that_is_asked_for_again() -> None:
    caching = Caching(60, max_entries=200)
    api = install(FakeClient(), caching)
    asked: list[str] = []
    api.register(lambda jid, node, ifrom, args: asked.append(jid.bare), "xep_0054", "get_vcard")
    friends = [f"friend{number}@montague.example" for number in range(50)]

    def ask(jid: str) -> None:
        api.run("xep_0054", "get_vcard", jid)

    for jid in friends * 2:
        ask(jid)
    asked.clear()
    strange = 0
    for jid in friends * 4:
        for _ in range(20):
            ask(f"stranger{strange}@evil.example")
            strange += 1
        ask(jid)
    assert [jid for jid in asked if jid.startswith("friend")] == []
    assert caching.statistics(api).entries == 200
