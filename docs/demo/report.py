"""What does a person read at the end? A table of the ops, what to see in it, and a verdict; in 80 columns."""

from __future__ import annotations

import textwrap
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from demo.remarks import remarks
from slixmpp_inspector.terminal import profile_table, waterfall

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import Console, RenderableType

    from demo.outcome import Outcome
    from demo.settings import Settings

_LISTED = 20
_SLOWEST = 3
_ROOT = f"{Path(__file__).resolve().parents[2]}/"


def progress_bar(console: Console) -> Progress:
    """Return a bar that counts answered stanzas; it shows on a terminal only, and in no picture."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=console.record or not console.is_terminal,
    )


def print_intent(settings: Settings, console: Console) -> None:
    """Say what is going to happen."""
    console.print(
        f"A slixmpp component answers {settings.stanzas:,} IQ stanzas, {settings.at_once} at a time, through six "
        "layers.\nIts SQLite file is slow to read now and then, and now and then a write fails."
    )


def print_outcome(outcome: Outcome, console: Console) -> None:
    """Print everything; the verdict comes last."""
    console.print()
    console.print(profile_table(outcome.profiles))
    console.print(_title("What to see"), _remarks_table(outcome))
    console.print(_title("\nThe slowest calls"))
    for number, call in enumerate(outcome.slowest[:_SLOWEST], 1):
        console.print(waterfall(call, number))
    console.print()
    console.print(_title("explain()"))
    _print_wrapped(str(outcome.explanation).splitlines(), console)
    console.print(_title("\nlint()"))
    _print_wrapped(_lint_lines(outcome), console)
    console.print()
    for line in verdict(outcome):
        console.print(line)


def verdict(outcome: Outcome) -> Iterator[RenderableType]:
    """Say whether every stanza got its answer and all figures add up, at what rate, and what is missing."""
    total, missing = len(outcome.judged), outcome.missing
    rate = f"{outcome.seconds:.2f} s, {total / outcome.seconds:,.0f} stanzas per second"
    if outcome.is_right:
        yield Text(f"All {total:,} stanzas were answered, and the figures add up.", style="bold green")
        yield Text(f"{rate[:1].upper()}{rate[1:]}.")
        return
    if missing:
        yield Text(f"{len(missing):,} of {total:,} stanzas did not get their answer: {rate}.", style="bold red")
    for stanza, wrong in islice(missing.items(), _LISTED):
        yield _indented(f"{stanza.kind}, {stanza.id} from {stanza.sender} to {stanza.to}: {wrong}")
    if len(missing) > _LISTED:
        yield _indented(f"and {len(missing) - _LISTED:,} more")
    for stray in outcome.strays[:_LISTED]:
        yield _indented(f"an answer that nobody waited for, {stray.id} to {stray.to}: {stray.outcome}")
    if outcome.discrepancies:
        yield Text("Figures do not add up:", style="bold red")
    yield from map(_indented, outcome.discrepancies)


def _remarks_table(outcome: Outcome) -> Table:
    """Return what there is to see of each layer, a row each."""
    table = Table.grid(padding=(0, 2))
    for layer, remark in remarks(outcome):
        table.add_row(Text(f"  {layer}", style="bold"), remark)
    return table


def _lint_lines(outcome: Outcome) -> Iterator[str]:
    for what, found in (("as they are", outcome.findings), ("in reverse order", outcome.findings_reversed)):
        reasons = sorted({finding.reason for finding in found})
        yield f"  the layers {what}: {'nothing hurts' if not reasons else ''}".rstrip()
        yield from (f"   - {reason}" for reason in reasons)


def _print_wrapped(lines: Iterable[str], console: Console) -> None:
    for line in lines:
        # Paths from the root of the project: whole ones do not fit a line.
        text = textwrap.fill(line.replace(_ROOT, ""), console.width, subsequent_indent="     ", break_on_hyphens=False)
        console.print(Text(text), soft_wrap=True)


def _title(text: str) -> Text:
    return Text(text, style="bold")


def _indented(line: str) -> Padding:
    return Padding(Text(line), (0, 0, 0, 2), expand=False)
