"""Which arguments does the demo take, and with which code does it exit?

0 if every stanza got its answer and all figures add up, 1 if not, 2 for arguments that are not allowed, 130 when
interrupted.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from demo.document import as_json
from demo.outcome import Outcome
from demo.picture import recorder, save_picture
from demo.report import print_intent, print_outcome, progress_bar
from demo.run import run
from demo.settings import Settings
from demo.storage import OpenStorage, VCards
from slixmpp_pipeline import PipelineError

Show = Callable[[Outcome, Console], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo as the command line says; return the exit code."""
    given = _parser().parse_args(arguments)
    settings = Settings(stanzas=given.stanzas, jids=given.jids, seed=given.seed, rate=given.rate, log=given.log)
    if given.json:
        return demonstrate(settings, Console(highlight=False, stderr=True), show=print_json)
    if given.picture is None:
        return demonstrate(settings, Console(highlight=False))
    console = recorder()
    code = demonstrate(settings, console)
    save_picture(console, given.picture)
    return code


def demonstrate(
    settings: Settings, console: Console, open_storage: OpenStorage = VCards, show: Show = print_outcome
) -> int:
    """Run the demo on a storage, with progress on `console`, and `show` the outcome; return the exit code."""
    print_intent(settings, console)
    try:
        with progress_bar(console) as bar:
            task = bar.add_task("answered", total=settings.stanzas)
            outcome = asyncio.run(run(settings, open_storage, lambda: bar.advance(task)))
    except KeyboardInterrupt:
        console.print("Interrupted.", style="bold red")
        return 130
    except (PipelineError, OSError, sqlite3.Error) as error:
        console.print(f"The demo could not begin: {error}", style="bold red")
        return 1
    show(outcome, console)
    return 0 if outcome.is_right else 1


def print_json(outcome: Outcome, _console: Console) -> None:
    """Print one JSON document on standard output."""
    print(as_json(outcome))


def _parser() -> argparse.ArgumentParser:
    defaults = Settings()
    parser = argparse.ArgumentParser(
        prog="python -m demo",
        description="Send IQ stanzas to a slixmpp component with a SQLite file behind its vCards, through the layers, "
        "and show what the layers have to say of the calls. No server, no network.",
    )
    stanzas, jids, seed, rate = _whole(1, 100_000), _whole(1, 10_000), _whole(0, 2**63), _whole(1, 100_000)
    parser.add_argument("--stanzas", type=stanzas, default=defaults.stanzas, help="how many (%(default)s)")
    parser.add_argument("--jids", type=jids, default=defaults.jids, help="accounts, and as many visitors (%(default)s)")
    parser.add_argument("--seed", type=seed, default=defaults.seed, help="same seed, same traffic (%(default)s)")
    parser.add_argument("--rate", type=rate, default=defaults.rate, help="stanzas a second, at most (%(default)s)")
    parser.add_argument("--log", type=_writable, metavar="FILE", help="keep the log here, a line of JSON a call")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    output.add_argument("--picture", type=Path, metavar="FILE", help="draw the output into this SVG file")
    return parser


def _whole(least: int, most: int) -> Callable[[str], int]:
    def whole(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not allowed; a whole number from {least:,} to {most:,} is")
        return number

    return whole


def _writable(text: str) -> Path:
    path = Path(text)
    try:
        path.open("a", encoding="utf-8").close()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text!r} cannot be written: {error.strerror}") from error
    return path


if __name__ == "__main__":
    sys.exit(main())
