"""What does the same work take elsewhere: one call through n layers that do nothing, to a coroutine that does nothing?

Each peer is used the cheapest way that it documents. What an application makes once is made beforehand, the request
included; what a library makes for each call is measured.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any

from slixmpp import JID

from peers import chains, mediators
from peers.counted import Counts, Peer, Send
from slixmpp_pipeline import Call, CallNext, install
from slixmpp_pipeline.testing import FakeClient

FLOOR, OURS = "bare await", "slixmpp-pipeline"


def bare(n: int, counts: Counts) -> Send:
    """Through functions linked beforehand, a coroutine for each: the floor."""

    async def handle(call: Any) -> None: ...

    def bound(layer: Any, call_next: Any) -> Any:
        def enter(call: Any) -> Any:
            return layer(call, call_next)

        return enter

    chain = counts.inmost(handle)
    for layer in counts.layers(n, _make_passing):
        chain = bound(layer, chain)
    return functools.partial(chain, None)


def ours(n: int, counts: Counts) -> Send:
    """Through `api.run()`, which finds the handler and starts a Task for each call, as coroutine functions need it."""
    api = install(FakeClient(loop=asyncio.get_running_loop()), *counts.layers(n, _make_passing))
    api.register(counts.inmost(_handler), "xep_0054", "set_vcard")
    return functools.partial(api.run, "xep_0054", "set_vcard", JID("romeo@montague.example/orchard"))


async def _handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None: ...


def _make_passing() -> Any:
    async def passing(call: Call, call_next: CallNext) -> Any:
        return await call_next(call)

    return passing


def _build(link: Callable[[int, Counts], Send], n: int, *, counting: bool = False) -> Peer:
    counts = Counts(counting)
    return Peer(link(n, counts), counts.entered)


PEERS: dict[str, Callable[..., Peer]] = {FLOOR: functools.partial(_build, bare), OURS: functools.partial(_build, ours)}
"""By name, `build(n, *, counting=False)`; to be called in the loop that the calls are made in."""

MISSING: dict[str, str] = {}
"""Why the others are not there, by name."""

for _name, _link in {
    "aiohttp": chains.aiohttp,
    "Starlette": chains.starlette,
    "nopanic": chains.nopanic,
    "diator": mediators.diator,
    "aiogram": chains.aiogram,
    "mediatr": mediators.mediatr,
    "python-cqrs": mediators.python_cqrs,
    "kerux": mediators.kerux,
}.items():
    try:
        _link(0, Counts(counting=False))
    except ImportError as _error:
        MISSING[_name] = str(_error)
    else:
        PEERS[_name] = functools.partial(_build, _link)


def prove() -> None:
    """Check that n layers run in a call of each peer, around a coroutine that runs once; RuntimeError if not."""
    for name in PEERS:
        for n in (0, 1, 5, 20):
            entered = asyncio.run(_entered(name, n))
            if entered != n:
                raise RuntimeError(f"{name}: {entered} layers of {n} ran")


async def _entered(name: str, n: int) -> int:
    peer = PEERS[name](n, counting=True)
    await peer.call()
    return peer.entered()
