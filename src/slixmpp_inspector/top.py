"""How does the page's table look in a terminal, live?"""

from __future__ import annotations

import time
from collections import deque
from contextlib import closing
from itertools import chain
from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.live import Live
from rich.text import Text

from slixmpp_inspector.snapshots import Snapshot
from slixmpp_inspector.terminal import console, duration, hold_text, plain, share, table_row, waiting_text

if TYPE_CHECKING:
    from rich.console import ConsoleDimensions

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
    live = Live(console=out, screen=True, auto_refresh=False)
    last: deque[Snapshot] = deque(maxlen=1)

    def show_old() -> None:
        live.update(view(last[0], out.size, is_old=True), refresh=True)

    with closing(page.events(Snapshot, show_old, window=window)) as snapshots:
        if not out.is_terminal:
            out.print(view(next(snapshots)))
            return
        first = next(snapshots)
        with live:
            for one in chain([first], snapshots):
                last.append(one)
                live.update(view(one, out.size), refresh=True)


def view(of: Snapshot, size: ConsoleDimensions | None = None, *, is_old: bool = False) -> Group:
    """Return a snapshot for a terminal of that size; None means as long and as wide as it is.

    `is_old` says that the bot tells nothing any more.
    """
    above = [_head(of, is_old=is_old)]
    if of.held is not None:
        above += hold_text(of.held).split("\n")
    elif of.last_held is not None:
        ended = time.strftime("%H:%M:%S", time.localtime(of.last_held.began + of.last_held.seconds))
        above += hold_text(of.last_held).append(f"\n    until {ended}", style="dim").split("\n")
    above.append(Text(table_row(_COLUMNS, _WIDTHS), style="bold"))
    below = _waiting(of)
    whole = sum(one.profile.seconds - one.profile.held for one in of.handlers)
    rows = [_row(one, whole) for one in of.handlers]
    if size is not None:
        rows = rows[: max(1, (size.height - len(above) - len(below)) // 2)]  # a handler has two lines
    lines = [*above, *chain.from_iterable(rows), *([] if rows else [Text("no calls yet", style="dim")]), *below]
    if size is not None:
        for line in lines:
            line.truncate(size.width, overflow="ellipsis")
    return Group(*lines)


def _head(of: Snapshot, *, is_old: bool) -> Text:
    when = "in the last minute" if of.window == "minute" else "since the start"
    at = time.strftime("%H:%M:%S", time.localtime(of.at))
    text = Text(f"{plain(of.client)}: {of.per_second:,.1f} calls/s, {of.pending:,} under way", style="bold")
    text.append(f"  {when}, {at}", style="not bold dim")
    if is_old:
        text.append("  the bot says nothing: what is shown is old", style="red")
    elif not of.is_recorded:
        text.append("  calls are no longer recorded", style="red")
    return text


def _row(of: HandlerRow, whole: float) -> tuple[Text, Text]:
    """Return the two lines of a handler; all handlers took `whole` seconds."""
    one = of.profile
    handler = "no handler" if one.handler is None else f"{plain(one.handler)} ({plain(one.tier)})"
    figures = (
        f"{of.per_second:,.1f}",
        share(one.seconds - one.held, whole),
        *(duration(seconds) if one.calls else "-" for seconds in (one.p50, one.p95, one.p99, one.longest)),
        share(one.in_handler, one.seconds),
        duration(of.held_loop) if of.held_loop else "-",
        f"{sum(one.errors.values()) or '-'}",
        share(one.hits + one.joined, one.calls) if one.hits + one.joined else "-",
        f"{of.in_flight or '-'}",
    )
    name = Text(plain(f"{one.ctype} {one.op}"), style="bold").append(f"  {handler}", style="not bold dim")
    return name, Text(table_row(figures, _WIDTHS))


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
