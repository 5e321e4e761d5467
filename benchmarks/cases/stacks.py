"""Which layers, handlers and ops are measured, and how are they called? The same everywhere."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import structlog
from slixmpp import JID

from cases.rounds import Timer, timed
from slixmpp_middleware import Caching, Logging, Metrics, Retry, Timeout, Tracing
from slixmpp_pipeline import Layer, install
from slixmpp_pipeline.testing import FakeClient

if TYPE_CHECKING:
    from slixmpp_pipeline import Call, CallNext

ROMEO = JID("romeo@montague.example/orchard")
WRITE, READ, READ_STANZA = ("xep_0054", "set_vcard"), ("xep_0153", "get_hash"), ("xep_0054", "get_vcard")

Stack: TypeAlias = Callable[[], tuple[Layer, ...]]
"""Makes layers, the outermost first."""


def plain(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
    """Do what a plugin's default handler that writes does at least: nothing that can be measured."""


async def coroutine(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
    """Do the same as a coroutine function; it does not suspend."""


def plain_read(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
    """Answer a read, with what xep_0153 keeps: a hash."""
    return "03d09cdbd4b2f8cb7ac5cbdd13a1a1f7bfb2b4a5"


async def coroutine_read(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
    """Do the same as a coroutine function."""
    return "03d09cdbd4b2f8cb7ac5cbdd13a1a1f7bfb2b4a5"


async def passing(call: Call, call_next: CallNext) -> Any:
    """Do nothing, as a user's layer."""
    return await call_next(call)


class Passing:
    """Do nothing, as a user's layer that is an object: n of them are n layers."""

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Pass the call on."""
        return await call_next(call)


class TasklessPassing(Passing):
    """Do nothing, as a layer that promises to need no task."""

    taskless = True


def five() -> tuple[Layer, ...]:
    """Return the layers of the budgets."""
    return Logging(slow=60), Tracing(), Caching(ttl=60), Timeout(5), Retry(3)


def six() -> tuple[Layer, ...]:
    """Return all that there are."""
    return Logging(slow=60), Tracing(), Metrics(), Caching(ttl=60), Timeout(5), Retry(3)


STACKS: dict[str, Stack] = {
    "no layers": tuple,
    "a user's layer": lambda: (Passing(),),
    "a taskless layer": lambda: (TasklessPassing(),),
    "Logging": lambda: (Logging(slow=60),),
    "Tracing": lambda: (Tracing(),),
    "Metrics": lambda: (Metrics(),),
    "Caching": lambda: (Caching(ttl=60),),
    "Timeout": lambda: (Timeout(5),),
    "Retry": lambda: (Retry(3),),
    "five": five,
    "six": six,
}
"""Stacks by name. "five" is Logging, Tracing, Caching, Timeout and Retry; "six" has Metrics, too."""


def registry(layers: tuple[Layer, ...] | None) -> Any:
    """Return a registry with `layers`; None for slixmpp's own. Belongs to the running loop."""
    xmpp = FakeClient()
    return xmpp.api if layers is None else install(xmpp, *layers)


def idle_telemetry(level: int = logging.INFO) -> None:
    """Let telemetry be there and record nothing: structlog filters events below `level`, OpenTelemetry has no SDK."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(level))


BATCH = 100
"""So many calls of coroutine handlers are begun, and then awaited: else most of the time is the loop's poll."""


def calls_through(api: Any, op: tuple[str, str], batch: int = 0) -> Timer:
    """Return what makes calls of `op`: of a plain handler, or of a coroutine handler so many at a time."""
    call, (ctype, name) = api.run, op

    async def many(times: int) -> None:
        for _ in range(times):
            call(ctype, name, ROMEO)

    async def many_awaited(times: int) -> None:
        for _ in range(times):
            for future in [call(ctype, name, ROMEO) for _ in range(batch)]:
                await future

    return timed(many_awaited if batch else many)
