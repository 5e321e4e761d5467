"""What does the command `slixmpp-pipeline` take? Subcommands load what they need: `--help` loads click alone."""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
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


@main.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--threshold", default=0.1, show_default=True, help="Seconds for which the loop may be held.")
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

    if not threshold > 0:
        raise click.BadParameter("seconds above 0 are allowed", param_hint="--threshold")
    sys.exit(run_watched(Watch(threshold, jids, write), [script, *args], is_module=is_module))


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--slowest", default=5, show_default=True, type=click.IntRange(0, 50), help="So many calls are shown.")
@click.option("--call", "number", type=click.IntRange(1, 50), help="Show this one of the slowest, with all its parts.")
@_AS_JSON
def report(files: Sequence[str], slowest: int, number: int | None, as_json: bool) -> None:
    """Show what files of calls say, those that `watch --write` and `Profiler.write()` wrote; - is stdin.

    Exits with 1 if there is no call in them.
    """
    from slixmpp_inspector.terminal import console, overview, waterfall

    found = _read(files)
    if as_json:
        click.echo(json.dumps(found.as_json()))
    elif number is not None:
        calls = found.slowest()
        if number > len(calls):
            raise click.BadParameter(f"{len(calls)} calls are kept", param_hint="--call")
        console().print(waterfall(calls[number - 1], number, every_part=True))
    else:
        out = console()
        for one in overview(found.profiles(), found.slowest(), found.holds, slowest):
            out.print(one)
    _tell_what_is_missing(found)
    sys.exit(0 if found.calls else 1)


@main.command()
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
    explained: Any = api.explain(ctype, op, jid, node)
    ops = explained if isinstance(explained, list) else [explained]
    if as_json:
        click.echo(json.dumps([_explained(one) for one in ops]))
    else:
        click.echo(_shown(str(explained)))
    sys.exit(0 if any(one.handler is not None or one.others for one in ops) else 1)


@main.command()
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
        with click.open_file(name, "rb") as opened:
            file = cast("BinaryIO", opened)
            with _progress(file) as seen:
                for number, line in read(file):
                    found.add(name, number, line)
                    if not number % _LINES:
                        seen()
    found.finish()
    return found


def _registry(target: str) -> Any:
    from slixmpp_inspector.targets import WrongTarget, registry_of

    try:
        return registry_of(target)
    except WrongTarget as error:
        raise click.BadParameter(str(error), param_hint="MODULE:ATTRIBUTE") from error


@contextmanager
def _progress(file: BinaryIO) -> Iterator[Callable[[], None]]:
    """Give what says, on a terminal, how much has been read of a file that takes more than a second."""
    began, is_shown = time.monotonic(), False

    def seen() -> None:
        nonlocal is_shown
        if _is_terminal() and time.monotonic() - began > 1:
            is_shown = True
            click.echo(f"\r{file.tell() / 1e6:,.0f} MB read", nl=False, err=True)

    yield seen
    if is_shown:
        click.echo("\r" + " " * 30 + "\r", nl=False, err=True)


def _tell_what_is_missing(found: Report) -> None:
    """Say on stderr what could not be read, or is in no file."""
    for file, number, why in found.broken:
        click.echo(_shown(f"{file}:{number}: {why}"), err=True)
    if (more := found.broken_lines - len(found.broken)) > 0:
        click.echo(f"and {more:,} more lines that cannot be read", err=True)
    if found.other_lines:
        click.echo(f"{found.other_lines:,} lines are of something else", err=True)
    if found.dropped:
        click.echo(f"{found.dropped:,} calls were dropped while they were written", err=True)


def _explained(of: Any) -> dict[str, Any]:
    handler = of.handler
    (None if handler is None else f"{getattr(handler, '__module__', None)}.{getattr(handler, '__qualname__', handler)}")
    return {
        "ctype": of.ctype,
        "op": of.op,
        "jid": str(of.jid),
        "node": of.node,
        "handler": None if of.handler is None else getattr(of.handler, "__qualname__", type(of.handler).__qualname__),
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
