"""When is a write over that never ends?"""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from slixmpp import JID

from slixmpp_middleware import Caching
from slixmpp_pipeline import Call, CallNext, PipelineRegistry, install
from slixmpp_pipeline.testing import FakeClient

ROMEO = JID("romeo@montague.example")


class Elsewhere:
    """A layer that makes a write one of another JID."""

    taskless = True

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        return await call_next(call.replace(jid="nurse@capulet.example"))


@pytest.mark.parametrize("layers", [(), (Elsewhere(),)], ids=["as given", "replaced"])
def test_write_that_waits_is_over_with_its_loop(layers: tuple[Any, ...], caplog: pytest.LogCaptureFixture) -> None:
    """A plain function has returned a future, which nobody will set."""
    loop = asyncio.new_event_loop()
    xmpp, asked = FakeClient(loop=loop), 0

    def get_hash(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        nonlocal asked
        asked += 1
        return "sha1"

    async def begin(api: PipelineRegistry) -> None:
        assert not api.run("xep_0054", "set_vcard", ROMEO).done()

    api = install(xmpp, Caching(60))
    for layer in layers:
        api.use(layer, ctype="xep_0054")
    api.register(lambda jid, node, ifrom, args: loop.create_future(), "xep_0054", "set_vcard")
    api.register(get_hash, "xep_0153", "get_hash")
    loop.run_until_complete(begin(api))
    loop.close()
    xmpp.loop = asyncio.new_event_loop()
    for jid in (ROMEO, JID("nurse@capulet.example")):
        asked = 0
        for _ in range(3):
            assert api.run("xep_0153", "get_hash", jid).result() == "sha1"
        assert asked == 1
    xmpp.loop.close()
    del api, xmpp
    gc.collect()
    caplog.clear()  # asyncio says that a task was destroyed
