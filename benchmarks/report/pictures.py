"""How do the results look? As SVG that reads on a light and on a dark page, and is the same for the same results."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cases.handlers
import cases.in_flight
import cases.layers
import cases.peers
import cases.stanzas
import cases.telemetry
from cases.question import Figure, ratio_of, slope_of
from cases.stacks import STACKS
from report.plots import dots, drawn, legend, line, stacked, style, text

if TYPE_CHECKING:
    from report.results import Results


def draw(results: Results) -> dict[str, str]:
    """Return the pictures, as text by name."""
    with style():
        return {
            name: picture(results)
            for name, picture in {
                "calls": calls,
                "telemetry": telemetry,
                "layers": layers,
                "peers": peers,
                "growth": growth,
                "stanzas": stanzas,
            }.items()
        }


def calls(results: Results) -> str:
    """Draw calls through each stack."""
    answers = results.answers["calls"]
    stacks = list(STACKS)
    with drawn(2, height=4.2) as (figure, (left, right)):
        for axes, kind in ((left, "plain"), (right, "coroutine")):
            dots(axes, {one: ratio_of(f"{kind}, {one}", f"{kind}, slixmpp") for one in stacks}, answers)
            axes.set_title(f"a write, {kind} handler")
            axes.set_xlabel("× slixmpp's own registry")
        right.set_yticklabels([])
        legend(figure, left)
    return text(figure)


def telemetry(results: Results) -> str:
    """Draw what of a call is ours while telemetry records."""
    python, found = list(results.answers["telemetry"].items())[-1]
    with drawn(2, height=2.8) as (figure, (left, right)):
        for axes, kind in ((left, "plain"), (right, "coroutine")):
            base = f"{kind}, slixmpp"
            live = cases.telemetry.LIVE
            whole = {one: ratio_of(f"{kind}, {one}", base) for one in live}
            stacked(axes, whole, {one: cases.telemetry.ours_ratio(kind, one) for one in live}, found)
            axes.set_title(f"a write, {kind} handler, Python {python}")
            axes.set_xlabel("× slixmpp's own registry")
        right.set_yticklabels([])
        legend(figure, left)
    return text(figure)


def layers(results: Results) -> str:
    """Draw calls through none to twenty layers."""
    answers = results.answers["layers"]
    with drawn(len(answers), height=3.2) as (figure, panels):
        for axes, (python, found) in zip(panels, answers.items(), strict=True):
            for kind in cases.layers.KINDS:
                line(axes, kind, [(count, level(f"{kind}, {count}")) for count in cases.layers.COUNTS], found)
            axes.set_title(f"Python {python}")
            axes.set_xlabel("layers that do nothing")
            axes.set_ylim(bottom=0)
        panels[0].set_ylabel("µs of a call")
        legend(figure, panels[0])
    return text(figure)


def peers(results: Results) -> str:
    """Draw one more layer, and twenty, of each peer."""
    answers = results.answers["peers"]
    names = [cases.peers.OURS, *cases.peers.PEERS]
    floor = cases.peers.FLOOR
    with drawn(2, height=3.6) as (figure, (left, right)):
        dots(left, {name: slope_ratio(name, floor) for name in names}, answers)
        dots(right, {name: ratio_of(f"{name}, 20", f"{floor}, 20") for name in names}, answers)
        left.set_title("one more layer")
        right.set_title("a call through twenty")
        for axes in (left, right):
            axes.set_xlabel("× bare awaits")
        right.set_yticklabels([])
        legend(figure, left)
    return text(figure)


def growth(results: Results) -> str:
    """Draw calls with ever more handlers, and with ever more calls at once."""
    python, handlers = list(results.answers["handlers"].items())[-1]
    waiting = results.answers["in_flight"][python]
    with drawn(2, height=3.8) as (figure, (left, right)):
        for form, words in (("same", "one handler called"), ("spread", "a thousand called")):
            for whose in ("ours", "slixmpp"):
                points = [(count, level(f"{form}, {whose}, {count:,}")) for count in cases.handlers.COUNTS]
                line(left, f"{whose}, {words}", points, handlers)
        for stack in cases.in_flight.WHOSE:
            points = [(count, level(f"{stack}, {count:,}")) for count in cases.in_flight.COUNTS]
            line(right, stack, points, waiting)
        left.set_xlabel(f"handlers registered (Python {python})")
        right.set_xlabel(f"calls that wait at once (Python {python})")
        for axes in (left, right):
            axes.set_xscale("log")
            axes.set_ylabel("µs of a call")
            axes.set_ylim(bottom=0)
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1))
    return text(figure)


def stanzas(results: Results) -> str:
    """Draw the rate of a component."""
    with drawn(1, height=2.0) as (figure, (axes,)):
        rows = {stack: ratio_of("slixmpp", stack) for stack in cases.stanzas.FEW}
        dots(axes, rows, results.answers["stanzas"])
        axes.set_xlabel("IQ stanzas a second, × slixmpp's own registry")
        legend(figure, axes)
    return text(figure)


def level(case: str) -> Figure:
    """Return what gives the microseconds of a case."""
    return lambda times: times[case] * 1e6


def slope_ratio(name: str, floor: str) -> Figure:
    """Return what gives one peer's slope as a multiple of the floor's."""
    each, base = slope_of(name), slope_of(floor)
    return lambda times: each(times) / base(times)
