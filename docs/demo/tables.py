"""Which tables are shown? The calls of each op, what to see in them, and the slowest."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from demo.remarks import remarks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from demo.figures import Figures, SlowCall
    from demo.outcome import Outcome


def call_table(figures: Sequence[Figures]) -> Table:
    """Return a table of the ops under their ctypes; durations in milliseconds."""
    numbers = ["calls", "errors", "p50", "p95", "p99", "hits", "retries", "timeouts"]
    table = _table("Calls of each op; p50, p95 and p99 in ms", ["op"], numbers)
    for ctype, of_ctype in groupby(figures, key=lambda one: one.ctype):
        table.add_row(Text(ctype, style="dim"))
        for one in of_ctype:
            table.add_row(
                f" {one.op}",
                f"{one.calls:,}",
                _count(one.errors, "yellow"),
                *(_ms(seconds) for seconds in (one.p50, one.p95, one.p99)),
                _count(one.hits, "green"),
                _count(one.retries, "cyan"),
                _count(one.timeouts, "yellow"),
            )
    return table


def slowest_table(calls: Sequence[SlowCall]) -> Table:
    """Return a table of slow calls, with what the layers said of each; durations in milliseconds."""
    table = _table(
        "The slowest call of each op and outcome; ms in all, and in the handler",
        ["op", "outcome", "tier", "cache", "attempts"],
        ["ms", "handler"],
    )
    for one in calls:
        failures = ", ".join(f"{count} {name}" for name, count in Counter(one.failures).items())
        table.add_row(
            one.op,
            Text(one.outcome, style="" if one.outcome == "ok" else "yellow"),
            one.tier,
            one.cache or "-",
            f"{one.attempts} after {failures}" if failures else f"{one.attempts}",
            _ms(one.seconds),
            _ms(one.handler_seconds),
        )
    return table


def remarks_table(outcome: Outcome) -> Table:
    """Return what there is to see of each layer, a row each."""
    table = Table.grid(padding=(0, 2))
    for layer, remark in remarks(outcome):
        table.add_row(Text(f"  {layer}", style="bold"), remark)
    return table


def _count(number: int, style: str) -> Text:
    return Text(f"{number:,}", style=style if number else "dim")


def _ms(seconds: float) -> str:
    """Return milliseconds in five characters, up to ten seconds."""
    milliseconds = seconds * 1000
    decimals = 2 if milliseconds < 10 else 1 if milliseconds < 100 else 0  # noqa: PLR2004  steps of ten
    return f"{milliseconds:,.{decimals}f}"


def _table(title: str, columns: Sequence[str], numbers: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=0)
    for column in columns:
        table.add_column(column, no_wrap=True)
    for column in numbers:
        table.add_column(column, justify="right", no_wrap=True)
    return table
