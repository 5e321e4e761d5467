"""Which arguments does the demo take, and with which code does it exit?

0 if every stanza got its answer, 1 if not, 2 for arguments that are not allowed, 130 when interrupted.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from demo.report import print_outcome, progress_bar
from demo.run import Settings, run
from demo.storage import OpenStorage, VCards
from slixmpp_pipeline import PipelineError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo as the command line says; return the exit code."""
    given = _parser().parse_args(arguments)
    settings = Settings(stanzas=given.stanzas, jids=given.jids, seed=given.seed, log=given.log)
    return demonstrate(settings, Console(highlight=False))


def demonstrate(settings: Settings, console: Console, open_storage: OpenStorage = VCards) -> int:
    """Run the demo on a storage, show progress and the outcome on `console`; return the exit code."""
    console.print(
        f"A slixmpp component answers {settings.stanzas:,} IQ stanzas from {settings.jids:,} JIDs, "
        f"{settings.at_once} at a time."
    )
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
    print_outcome(outcome, console)
    return 0 if outcome.all_answered else 1


def _parser() -> argparse.ArgumentParser:
    defaults = Settings()
    parser = argparse.ArgumentParser(
        prog="python -m demo",
        description="Send IQ stanzas to a slixmpp component with a SQLite file behind its vCards, through the layers, "
        "and show how long the calls took. No server, no network.",
    )
    stanzas, jids, seed = _whole(1, 1_000_000), _whole(1, 10_000), _whole(0, 2**63)
    parser.add_argument("--stanzas", type=stanzas, default=defaults.stanzas, help="how many (%(default)s)")
    parser.add_argument("--jids", type=jids, default=defaults.jids, help="accounts, and as many visitors (%(default)s)")
    parser.add_argument("--seed", type=seed, default=defaults.seed, help="same seed, same traffic (%(default)s)")
    parser.add_argument("--log", type=_writable, metavar="FILE", help="keep the log here, a line of JSON a call")
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
