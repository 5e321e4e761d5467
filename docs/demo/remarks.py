"""What is there to see in the figures? A line for each layer, out of what was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demo.outcome import Outcome
    from slixmpp_inspector import Profile


def remarks(outcome: Outcome) -> Iterator[tuple[str, str]]:
    """Iterate over the layers, the outermost first, and what each has done."""
    reads, writes = _sum(outcome.profiles, "get_vcard"), _sum(outcome.profiles, "set_vcard")
    calls = sum(one.calls for one in outcome.profiles)
    asked = reads["calls"] - reads["hits"] - reads["joined"]
    limit = outcome.settings.attempt_timeout
    events = ", ".join(f"{count:,} {event}" for event, count in sorted(outcome.events.items()))
    kept = (
        f"{reads['hits']:,} of {reads['calls']:,} get_vcard never left memory, {reads['joined']:,} shared the answer "
        f"to a call under way; {asked:,} asked the storage."
    )
    repeated = (
        f"get_vcard was tried {reads['retries']:,} times more, and {reads['errors']:,} calls failed in the end; "
        f"set_vcard {writes['retries']:,} times, and {writes['errors']:,} failed."
    )
    yield from (
        ("Logging", f"a line of JSON a call: {events}."),
        ("Tracing", f"{calls:,} spans, each under the caller's."),
        ("Metrics", "calls, errors, hits, retries; to ask for what is not there is an error, too."),
        ("Caching", kept),
        ("Timeout", f"{outcome.timeouts:,} slow attempts at get_vcard ended after {limit} s."),
        ("Retry", repeated),
    )


def _sum(profiles: Iterable[Profile], op: str) -> Counter[str]:
    """Return the sums of the handlers of an op of xep_0054."""
    found: Counter[str] = Counter()
    for one in profiles:
        if (one.ctype, one.op) == ("xep_0054", op):
            failed = sum(one.errors.values()) + sum(one.refused.values())
            found.update(calls=one.calls, hits=one.hits, joined=one.joined, retries=one.retries, errors=failed)
    return found
