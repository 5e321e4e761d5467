"""What is there to see in the figures? A line for each layer, out of what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demo.outcome import Outcome


def remarks(outcome: Outcome) -> Iterator[tuple[str, str]]:
    """Iterate over the layers, the outermost first, and what each has done."""
    by_op = {one.op: one for one in outcome.figures if one.ctype == "xep_0054"}
    reads, writes = by_op["get_vcard"], by_op["set_vcard"]
    calls = sum(one.calls for one in outcome.figures)
    asked = reads.calls - reads.hits - reads.joined
    events = ", ".join(f"{count:,} {event}" for event, count in sorted(outcome.events.items()))
    kept = (
        f"{reads.hits:,} of {reads.calls:,} get_vcard never left memory, {reads.joined:,} shared the answer to a call "
        f"under way; {asked:,} asked the storage."
    )
    repeated = (
        f"get_vcard was tried {reads.retries:,} times more, and {reads.errors:,} calls failed in the end; "
        f"set_vcard {writes.retries:,} times, and {writes.errors:,} failed."
    )
    yield from (
        ("Logging", f"a line of JSON a call: {events}."),
        ("Tracing", f"{calls:,} spans; p50, p95, p99 and the slowest calls are taken from them."),
        ("Metrics", "calls, errors, hits, retries; to ask for what is not there is an error, too."),
        ("Caching", kept),
        ("Timeout", f"{reads.timeouts:,} slow attempts at get_vcard ended after {outcome.settings.attempt_timeout} s."),
        ("Retry", repeated),
    )
