"""What came of a run? What was seen while it went on, and what the layers have to say of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from demo.component import Shown, find_mistakes
from demo.judge import calls_for
from demo.settings import Settings
from demo.stream import Answer
from demo.sums import Books, discrepancies
from demo.telemetry import Counts
from demo.traffic import DOMAIN, Stanza
from demo.trouble import Trouble
from slixmpp_inspector import Profile, RecordedCall
from slixmpp_middleware import Statistics
from slixmpp_pipeline import Explanation, Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was seen of a run from outside: each stanza with what is wrong, `""` for nothing, and stray answers.

    `seconds` is the time for all stanzas, `set_up` what Metrics had counted before the first one, `logged` the log.
    """

    settings: Settings
    shown: Shown
    trouble: Trouble
    judged: Mapping[Stanza, str]
    strays: tuple[Answer, ...]
    seconds: float
    set_up: Counts
    logged: Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a run: each stanza with what is wrong, `""` for nothing, and what was measured.

    `profiles` are of the handlers, `timeouts` attempts at get_vcard that a timeout ended.
    `events` are the log's, `statistics` the caches' by scope; `findings` are those of `lint()`, `findings_reversed`
    what it says of the same layers in the opposite order. `discrepancies` are figures that do not add up.
    """

    settings: Settings
    judged: Mapping[Stanza, str]
    strays: tuple[Answer, ...]
    seconds: float
    profiles: tuple[Profile, ...]
    slowest: tuple[RecordedCall, ...]
    timeouts: int
    events: Mapping[str, int]
    statistics: Mapping[str, Statistics]
    explanation: Explanation
    findings: tuple[Finding, ...]
    findings_reversed: tuple[Finding, ...]
    discrepancies: tuple[str, ...]

    @property
    def missing(self) -> dict[Stanza, str]:
        """The stanzas without the right answer, with what came instead."""
        return {stanza: wrong for stanza, wrong in self.judged.items() if wrong}

    @property
    def is_right(self) -> bool:
        """Whether every stanza got its answer, and none another, and all figures add up."""
        return not (self.missing or self.strays or self.discrepancies)


def look_back(seen: Seen) -> Outcome:
    """Ask the layers what they have to say of a run that is over."""
    shown = seen.shown
    counts, spans, profiles = shown.telemetry.counts(), shown.telemetry.spans(), shown.profiler.profiles()
    statistics = {scope: caching.statistics(shown.api) for scope, caching in shown.caches.items()}
    books = Books(
        counts=counts,
        set_up=seen.set_up,
        asked=calls_for(seen.judged),
        spans=spans,
        profiles=profiles,
        logged=Counter(f"{line['ctype']} {line['op']}" for line in seen.logged),
        statistics=tuple(statistics.values()),
        trouble=seen.trouble,
    )
    return Outcome(
        settings=seen.settings,
        judged=seen.judged,
        strays=seen.strays,
        seconds=seen.seconds,
        profiles=tuple(profiles),
        slowest=tuple(shown.profiler.slowest()),
        timeouts=counts["xep_0054 get_vcard"]["timeouts"],
        events=Counter(line["event"] for line in seen.logged),
        statistics=statistics,
        explanation=shown.api.explain("xep_0054", "get_vcard", DOMAIN),
        findings=tuple(shown.api.lint()),
        findings_reversed=tuple(find_mistakes(shown.layers[::-1])),
        discrepancies=tuple(discrepancies(books)),
    )
