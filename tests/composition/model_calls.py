"""The calls under way, how each must end, and what a cache must, and must not, answer from memory."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from slixmpp import JID

from tests.composition.model_vcards import CUT_SHORT, CutShort, VCards

TTL = 60


@dataclass(eq=False, kw_only=True)
class Running:
    """A call under way."""

    future: asyncio.Future[Any]
    owner: str
    was_cancelled: bool = field(default=False)


@dataclass(eq=False, kw_only=True)
class Read(Running):
    ifrom: str | None
    bypass: type | None
    on: bool  # the loop was: else it may be answered from memory later on
    started: int
    at: float
    changes: int
    handlers: set[int]  # those that were the right ones at some moment since it started
    asks: bool  # the handler, at once
    is_from_memory: bool


@dataclass(eq=False, kw_only=True)
class Write(Running):
    number: int


class Calls:
    """Those that have begun and were not judged yet, and what was learned from the others."""

    def __init__(self, vcards: VCards) -> None:
        self.vcards = vcards
        self.now = 0.0
        self.running: list[Running] = []
        self.changes: Counter[str] = Counter()  # by bare JID; a write counts when it begins and when it ends
        self.newest: dict[str, int] = {}  # by bare JID: the number of the write that began last
        self.kept: dict[tuple[str, str | None], tuple[int, float]] = {}  # after how many changes, and until when
        self.gone: dict[tuple[str, str | None], float] = {}  # when all that was kept of a key is too old

    def begun_read(self, read: Read) -> None:
        """Take in a read: what it did at once must be right already."""
        if read.is_from_memory:
            assert read.bypass is None
            assert self.now < self.gone.get((read.owner, read.ifrom), 0)
        if read.bypass is None and read.on:
            assert read.is_from_memory or not self.is_kept(read.owner, read.ifrom)
            assert not read.asks or not self.is_asked_for(read.owner, read.ifrom)
        self.running.append(read)

    def begun_write(self, write: Write) -> None:
        self.running.append(write)
        bare = JID(write.owner).bare
        self.changes[bare] += 1
        self.newest[bare] = write.number

    def reads(self) -> list[Read]:
        return [one for one in self.running if isinstance(one, Read)]

    def is_unchanged(self, owner: str, changes: int) -> bool:
        """Whether nothing has written to what `owner` has since there were so many `changes`, and nothing does."""
        bare = JID(owner).bare
        writes = [one for one in self.running if isinstance(one, Write) and JID(one.owner).bare == bare]
        return self.changes[bare] == changes and not writes

    def is_kept(self, owner: str, ifrom: str | None) -> bool:
        """Whether a read must be answered from memory."""
        changes, until = self.kept.get((owner, ifrom), (-1, 0.0))
        return self.now < until and self.is_unchanged(owner, changes)

    def is_asked_for(self, owner: str, ifrom: str | None) -> bool:
        """Whether a read must wait for one that is under way."""
        return any(
            one.asks and one.bypass is None and not one.was_cancelled and self.is_unchanged(owner, one.changes)
            for one in self.reads()
            if (one.owner, one.ifrom) == (owner, ifrom)
        )

    # What must hold of those that have ended

    def judge_what_has_ended(self) -> None:
        for running in [one for one in self.running if one.future.done()]:
            self.running.remove(running)
            if isinstance(running, Write):
                self.changes[JID(running.owner).bare] += 1
            if running.was_cancelled:
                self.judge_cancelled(running.future)
                continue
            assert not running.future.cancelled()
            error = running.future.exception()
            if error is not None:
                self.judge_error(running, error)
            elif isinstance(running, Write):
                assert running.number in self.vcards.applied
            elif isinstance(running, Read):
                self.judge_answer(running)

    def judge_cancelled(self, future: asyncio.Future[Any]) -> None:
        if not future.cancelled():  # a handler had the last word
            assert isinstance(future.exception(), CutShort) or future.result() == CUT_SHORT

    def judge_error(self, running: Running, error: BaseException) -> None:
        (failure,) = [one for one in self.vcards.failures if one.error is error]
        if not isinstance(error, LookupError) and failure.attempt != 2:
            assert isinstance(running, Write)
            assert self.newest[JID(running.owner).bare] > running.number  # which a second attempt would undo
        if isinstance(running, Read):
            assert failure.at > running.started
            assert (failure.owner, failure.ifrom) == (running.owner, running.ifrom)

    def judge_answer(self, read: Read) -> None:
        values = self.vcards.values(JID(read.owner), read.started)
        right = {f"{value} for {read.ifrom} by {number}" for value in values for number in read.handlers}
        assert read.future.result() in right
        if read.bypass is None and not read.is_from_memory:
            key = read.owner, read.ifrom
            self.gone[key] = self.now + TTL
            # The time counts from when it was asked: of one that waited for another read, by that other.
            if read.asks and self.is_unchanged(read.owner, read.changes):
                self.kept[key] = read.changes, read.at + TTL
