"""Do the figures add up? What one layer counted is held against another's count, and against what was done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from demo.handler_time import RUNS
from demo.telemetry import Counts, Span
from demo.trouble import Trouble
from slixmpp_inspector import Profile
from slixmpp_middleware import Statistics


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """All that was counted, by op as `"ctype op"` where it is a mapping.

    `set_up` is what Metrics had counted before the first stanza, and `asked` the calls that the stanzas lead to.
    """

    counts: Counts
    set_up: Counts
    asked: Mapping[str, int]
    spans: Iterable[Span]
    profiles: Iterable[Profile]
    logged: Mapping[str, int]
    statistics: Iterable[Statistics]
    trouble: Trouble


def discrepancies(books: Books) -> list[str]:
    """Return what does not add up, a sentence each."""
    differing = [f"{what}: {one:,} and {other:,}" for what, one, other in _pairs(books) if one != other]
    return [*differing, *_too_few(books)]


def _pairs(books: Books) -> Iterator[tuple[str, int, int]]:
    """Iterate over figures that have to be equal."""
    traced = Counter(span.name for span in books.spans)
    profiled: Counter[str] = Counter()
    for one in books.profiles:
        profiled[f"{one.ctype} {one.op}"] += one.calls
    runs: Counter[str] = Counter()
    for span in books.spans:
        runs[span.name] += span.attributes.get(RUNS, 0)
    for name in sorted({*books.counts, *traced, *books.logged, *books.asked}):
        counted = books.counts.get(name, Counter())
        calls = counted["calls"]
        yield f"{name}, calls in the metrics and spans", calls, traced[name]
        yield f"{name}, calls in the metrics and in the profiles", calls, profiled[name]
        yield f"{name}, calls in the metrics and in the log", calls, books.logged.get(name, 0)
        reaching = calls - counted["hit"] - counted["joined"] + counted["retries"]
        yield f"{name}, calls and retries past the cache, and runs of the handler", reaching, runs[name]
        if name in books.asked:
            since = calls - books.set_up.get(name, Counter())["calls"]
            yield f"{name}, calls in the metrics and calls made", since, books.asked[name]
    for what, noted in (("hits", "hit"), ("misses", "miss"), ("joined", "joined"), ("passed", "pass")):
        kept = sum(getattr(one, what) for one in books.statistics)
        yield f"calls that the cache counts as {what}, and those in the metrics", kept, _total(books.counts, noted)


def _too_few(books: Books) -> Iterator[str]:
    """Iterate over what the layers should have answered to the trouble, and did not."""
    timeouts = sum(
        span.failures.count("CallTimeout") + (span.attributes.get("error.type") == "CallTimeout")
        for span in books.spans
    )
    if timeouts < books.trouble.slow_reads:
        yield f"reads that were slow, and timeouts: {books.trouble.slow_reads:,} and {timeouts:,}"
    retries = _total(books.counts, "retries")
    if retries < books.trouble.failed_writes:
        yield f"writes that failed, and retries: {books.trouble.failed_writes:,} and {retries:,}"


def _total(counts: Counts, what: str) -> int:
    return sum(counted[what] for counted in counts.values())
