"""Where a case is acted: a client with one of the registries, its loop running or off."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog

from slixmpp_middleware import Logging, Timeout
from slixmpp_pipeline import install
from slixmpp_pipeline.testing import FakeClient
from tests.contract.table import FUTURE, UNAWAITED, Outcome
from tests.layers import passing

if TYPE_CHECKING:
    from collections.abc import Callable

    from slixmpp import JID

    from tests.contract.table import Case

CTYPE, OP = "xep_0000", "get"


def _quiet() -> Any:
    return structlog.wrap_logger(structlog.testing.ReturnLogger(), processors=[])


REGISTRIES: dict[str, Callable[[FakeClient], object]] = {
    "slixmpp": lambda xmpp: xmpp.api,
    "ours": install,
    "ours with a user's layer": lambda xmpp: install(xmpp, passing),
    "ours with built-in layers": lambda xmpp: install(xmpp, Logging(logger=_quiet()), Timeout(60)),
    "ours with all of them": lambda xmpp: install(xmpp, Logging(logger=_quiet()), passing, Timeout(60)),
}


class Stage:
    """A client and its registry; `seen` is what handlers note of what they do."""

    def __init__(self, xmpp: FakeClient) -> None:
        self.xmpp = xmpp
        self.api: Any = xmpp.api
        self.seen: list[object] = []

    def answers(self, name: object, jid: JID | str | None = None, node: str | None = None) -> None:
        """Register a plain function that answers with `name`."""
        self.register(lambda jid, node, ifrom, args: name, jid, node)

    def register(self, handler: object, jid: JID | str | None = None, node: str | None = None) -> None:
        """Register a handler of the case's op."""
        self.api.register(handler, CTYPE, OP, jid, node)

    def run(self, jid: JID | str | None = None, node: str | None = None) -> object:
        """Run the case's op."""
        return self.api.run(CTYPE, OP, jid, node)


def observe(case: Case, registry: str, *, running: bool) -> Outcome:
    """Act a case and say how it came out."""
    with asyncio.Runner() as runner:
        xmpp = FakeClient(loop=runner.get_loop())
        REGISTRIES[registry](xmpp)
        stage = Stage(xmpp)
        if running:
            return runner.run(_act_and_settle(case, stage))
        back = _act(case, stage)
        return runner.run(_settle(back))


async def _act_and_settle(case: Case, stage: Stage) -> Outcome:
    return await _settle(_act(case, stage))


def _act(case: Case, stage: Stage) -> Outcome:
    try:
        back = case.act(stage)
    except BaseException as error:  # however it comes out is what the table compares
        return Outcome("raised", type(error), tuple(stage.seen))
    if not isinstance(back, asyncio.Future):
        return Outcome("bare", _shown(back), tuple(stage.seen))
    assert back.get_loop() is stage.xmpp.loop
    return Outcome("later" if not back.done() else "", back, tuple(stage.seen))


async def _settle(outcome: Outcome) -> Outcome:
    future = outcome.what
    if not isinstance(future, asyncio.Future):
        return outcome
    await asyncio.wait([future])
    error = asyncio.CancelledError() if future.cancelled() else future.exception()
    if error is not None:
        return outcome._replace(way=f"failed {outcome.way}".strip(), what=type(error))
    return outcome._replace(way=f"answered {outcome.way}".strip(), what=_shown(future.result()))


def _shown(value: object) -> object:
    if asyncio.iscoroutine(value):
        value.close()
        return UNAWAITED
    if not asyncio.isfuture(value):
        return value
    if value.done() and not value.cancelled():
        value.exception()  # asyncio reports an error that nobody looked at
    return FUTURE
