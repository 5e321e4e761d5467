"""How do profiles, calls and holds look in a terminal? Names are shown as they are: no markup, no control character."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from slixmpp_inspector.parts import main_parts, own_parts
from slixmpp_inspector.recorded import HANDLER

if TYPE_CHECKING:
    from rich.console import RenderableType

    from slixmpp_inspector.holds import Hold
    from slixmpp_inspector.parts import Part
    from slixmpp_inspector.recorded import Profile, RecordedCall
    from slixmpp_inspector.waiting import WaitingCall

_BAR: Final = 40  # characters
_SMALL: Final = 0.02  # of a call: held for less is not worth a word
_MAX_HOLDS: Final = 5
_NOTHING: Final = "-"
_DIGITS: Final = 3
_COLUMNS: Final = ("calls", "time", "p50", "p95", "max", "in handler", "held", "errors", "hits")
_WIDTHS: Final = (10, 6, 8, 8, 8, 11, 8, 8, 5)  # 80 with the blanks between


def console(*, stderr: bool = False) -> Console:
    """Return a console that adds nothing of its own: no highlighting, no markup, no emoji.

    What its file has no character for, such as a bar in Latin-1, is a question mark.
    """
    reconfigure = getattr(sys.stderr if stderr else sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=True)


def plain(text: str | None) -> str:
    """Return `text` with what is no printable character as an escape.

    >>> plain("no" + chr(7) + "bell") == "no" + chr(92) + "x07bell"
    True
    """
    return _NOTHING if text is None else "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def duration(seconds: float) -> str:
    """Return a duration with three digits and its unit.

    >>> duration(0.0123), duration(4), duration(2.5e-05)
    ('12.3 ms', '4.00 s', '25.0 µs')
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size * 0.9995:
            return f"{_three(seconds / size)} {unit}"
    return f"{_three(seconds / 1e-6)} µs"


def profile_table(profiles: Sequence[Profile]) -> Group:
    """Return a table of handlers, two lines for each: names may be longer than a terminal is wide.

    `time` is the share of all time that others did not hold the loop for; they held it for `held`.
    """
    whole = sum(one.seconds - one.held for one in profiles)
    lines = [Text(table_row(_COLUMNS, _WIDTHS), style="bold")]
    for one in profiles:
        lines.append(
            Text(plain(f"{one.ctype} {one.op}"), style="bold").append(f"  {_handler(one)}", style="not bold dim")
        )
        figures = (
            f"{one.calls:,}",
            share(one.seconds - one.held, whole),
            *map(duration, (one.p50, one.p95, one.longest)),
            share(one.in_handler, one.seconds),
            duration(one.held) if one.held >= one.seconds * _SMALL > 0 else _NOTHING,
            f"{sum(one.errors.values()) or _NOTHING:{',' if one.errors else ''}}",
            share(one.hits + one.joined, one.calls) if one.hits + one.joined else _NOTHING,
        )
        lines.append(Text(table_row(figures, _WIDTHS)))
    return Group(*lines, Text("held: time in which other code held the loop; time leaves it out", style="dim"), Text())


def error_table(profiles: Sequence[Profile]) -> Table | None:
    """Return a table of errors and refusals, the most frequent first; None if there are none."""
    found = [
        (times, kind, what, one)
        for one in profiles
        for what, counted in (("error", one.errors), ("refused", one.refused))
        for kind, times in counted.items()
    ]
    if not found:
        return None
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("errors", "op", "handler"):
        table.add_column(name, overflow="fold")
    table.add_column("calls", justify="right")
    for times, kind, what, one in sorted(found, key=lambda entry: -entry[0]):
        style = "red" if what == "error" else ""
        table.add_row(
            Text(plain(kind) if what == "error" else f"{plain(kind)} (refused)", style=style),
            Text(plain(f"{one.ctype} {one.op}")),
            Text(_handler(one)),
            f"{times:,}",
        )
    return table


def share(part: float, whole: float) -> str:
    """Return a part of a whole per cent.

    >>> share(1, 4), share(0, 0)
    ('25%', '-')
    """
    return f"{part / whole:.0%}" if whole else _NOTHING


def table_row(cells: Iterable[str], widths: Iterable[int]) -> str:
    """Return a line of cells that end where those above them do."""
    return " ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))


def waterfall(call: RecordedCall, number: int, *, every_part: bool = False) -> Group:
    """Return the parts of a call, each with what it took itself; small ones are one line, unless `every_part`."""
    head = Text(f"{number}. {duration(call.seconds)}  {plain(f'{call.ctype} {call.op}')}", style="bold")
    head.append(f"  {plain(call.outcome if call.error is None else f'{call.outcome}: {call.error}')}", style="not bold")
    said = [_handler(call)]
    said += [plain(call.cache)] if call.cache else []
    said += [f"{call.attempts} attempts"] if call.attempts > 1 else []
    said += [f"{name} {plain(jid)}" for name, jid in (("jid", call.jid), ("from", call.ifrom)) if jid]
    said.append(time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(call.began)))
    lines = [head, Text(f"   {', '.join(said)}", style="dim")]
    shown, others, seconds = (own_parts(call.spans)[0], 0, 0.0) if every_part else main_parts(call)
    lines += [_bar(call, one) for one in shown]
    if others:
        count = "1 other layer" if others == 1 else f"{others} other layers"
        lines.append(Text(f"   {count:<22} {'':{_BAR}} {duration(seconds)}", style="dim"))
    if call.held >= call.seconds * _SMALL and call.held:
        lines.append(Text(f"   the loop was held by others for {duration(call.held)} of it", style="yellow"))
    return Group(*lines)


def hold_text(hold: Hold) -> Text:
    """Return who held the loop, for how long, and at which lines."""
    what = "held the loop" if hold.is_over else "holds the loop"
    who = "other code" if hold.ctype is None else plain(f"{hold.ctype} {hold.op}: {hold.handler}")
    below = [*hold.stack] or ["without a stack: C code kept the interpreter"]
    if hold.left_out:
        below.append(f"{hold.left_out} more since it was told last")
    return _over(Text(f"{who} {what} for {duration(hold.seconds)}", style="red"), below)


def waiting_text(call: WaitingCall) -> Text:
    """Return a call under way, and the lines at which it waits."""
    text = Text(plain(f"{call.ctype} {call.op}: {call.handler}"), style="bold")
    return _over(text.append(f" waits for {duration(call.age)}", style="not bold"), call.stack)


def waits_text(place: WaitingCall, share: float) -> Text:
    """Return where a call was seen to wait, at that share of looks."""
    text = Text(plain(f"{place.ctype} {place.op}: {place.handler}"), style="bold")
    return _over(text.append(f" waited here at {share:.0%} of looks", style="not bold"), place.stack)


def overview(
    profiles: Sequence[Profile],
    slowest: Sequence[RecordedCall],
    holds: Iterable[Hold],
    shown: int,
    waits: Iterable[tuple[WaitingCall, float]] = (),
) -> list[RenderableType]:
    """Return all that there is to see.

    A table, the errors, who held the loop, where calls waited, and as many of the slowest calls.
    """
    if not profiles:
        return [Text("no call")]
    found: list[RenderableType] = [profile_table(profiles)]
    if (errors := error_table(profiles)) is not None:
        found.append(errors)
    longest = sorted(holds, key=lambda one: -one.seconds)[:_MAX_HOLDS]
    if longest:
        found += [Text("who held the loop", style="underline"), *map(hold_text, longest), Text()]
    places = [waits_text(place, share) for place, share in waits]
    if places:
        found += [Text("where calls waited", style="underline"), *places, Text()]
    found.append(Text("slowest calls", style="underline"))
    found += [waterfall(call, number) for number, call in enumerate(slowest[:shown], 1)]
    return found


def _over(text: Text, lines: Iterable[str]) -> Text:
    """Return `text` with lines below it."""
    for line in lines:
        text.append(f"\n    {plain(line)}", style="not bold not red")
    return text


def _bar(call: RecordedCall, part: Part) -> Text:
    """Return a part as a bar, with each piece where it lies in the call."""
    whole = call.seconds or 1.0
    bar = [" "] * _BAR
    for start, end in part.pieces:
        first = min(_BAR - 1, int(start / whole * _BAR))
        length = max(1, min(_BAR - first, round((end - start) / whole * _BAR)))
        bar[first : first + length] = "━" * length
    label = part.name if part.name == HANDLER else f"{plain(part.name)} itself"
    text = Text(f"   {label:<22.22} ")
    text.append("".join(bar), style="magenta" if part.name == HANDLER else "cyan")
    return text.append(f" {duration(part.seconds)}")


def _handler(of: Profile | RecordedCall) -> str:
    return "no handler" if of.handler is None else f"{plain(of.handler)} ({plain(of.tier)})"


def _three(number: float) -> str:
    digits = next((digits for digits in (2, 1) if len(f"{number:.{digits}f}") <= _DIGITS + 1), 0)
    return f"{number:.{digits}f}"
