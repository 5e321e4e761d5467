"""What does a person read at the end? Tables, the explanation of one route, and a verdict; in 80 columns."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from demo.traffic import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, RenderableType

    from demo.durations import Figures
    from demo.run import Outcome

_LISTED = 20
_ROOT = f"{Path(__file__).resolve().parents[2]}/"


def progress_bar(console: Console) -> Progress:
    """Return a bar that counts answered stanzas."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )


def print_outcome(outcome: Outcome, console: Console) -> None:
    """Print everything; the verdict comes last."""
    console.print(stanza_table(outcome), call_table(outcome.figures))
    console.print(_slowest_line(outcome.figures))
    console.print(_event_line(outcome))
    console.print(Text("\nexplain()", style="bold"))
    # Paths from the root of the project: whole ones do not fit a line.
    console.print(Text(str(outcome.explanation).replace(_ROOT, "")), soft_wrap=True)
    console.print()
    for line in verdict(outcome):
        console.print(line)


def stanza_table(outcome: Outcome) -> Table:
    """Return a table of the kinds of stanza: the answer that is right, how many went in and how many got it."""
    sent = Counter(stanza.kind for stanza in outcome.judged)
    missing = Counter(stanza.kind for stanza in outcome.missing)
    table = _table("Stanzas", ["stanza", "right answer"], ["sent", "answered"])
    for kind in KINDS:
        if count := sent[kind.name]:
            style = "red" if missing[kind.name] else ""
            table.add_row(kind.name, kind.expected, f"{count:,}", f"{count - missing[kind.name]:,}", style=style)
    return table


def call_table(figures: tuple[Figures, ...]) -> Table:
    """Return a table of the ops: calls, errors, and durations in milliseconds."""
    table = _table("API calls, durations in ms", ["op"], ["calls", "errors", "p50", "p95", "p99", "slowest"])
    worst = max((one.slowest.seconds for one in figures), default=0)
    for one in figures:
        durations = [_ms(one.p50), _ms(one.p95), _ms(one.p99)]
        slowest = Text(_ms(one.slowest.seconds), style="bold yellow" if one.slowest.seconds == worst else "")
        errors = Text(f"{one.errors:,}", style="yellow" if one.errors else "")
        table.add_row(f"{one.ctype} {one.op}", f"{one.calls:,}", errors, *durations, slowest)
    return table


def verdict(outcome: Outcome) -> Iterator[RenderableType]:
    """Say whether every stanza got its answer, at what rate, and what is missing."""
    total, missing = len(outcome.judged), outcome.missing
    rate = f"{outcome.seconds:.2f} s, {total / outcome.seconds:,.0f} stanzas per second"
    if outcome.all_answered:
        yield Text(f"All {total:,} stanzas were answered: {rate}.", style="bold green")
        return
    yield Text(f"{len(missing):,} of {total:,} stanzas did not get their answer: {rate}.", style="bold red")
    for stanza, wrong in islice(missing.items(), _LISTED):
        yield _indented(f"{stanza.kind}, {stanza.id} from {stanza.sender} to {stanza.to}: {wrong}")
    if len(missing) > _LISTED:
        yield _indented(f"and {len(missing) - _LISTED:,} more")
    for stray in outcome.strays[:_LISTED]:
        yield _indented(f"an answer that nobody waited for, {stray.id} to {stray.to}: {stray.outcome}")


def _indented(line: str) -> Padding:
    return Padding(Text(line), (0, 0, 0, 2), expand=False)


def _slowest_line(figures: tuple[Figures, ...]) -> Text:
    slowest = max(figures, key=lambda one: one.slowest.seconds)
    return Text(f"The slowest call: {slowest.op} for {slowest.slowest.jid}, {_ms(slowest.slowest.seconds)} ms.")


def _event_line(outcome: Outcome) -> Text:
    counts = ", ".join(f"{count:,} {event}" for event, count in sorted(outcome.events.items()))
    return Text(f"The log, in JSON: {counts}.")


def _table(title: str, columns: Sequence[str], numbers: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, collapse_padding=True)
    for column in columns:
        table.add_column(column, no_wrap=True)
    for column in numbers:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f}"
