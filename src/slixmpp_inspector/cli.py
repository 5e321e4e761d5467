"""What does the command `slixmpp-pipeline` take? Subcommands load what they need: `--help` loads click alone."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from slixmpp_inspector.report import Report

_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_LINES = 10_000  # after which progress is shown
_JIDS = ("omit", "domain", "bare", "full")


@click.group()
@click.version_option(package_name="slixmpp-pipeline")
def main() -> None:
    """See which handler of a slixmpp program is slow, and which one holds its loop."""


@main.command(
    context_settings={"allow_interspersed_args": False},
    short_help="Run a program, and tell which handler is slow.",
)
@click.option(
    "--threshold",
    default=0.1,
    show_default=True,
    type=click.FloatRange(0, 3600, min_open=True),
    help="Seconds for which the loop may be held.",
)
@click.option("--jids", type=click.Choice(_JIDS), default="omit", show_default=True, help="How much of JIDs is shown.")
@click.option("--write", metavar="FILE", help="Write calls to a file, for `report`.")
@click.option("-m", "is_module", is_flag=True, help="Run a module, as `python -m` does.")
@click.argument("script", metavar="SCRIPT|MODULE")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def watch(threshold: float, jids: Any, write: str | None, is_module: bool, script: str, args: Sequence[str]) -> None:
    """Run a program, and tell who holds its loop, while it does; at its end show a table of its handlers.

    The program is not changed. SIGUSR1 shows the table at once, and where the calls under way wait.
    """
    from slixmpp_inspector.watch import Watch, run_watched

    if is_module and not _is_module(script):
        raise click.BadParameter(f"there is no module {script}", param_hint="MODULE")
    if not is_module and not Path(script).exists():  # a folder with a __main__.py will do
        raise click.BadParameter(f"there is no file {script}", param_hint="SCRIPT")
    _require_writable(write)
    sys.exit(run_watched(Watch(threshold, jids, write), [script, *args], is_module=is_module))


@main.command(short_help="Show what files of calls say.")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--slowest", default=5, show_default=True, type=click.IntRange(0, 50), help="So many calls are shown.")
@click.option("--call", "number", type=click.IntRange(1), help="Show this one of the slowest, with all its parts.")
@_AS_JSON
def report(files: Sequence[str], slowest: int, number: int | None, as_json: bool) -> None:
    """Show what files of calls say, those that `watch --write` and `Profiler.write()` wrote; - is stdin.

    Exits with 1 if there is no call in them.
    """
    from slixmpp_inspector.terminal import console, overview, waterfall

    found = _read(files)
    calls = found.slowest()
    if number is not None and number > len(calls):
        raise click.BadParameter(f"{number} is not allowed; the slowest {len(calls)} are kept", param_hint="--call")
    if as_json:
        click.echo(json.dumps(found.as_json() if number is None else asdict(calls[number - 1])))
    elif number is not None:
        console().print(waterfall(calls[number - 1], number, every_part=True))
    else:
        out = console()
        for one in overview(found.profiles(), calls, found.holds, slowest):
            out.print(one)
    _tell_what_is_missing(found)
    sys.exit(0 if found.calls else 1)


@main.command(short_help="Show which handler answers, through which layers.")
@click.argument("target", metavar="MODULE:ATTRIBUTE")
@click.argument("ctype", required=False)
@click.argument("op", required=False)
@click.option("--jid", help="For calls of this JID.")
@click.option("--node", help="For calls of this node.")
@_AS_JSON
def explain(target: str, ctype: str | None, op: str | None, jid: str | None, node: str | None, as_json: bool) -> None:
    """Show which handler answers, and through which layers. The module is imported, and so it runs.

    ATTRIBUTE is a client, a registry, or a function that returns one. Exits with 1 if nothing is registered.
    """
    api = _registry(target)
    try:
        explained: Any = api.explain(ctype, op, jid, node)
    except ValueError as error:  # a malformed JID
        raise click.BadParameter(str(error), param_hint="--jid") from error
    ops = explained if isinstance(explained, list) else [explained]
    if as_json:
        click.echo(json.dumps([_explained(one) for one in ops]))
    else:
        click.echo(_shown(str(explained)))
    sys.exit(0 if any(one.handler is not None or one.others for one in ops) else 1)


@main.command(short_help="Look for mistakes in how layers are stacked.")
@click.argument("target", metavar="MODULE:ATTRIBUTE")
@_AS_JSON
def lint(target: str, as_json: bool) -> None:
    """Look for mistakes in how layers are stacked. Exits with 1 if there are any. See `explain` for what to name."""
    findings = _registry(target).lint()
    if as_json:
        found = [{"reason": one.reason, "layers": one.layers, "scopes": one.scopes} for one in findings]
        click.echo(json.dumps(found))
    else:
        click.echo(_shown(str(findings)))
    sys.exit(1 if findings else 0)


def _read(files: Sequence[str]) -> Report:
    from slixmpp_inspector.lines import read
    from slixmpp_inspector.report import Report

    found = Report()
    for name in files:
        with click.open_file(name, "rb") as opened, _progress() as seen:
            for number, line in read(cast("BinaryIO", opened)):
                found.add(name, number, line)
                if not number % _LINES:
                    seen(number)
    found.finish()
    return found


def _registry(target: str) -> Any:
    from slixmpp_inspector.targets import WrongTarget, registry_of

    try:
        return registry_of(target)
    except WrongTarget as error:
        raise click.BadParameter(str(error), param_hint="MODULE:ATTRIBUTE") from error


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    """Give what says, on a terminal, how many lines have been read of a file that takes more than a second."""
    began, is_shown = time.monotonic(), False

    def seen(lines: int) -> None:
        nonlocal is_shown
        if _is_terminal() and time.monotonic() - began > 1:
            is_shown = True
            click.echo(f"\r{lines:,} lines read", nl=False, err=True)

    yield seen
    if is_shown:
        click.echo("\r" + " " * 30 + "\r", nl=False, err=True)


def _tell_what_is_missing(found: Report) -> None:
    """Say on stderr what could not be read, or is in no file."""
    for file, number, why in found.broken:
        click.echo(_shown(f"{file}:{number}: {why}"), err=True)
    if (more := found.broken_lines - len(found.broken)) > 0:
        click.echo(f"more lines that cannot be read: {more:,}", err=True)
    if found.other_lines:
        click.echo(f"lines of something else: {found.other_lines:,}", err=True)
    if found.dropped:
        click.echo(f"calls that were dropped while they were written: {found.dropped:,}", err=True)


def _explained(of: Any) -> dict[str, Any]:
    handler = of.handler
    named = handler if hasattr(handler, "__qualname__") else type(handler)  # an object that can be called
    return {
        "ctype": of.ctype,
        "op": of.op,
        "jid": str(of.jid),
        "node": of.node,
        "handler": None if handler is None else f"{named.__module__}.{named.__qualname__}",
        "tier": str(of.tier),
        "others": of.others,
        "layers": [
            {
                "layer": repr(step.placed.layer),
                "scope": str(step.placed.scope),
                "where": step.placed.where,
                "left_out": step.reason if step.layer is None else None,
            }
            for step in of.steps
        ],
    }


def _shown(text: str) -> str:
    """Return lines without control characters, which names and files may have."""
    from slixmpp_inspector.terminal import plain

    return "\n".join(map(plain, text.split("\n")))


def _is_terminal() -> bool:
    return sys.stderr.isatty()


def _is_module(name: str) -> bool:
    """Whether there is a module, or the package that it is in: to look for more would import that, unwatched."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        return find_spec(name.partition(".")[0]) is not None
    except ValueError:  # no name at all
        return False
    finally:
        sys.path.remove(here)


def _require_writable(file: str | None) -> None:
    """Say at once that calls cannot be written, and not in the middle of the program."""
    if file is not None:
        try:
            os.close(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
        except OSError as error:
            raise click.BadParameter(str(error), param_hint="--write") from error
