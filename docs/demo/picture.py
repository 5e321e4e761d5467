"""What does the output look like? An SVG file of it, which loads nothing."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from rich.console import Console
from rich.terminal_theme import MONOKAI

if TYPE_CHECKING:
    from pathlib import Path

WIDTH = 80
_FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def recorder() -> Console:
    """Return a console that shows nothing, and keeps what a colour terminal of `WIDTH` columns would show."""
    return Console(
        file=io.StringIO(),
        record=True,
        width=WIDTH,
        force_terminal=True,
        color_system="truecolor",
        no_color=False,
        legacy_windows=False,
        highlight=False,
    )


def save_picture(console: Console, path: Path) -> None:
    """Write what `console` recorded to `path`, as an SVG in the fonts that its reader has."""
    drawn = console.export_svg(title="make demo", theme=MONOKAI, unique_id="demo")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(without_web_fonts(drawn), encoding="utf-8")


def without_web_fonts(drawn: str) -> str:
    """Return rich's SVG without the fonts that a browser would fetch for it.

    >>> without_web_fonts("<style> @font-face { src: url(there) } .a { font-family: Fira Code, monospace; }</style>")
    "<style> .a { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; }</style>"
    """
    own = re.sub(r"\s*@font-face\s*{.*?}", "", drawn, flags=re.DOTALL)
    own = re.sub(r"font-family: Fira Code[^;]*;", f"font-family: {_FONTS};", own)
    return re.sub(r"[ \t]+$", "", own, flags=re.MULTILINE)
