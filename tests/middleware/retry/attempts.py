"""Handlers that fail so many times, and a retry in front of them that does not sleep."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from slixmpp import JID

from slixmpp_middleware import Retry
from slixmpp_pipeline import Handler, Layer, PipelineRegistry, install
from slixmpp_pipeline.testing import FakeClient

OP: Final = ("xep_0054", "get_vcard")


@dataclass
class Waits:
    """A sleep that takes no time, and remembers the seconds."""

    seconds: list[float] = field(default_factory=list)

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@dataclass
class Failing:
    """What handlers do here: raise `errors`, one at an attempt, then answer."""

    errors: list[Exception]
    attempts: list[tuple[str, str, str | None, Any]] = field(default_factory=list)

    def act(self, jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        self.attempts.append((str(jid), node, None if ifrom is None else str(ifrom), args))
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def plain(failing: Failing) -> Handler:
    return failing.act


def coroutine(failing: Failing) -> Handler:
    async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        return failing.act(jid, node, ifrom, args)

    return handler


def waiting(failing: Failing) -> Handler:
    async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
        await asyncio.sleep(0)
        return failing.act(jid, node, ifrom, args)

    return handler


def returning(failing: Failing) -> Handler:
    handler: Any = waiting(failing)
    return lambda jid, node, ifrom, args: handler(jid, node, ifrom, args)


KINDS = pytest.mark.parametrize("kind", [plain, coroutine, waiting, returning])


def retried(handler: Handler, attempts: int = 3, around: tuple[Layer, ...] = (), **settings: Any) -> PipelineRegistry:
    """Return a registry with a retry that does not sleep, in front of `handler`."""
    api = install(FakeClient(), *around, Retry(attempts, **{"sleep": Waits(), **settings}))
    api.register(handler, *OP)
    return api


async def outcome(api: PipelineRegistry, *asked: Any, **named: Any) -> Any:
    """Return the answer of a call, or its error, wherever that comes out."""
    try:
        return await api.run(*OP, *asked, **named)
    except Exception as error:
        return error
