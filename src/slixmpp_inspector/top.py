"""How does the page's table look in a terminal, live?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.live import Live
from rich.text import Text

from slixmpp_inspector.snapshots import Snapshot
from slixmpp_inspector.terminal import console, duration, hold_text, plain, share, table_row, waiting_text

if TYPE_CHECKING:
    from slixmpp_inspector.recorded import Window
    from slixmpp_inspector.remote import Page
    from slixmpp_inspector.snapshots import HandlerRow

_COLUMNS: Final = ("calls/s", "time", "p50", "p95", "p99", "max", "in handler", "holds", "errors", "hits", "now")
_WIDTHS: Final = (7, 4, 7, 7, 7, 7, 10, 7, 6, 4, 3)  # 79 with the blanks between
_MAX_WAITING: Final = 3
_OLD: Final = 2.0  # seconds


def show(page: Page, window: Window) -> None:
    """Show what the page tells, each second anew, until it ends with NoPage; once, if that is no terminal."""
    out = console()
    with closing(page.events(Snapshot, window=window)) as snapshots:
        if not out.is_terminal:
            out.print(view(next(snapshots), None))
            return
        with Live(console=out, screen=True, auto_refresh=False) as live:
            for one in snapshots:
                live.update(view(one, out.height), refresh=True)


def view(of: Snapshot, height: int | None) -> Group:
    """Return a snapshot for a terminal of so many lines; None means as many as there are."""
    lines = [_head(of)]
    if of.held is not None:
        lines += hold_text(of.held).split("\n")
    elif of.last_held is not None:
        ended = time.strftime("%H:%M:%S", time.localtime(of.last_held.began + of.last_held.seconds))
        lines += hold_text(of.last_held).append(f"\n    until {ended}", style="dim").split("\n")
    lines.append(Text(_table(_COLUMNS), style="bold"))
    waiting = _waiting(of)
    room = None if height is None else max(2, height - len(lines) - len(waiting))
    rows = [line for one in of.handlers for line in _row(one, of)]
    if not rows:
        rows = [Text("no calls yet", style="dim")]
    return Group(*lines, *rows[:room], *waiting)


def _head(of: Snapshot) -> Text:
    when = "in the last minute" if of.window == "minute" else "since the start"
    at = time.strftime("%H:%M:%S", time.localtime(of.at))
    text = Text(f"{plain(of.client)}: {of.per_second:,.1f} calls/s, {of.pending:,} under way", style="bold")
    text.append(f"  {when}, {at}", style="not bold dim")
    if not of.is_recorded:
        text.append("  calls are no longer recorded", style="red")
    return text


def _row(of: HandlerRow, snapshot: Snapshot) -> Iterator[Text]:
    one = of.profile
    whole = sum(other.profile.seconds - other.profile.held for other in snapshot.handlers)
    handler = "no handler" if one.handler is None else f"{plain(one.handler)} ({plain(one.tier)})"
    yield Text(plain(f"{one.ctype} {one.op}"), style="bold").append(f"  {handler}", style="not bold dim")
    yield Text(
        _table(
            (
                f"{of.per_second:,.1f}",
                share(one.seconds - one.held, whole),
                *map(duration, (one.p50, one.p95, one.p99, one.longest)),
                share(one.in_handler, one.seconds),
                duration(of.held_loop) if of.held_loop else "-",
                f"{sum(one.errors.values()) or '-'}",
                share(one.hits + one.joined, one.calls) if one.hits + one.joined else "-",
                f"{of.in_flight or '-'}",
            )
        )
    )


def _table(cells: tuple[str, ...]) -> str:
    return table_row(cells, _WIDTHS)


def _waiting(of: Snapshot) -> list[Text]:
    if of.waiting_age is None:
        return [Text("where calls wait is not known while the loop is held", style="dim")]
    if not of.waiting:
        return []
    ago = f", {duration(of.waiting_age)} ago" if of.waiting_age > _OLD else ""
    return [
        Text(f"waiting longest{ago}", style="underline"),
        *(line for one in of.waiting[:_MAX_WAITING] for line in waiting_text(one).split("\n")),
    ]
