"""How is a plot drawn? Medians with their spread, in greys and colours that read on light and dark."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib import pyplot

if TYPE_CHECKING:
    from cases.question import Figure
    from report.results import Answers

GREY = "#7b7b7b"
COLOURS = ["#2f86c5", "#d55e00", "#009e73", "#b0619c", "#a58a00", "#5a6fc0"]
STYLE = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "benchmarks",
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.edgecolor": GREY,
    "axes.labelcolor": GREY,
    "axes.titlecolor": GREY,
    "text.color": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "grid.color": GREY,
    "grid.alpha": 0.25,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


def style() -> AbstractContextManager[None]:
    """Draw in our style, and on no screen."""
    mpl.use("svg")
    context: AbstractContextManager[None] = mpl.rc_context(STYLE)
    return context


@contextmanager
def drawn(panels: int, height: float) -> Iterator[tuple[Any, Sequence[Any]]]:
    """Give a figure of so many panels side by side, and its height in inches."""
    figure, axes = pyplot.subplots(1, panels, figsize=(8.2, height), layout="constrained", squeeze=False)
    try:
        yield figure, axes[0]
    finally:
        pyplot.close(figure)


def legend(figure: Any, axes: Any) -> None:
    """Explain the colours of a figure above its panels."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4)


def text(figure: Any) -> str:
    """Return a figure as SVG, without a date and without a background."""
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def dots(axes: Any, rows: Mapping[str, Figure], answers: Mapping[str, Answers], *, mark: float = 1.0) -> None:
    """Draw a dot for each row and Python, with a line over its spread; `mark` is what they are compared to."""
    height = 0.6 / len(answers)
    for index, (python, found) in enumerate(answers.items()):
        spreads = [(row, found.spread(figure)) for row, figure in enumerate(rows.values())]
        there = [(row + (index - (len(answers) - 1) / 2) * height, one) for row, one in spreads if one is not None]
        axes.errorbar(
            [one.median for _, one in there],
            [y for y, _ in there],
            xerr=[[one.median - one.low for _, one in there], [one.high - one.median for _, one in there]],
            fmt="o",
            markersize=4,
            elinewidth=1.2,
            color=COLOURS[index],
            label=f"Python {python}",
        )
    axes.axvline(mark, color=GREY, linewidth=1)
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(left=0)


def stacked(axes: Any, whole: Mapping[str, Figure], part: Mapping[str, Figure], found: Answers) -> None:
    """Draw a bar for each row: our part of the whole, and the rest."""
    ours = [_median(found, figure) for figure in part.values()]
    rest = [_median(found, figure) - mine for figure, mine in zip(whole.values(), ours, strict=True)]
    axes.barh(range(len(whole)), ours, height=0.55, color=COLOURS[0], label="slixmpp-pipeline and the call")
    axes.barh(range(len(whole)), rest, left=ours, height=0.55, color=COLOURS[1], label="SDK and structlog alone")
    axes.set_yticks(range(len(whole)), list(whole))
    axes.set_ylim(len(whole) - 0.4, -0.6)


def line(axes: Any, label: str, points: Sequence[tuple[int, Figure]], found: Answers) -> None:
    """Draw a line through the medians at each count, and a band over the spread."""
    spreads = [(count, found.spread(figure)) for count, figure in points]
    there = [(count, one) for count, one in spreads if one is not None]
    x = [count for count, _ in there]
    (drawn_line,) = axes.plot(x, [one.median for _, one in there], marker="o", markersize=3, label=label)
    colour = COLOURS[len(axes.lines) - 1]
    drawn_line.set_color(colour)
    axes.fill_between(
        x, [one.low for _, one in there], [one.high for _, one in there], color=colour, alpha=0.2, linewidth=0
    )


def _median(found: Answers, figure: Figure) -> float:
    one = found.spread(figure)
    return 0.0 if one is None else one.median
