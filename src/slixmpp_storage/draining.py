"""When does nothing wait any more? When all is committed, everyone has been told, and nothing came meanwhile."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from slixmpp_storage.telling import Telling, finish

if TYPE_CHECKING:
    from slixmpp_storage.pending import Pending


async def drain(pending: Pending, telling: Telling, timeout: float | None) -> int:  # noqa: ASYNC109  # it cancels nothing
    """Wait until no write waits, for `timeout` seconds at most; return how many are left."""
    loop = asyncio.get_running_loop()
    deadline = None if timeout is None else loop.time() + timeout
    while True:
        came = pending.came
        left = None if deadline is None else max(0.0, deadline - loop.time())
        if await _is_drained(pending, telling, left) and came == pending.came:
            return 0
        if deadline is not None and loop.time() >= deadline:
            return pending.count


async def _is_drained(pending: Pending, telling: Telling, timeout: float | None) -> bool:  # noqa: ASYNC109  # as above
    """Wait until nothing waits; return whether nothing has waited before, and everyone has been told."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()
    has_waited = pending.tell_when_drained(future)
    if not has_waited:
        telling.tell([(loop, partial(finish, future, None))])  # after those whose futures end just now
    try:
        await asyncio.wait([future], timeout=timeout)
    finally:
        pending.tell_no_more(future)
    return future.done() and not has_waited
