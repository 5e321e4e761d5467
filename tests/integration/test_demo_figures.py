"""Are the demo's figures what the layers reported, and does it notice when they do not add up?"""

from __future__ import annotations

import doctest
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

if not (Path(__file__).parents[2] / "docs" / "demo").is_dir():
    pytest.skip("the demo, docs/demo, is not part of the installed package", allow_module_level=True)
for needed in ("rich", "opentelemetry.sdk"):
    pytest.importorskip(needed, reason="what the demo needs is installed with: pip install 'slixmpp-pipeline[demo]'")

import demo.picture  # noqa: E402  after the skips
import demo.traffic  # noqa: E402
from demo.handler_time import RUNS, SECONDS, HandlerTime  # noqa: E402
from demo.sums import Books, discrepancies  # noqa: E402
from demo.telemetry import Span, Telemetry  # noqa: E402
from demo.trouble import Trouble  # noqa: E402
from slixmpp_middleware import Retry, Statistics, Tracing  # noqa: E402
from slixmpp_pipeline import install  # noqa: E402
from slixmpp_pipeline.testing import FakeClient, check_layer  # noqa: E402


def test_the_handler_time_keeps_the_laws_of_layers() -> None:
    check_layer(HandlerTime)


async def test_each_attempt_adds_to_the_time_in_the_handler() -> None:
    ticks = iter([0.0, 2.0, 10.0, 13.0])
    telemetry = Telemetry()
    tracing, retry = Tracing(telemetry.tracer_provider), Retry(attempts=2, sleep=_at_once)
    api = install(FakeClient(), tracing, retry, HandlerTime(clock=lambda: next(ticks)))
    errors = [BlockingIOError("locked")]

    async def get_vcard(jid: Any, node: str, ifrom: Any, args: Any) -> str:
        if errors:
            raise errors.pop()
        return "a card"

    api.register(get_vcard, "xep_0054", "get_vcard")
    await api.run("xep_0054", "get_vcard")
    (span,) = telemetry.spans()
    assert (span.attributes[SECONDS], span.attributes[RUNS], span.failures) == (5.0, 2, ("BlockingIOError",))


def _profile(calls: int) -> Any:
    """Return as much of a handler's profile as is counted."""
    return SimpleNamespace(ctype="xep_0054", op="get_vcard", calls=calls)


def _books(**changes: Any) -> Books:
    """Return what adds up: three calls, one of which hit and one of which was repeated, and one before all that."""
    op = "xep_0054 get_vcard"
    right: dict[str, Any] = {
        "counts": {op: Counter(calls=4, hit=1, miss=3, retries=1)},
        "set_up": {op: Counter(calls=1, miss=1)},
        "asked": {op: 3},
        "spans": [Span(op, 1.0, {RUNS: runs}, ("CallTimeout",) * (runs - 1)) for runs in (0, 1, 1, 2)],
        "profiles": [_profile(3), _profile(1)],
        "logged": {op: 4},
        "statistics": (Statistics(hits=1, misses=3, joined=0, passed=0, evictions=0, entries=3),),
        "trouble": Trouble(),
    }
    return Books(**{**right, **changes})


def test_right_figures_add_up() -> None:
    assert discrepancies(_books()) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"logged": {}}, "xep_0054 get_vcard, calls in the metrics and in the log: 4 and 0"),
        ({"asked": {"xep_0054 get_vcard": 5}}, "xep_0054 get_vcard, calls in the metrics and calls made: 3 and 5"),
        ({"asked": {"xep_0012 get": 1}}, "xep_0012 get, calls in the metrics and calls made: 0 and 1"),
        ({"spans": []}, "xep_0054 get_vcard, calls in the metrics and spans: 4 and 0"),
        ({"profiles": []}, "xep_0054 get_vcard, calls in the metrics and in the profiles: 4 and 0"),
        ({"spans": []}, "xep_0054 get_vcard, calls and retries past the cache, and runs of the handler: 4 and 0"),
        ({"statistics": ()}, "calls that the cache counts as hits, and those in the metrics: 0 and 1"),
    ],
)
def test_what_does_not_add_up_is_named(changes: dict[str, Any], message: str) -> None:
    assert message in discrepancies(_books(**changes))


def test_trouble_that_no_layer_answered_is_named() -> None:
    trouble = Trouble()
    trouble.slow_reads, trouble.failed_writes = 2, 3
    assert discrepancies(_books(trouble=trouble)) == [
        "reads that were slow, and timeouts: 2 and 1",
        "writes that failed, and retries: 3 and 1",
    ]


def test_the_same_seed_makes_the_same_trouble() -> None:
    jids = [f"user{number}@cards.example" for number in range(200)]
    one, other, third = Trouble(1), Trouble(1), Trouble(2)
    writes = [one.fails_write(jid) for jid in jids]
    assert [other.fails_write(jid) for jid in reversed(jids)][::-1] == writes
    assert [third.fails_write(jid) for jid in jids] != writes
    assert 0 < one.failed_writes == sum(writes) < 100
    assert not any(one.fails_write(jid) for jid in jids)


@pytest.mark.parametrize("module", [demo.picture, demo.traffic])
def test_the_examples_are_right(module: Any) -> None:
    assert doctest.testmod(module).failed == 0


async def _at_once(seconds: float) -> None:
    """Wait no time at all."""
