"""How does a bot stop without losing a write, or an answer?"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from slixmpp_pipeline.registry import PipelineRegistry

_WAIT = 0.2  # seconds for the server to close its end, which nobody reads any more


async def stop(xmpp: Any, timeout: float | None = 10) -> int:  # noqa: ASYNC109  it cancels nothing
    """Read no more, answer what was begun, then disconnect; return how many calls have not ended.

    `xmpp` is an installed client or component; `timeout` are seconds for the calls under way, None to wait for ever.
    What was done is answered, and what was not answered was not done. Nothing is cancelled: calls that have not ended
    go on until the loop is closed. If this is cancelled, the client is disconnected. TypeError if nothing is installed,
    or for a `timeout` that is no number; ValueError for a negative one; RuntimeError on another loop than the client's.

    >>> import asyncio
    >>> from slixmpp import ClientXMPP
    >>> from slixmpp_pipeline import install
    >>> async def main():
    ...     xmpp = ClientXMPP("juliet@capulet.example", "secret")
    ...     install(xmpp)
    ...     return await stop(xmpp)
    >>> asyncio.run(main())
    0
    """
    api = getattr(xmpp, "api", None)
    if not isinstance(api, PipelineRegistry):
        raise TypeError(f"stop(): xmpp: {xmpp!r} has no pipeline as its api, but {api!r}; call install(xmpp) first")
    # Stanzas that come while the calls end would begin others; and a disconnected client answers nobody.
    api._pending.require_drainable(timeout, xmpp.loop)  # noqa: SLF001  # of this package
    transport = getattr(xmpp, "transport", None)
    if transport is not None:
        with suppress(RuntimeError, NotImplementedError):  # paused already, or closing
            transport.pause_reading()
    try:
        return await api.drain(timeout)
    finally:
        await xmpp.disconnect(wait=_WAIT)
