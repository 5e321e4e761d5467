"""What a profiler keeps is bounded, whatever handlers and JIDs come."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import pytest
from slixmpp import JID

from slixmpp_inspector import Profiler
from slixmpp_inspector.rows import SLICES, Counted, Row
from slixmpp_pipeline import install
from slixmpp_pipeline.testing import FakeClient

MIB = 1024 * 1024
ROWS, MANY = 200, 20_000


@pytest.fixture(autouse=True)
def traced() -> Iterator[None]:
    gc.collect()
    tracemalloc.start()
    yield
    tracemalloc.stop()


def test_rows_with_every_bucket_in_use_take_no_more_than_45_mib() -> None:
    durations = [1e-6 * 1.0202**number for number in range(1024)]  # more than there are
    calls: list[Counted] = [(one, ("ok", None), None, 1, ("handler",), [(0, 0.0, one)], 1) for one in durations]
    before = tracemalloc.get_traced_memory()[0]
    rows = [Row(("weather", f"get{number}", "bot.get", "global")) for number in range(ROWS // 10)]
    for row in rows:
        for _ in range(SLICES + 2):  # one of now, those of the last minute, and the one of all that is older
            row.pending += calls
            row.swap(0)
    assert (tracemalloc.get_traced_memory()[0] - before) / MIB < 45 / 10
    assert rows[0].total(since_start=True).calls == 1024 * (SLICES + 2)


def test_handlers_and_jids_without_end_take_no_more_than_two_hundred() -> None:
    def answer(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        """Answer nothing."""

    api, profiler = install(FakeClient()), Profiler("full")
    api.observe(profiler)
    used: list[float] = []
    for number in range(MANY):
        handler = FunctionType(answer.__code__, globals())
        handler.__qualname__ = f"handler{number}"
        jid = JID(f"user{number}@montague.example")
        api.register(handler, "weather", "get", jid)
        assert api.run("weather", "get", jid).done()
        api.unregister("weather", "get", jid)
        if number in (MANY // 4, MANY - 1):
            used.append(tracemalloc.get_traced_memory()[0] / MIB)
    profiles = profiler.profiles()
    assert (len(profiles), sum(one.calls for one in profiles)) == (ROWS + 1, MANY)
    assert used[1] - used[0] < 1
