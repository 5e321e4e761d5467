"""How does a layer meet a cancellation that nobody asked for? Something inside it raises `CancelledError`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from slixmpp_pipeline import Call, CallAborted, CallNext, Layer, install
from slixmpp_pipeline.testing import FakeClient


async def abort(layer: Layer, *, loop: str) -> None:
    """Make such a call of `c x` behind `layer`, the client's loop "on" or "off"; check that `CallAborted` comes out."""

    async def aborting(call: Call, call_next: CallNext, /) -> Any:
        raise asyncio.CancelledError

    def call() -> None:
        idle = asyncio.new_event_loop()
        with pytest.raises(CallAborted):
            install(FakeClient(loop=idle), layer, aborting).run("c", "x")
        idle.close()

    if loop == "off":
        await asyncio.to_thread(call)
    else:
        with pytest.raises(CallAborted):
            await install(FakeClient(), layer, aborting).run("c", "x")
