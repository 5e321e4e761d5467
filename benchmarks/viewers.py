"""What does it cost a bot that somebody looks at its page? Stanzas a second with nobody, and with two who look.

The bot has 200 handlers and five layers, and its profiler is on in both cases. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from cases.component import stanzas_per_second
from cases.stacks import STACKS, idle_telemetry
from slixmpp_inspector import Inspector, Watchdog

HANDLERS = 200
LOOK = """
import sys
from slixmpp_inspector.remote import Page
from slixmpp_inspector.snapshots import Snapshot
for snapshot in Page(sys.argv[1]).events(Snapshot, window="minute"):
    print(len(snapshot.handlers), flush=True)
"""


@contextmanager
def looked_at(viewers: int, api: Any) -> Iterator[None]:
    """Serve the page of a bot with 200 handlers, to so many who look, each a process."""
    for number in range(HANDLERS):
        api.register(lambda *_: None, "plugins", f"op {number}")
        api.run("plugins", f"op {number}")
    with Watchdog(api, tell=lambda _: None) as watchdog, Inspector(api, watchdog=watchdog) as inspector:
        looking = [
            subprocess.Popen([sys.executable, "-c", LOOK, str(inspector.address)], stdout=subprocess.PIPE, text=True)  # noqa: S603  # its own
            for _ in range(viewers)
        ]
        try:
            for one in looking:
                _ = one.stdout is not None and one.stdout.readline()  # it has seen the first
            yield
        finally:
            for one in looking:
                one.terminate()
                one.communicate()


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument(
        "--stanzas", type=int, default=30_000, help="a round; three seconds or more see three snapshots"
    )
    given = parser.parse_args()
    idle_telemetry()
    rates: dict[int, list[float]] = {0: [], 2: []}
    for number in range(given.rounds):
        for viewers in sorted(rates, reverse=bool(number % 2)):
            around = partial(looked_at, viewers)
            rates[viewers].append(asyncio.run(stanzas_per_second(STACKS["five"](), given.stanzas, around=around)))
    ratios = sorted(two / none for none, two in zip(rates[0], rates[2], strict=True))
    print(f"CPython {platform.python_version()}, {platform.machine()}, {Path(__file__).name}, {given.rounds} rounds\n")
    print("| who looks | stanzas/s |\n|-|-|")
    for viewers, found in rates.items():
        print(f"| {viewers} | {statistics.median(found):,.0f} |")
    print(f"\nwith two / with nobody: {statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})")


if __name__ == "__main__":
    main()
