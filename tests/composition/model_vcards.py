"""A database of vCards that remembers its past, with handlers that wait at a gate until they are told how to go on."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args
from weakref import WeakKeyDictionary

from slixmpp import JID

# A handler of `get_vcard` reads before it waits, or after; is a plain function, which does not wait, or returns what
# waits; and may make something of its cancellation.
Kind = Literal["early", "late", "plain", "deferred", "answers when cancelled", "fails when cancelled"]
Moment = Literal["early", "middle", "late"]  # a write acts before it waits, between two waits, or after
Outcome = Literal["go on", "ConnectionError", "LookupError"]  # the first error is worth another attempt

KINDS, MOMENTS = get_args(Kind), get_args(Moment)
CUT_SHORT = "an answer that is made of a cancellation"


class CutShort(ConnectionError):
    """An error that is made of a cancellation; of a kind that is worth another attempt otherwise."""


@dataclass
class Version:
    """A value, and when a read that begins must not see it any more: the write that replaced it has ended."""

    value: str | None
    until: int | None = None


@dataclass
class Failure:
    """What a handler raised, when, for whom, and which attempt of the call it was; `ifrom` is no matter for a write."""

    error: Exception
    at: int
    owner: str
    ifrom: str | None
    attempt: int


class VCards:
    """vCards by bare JID."""

    def __init__(self, loop: asyncio.AbstractEventLoop, owners: Iterable[str]) -> None:
        self.loop = loop
        self.ticks = itertools.count(1)
        self.versions = {JID(owner).bare: [Version(f"first of {JID(owner).bare}")] for owner in owners}
        self.gates: list[asyncio.Future[Outcome]] = []
        self.is_open = False  # handlers do not wait
        self.asked = 0
        self.applied: set[int] = set()  # the writes that were
        self.failures: list[Failure] = []
        self.failed: WeakKeyDictionary[asyncio.Task[Any], list[str]] = WeakKeyDictionary()  # attempts of each call
        self.needless: list[list[str]] = []  # failures after which there was another attempt, and must not be

    def value(self, jid: JID) -> str | None:
        return self.versions[jid.bare][-1].value

    def values(self, jid: JID, since: int) -> list[str | None]:
        """Return what a read that began at `since` may see."""
        return [one.value for one in self.versions[jid.bare] if one.until is None or one.until > since]

    def put(self, jid: JID, value: str | None) -> Version:
        """Replace the value; return the version before, which is still to be given its end."""
        versions = self.versions[jid.bare]
        versions.append(Version(value))
        return versions[-2]

    # Waiting, and failing

    def attempt(self) -> None:
        """Begin an attempt: the first, or the second after a failure for a passing reason."""
        task = asyncio.current_task(self.loop)
        failed = [] if task is None else self.failed.get(task, [])
        if failed not in ([], ["ConnectionError"]):
            self.needless.append(failed)

    def fail(self, reason: str) -> int:
        """Note that the attempt fails; return which it was."""
        task = asyncio.current_task(self.loop)
        assert task is not None
        failed = self.failed.setdefault(task, [])
        failed.append(reason)
        return len(failed)

    async def gate(self, owner: JID, ifrom: JID | None) -> None:
        if self.is_open:
            return
        gate = self.loop.create_future()
        self.gates.append(gate)
        try:
            outcome = await gate
        except asyncio.CancelledError:
            self.fail("cancelled")
            raise
        finally:
            self.gates.remove(gate)
        if outcome == "go on":
            return
        error = ConnectionError() if outcome == "ConnectionError" else LookupError()
        asker = None if ifrom is None else ifrom.full
        self.failures.append(Failure(error, next(self.ticks), owner.full, asker, self.fail(outcome)))
        raise error

    # Handlers

    def getting(self, number: int, kind: Kind) -> Callable[..., Any]:
        def answer(value: str | None, ifrom: JID | None) -> str:
            return f"{value} for {ifrom} by {number}"

        def get_plainly(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
            self.attempt()
            self.asked += 1
            return answer(self.value(jid), ifrom)

        async def get(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
            self.attempt()
            self.asked += 1
            early = self.value(jid)
            try:
                await self.gate(jid, ifrom)
            except asyncio.CancelledError as error:
                if kind == "answers when cancelled":
                    return CUT_SHORT
                if kind == "fails when cancelled":
                    raise CutShort from error
                raise
            return answer(self.value(jid) if kind == "late" else early, ifrom)

        def get_deferred(jid: JID, node: str, ifrom: JID | None, args: Any) -> Awaitable[str]:
            return get(jid, node, ifrom, args)

        return {"plain": get_plainly, "deferred": get_deferred}.get(kind, get)

    async def set_vcard(self, jid: JID, node: str, ifrom: JID | None, args: tuple[int, Moment]) -> None:
        await self.write(jid, ifrom, f"version {args[0]}", *args)

    async def del_vcard(self, jid: JID, node: str, ifrom: JID | None, args: tuple[int, Moment]) -> None:
        await self.write(jid, ifrom, None, *args)

    async def write(self, jid: JID, ifrom: JID | None, value: str | None, number: int, moment: Moment) -> None:
        """Act before waiting, after it, or between two waits: then a read may see either value until this ends."""
        self.attempt()
        if moment != "early":
            await self.gate(jid, ifrom)
        before = self.put(jid, value)
        self.applied.add(number)
        if moment != "middle":
            before.until = next(self.ticks)
        try:
            if moment != "late":
                await self.gate(jid, ifrom)
        finally:
            before.until = before.until or next(self.ticks)
