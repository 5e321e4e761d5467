"""What does the command `slixmpp-pipeline` take? Subcommands load what they need: `--help` loads click alone."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import contextmanager, suppress
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
@click.option(
    "--port", default=0, type=click.IntRange(0, 65535), help="The page of the first client is at this port, not any."
)
@click.option("--no-page", is_flag=True, help="Serve no page.")
@click.option("-m", "is_module", is_flag=True, help="Run a module, as `python -m` does.")
@click.argument("script", metavar="SCRIPT|MODULE")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def watch(
    threshold: float,
    jids: Any,
    write: str | None,
    port: int,
    no_page: bool,
    is_module: bool,
    script: str,
    args: Sequence[str],
) -> None:
    """Run a program, and tell who holds its loop, while it does; at its end show a table of its handlers.

    The program is not changed. For each client it has a page for a browser, whose address is printed. SIGUSR1 shows the
    table at once, and where the calls under way wait.
    """
    from slixmpp_inspector.watch import Watch, run_watched

    if is_module and not _is_module(script):
        raise click.BadParameter(f"there is no module {script}", param_hint="MODULE")
    if not is_module and not Path(script).exists():  # a folder with a __main__.py will do
        raise click.BadParameter(f"there is no file {script}", param_hint="SCRIPT")
    _require_writable(write)
    _require_free(0 if no_page else port)
    watched = Watch(threshold, jids, write, None if no_page else port)
    sys.exit(run_watched(watched, [script, *args], is_module=is_module))


@main.command(short_help="Show the table of a bot that runs, live.")
@click.argument("url", metavar="URL")
@click.option(
    "--window", type=click.Choice(("minute", "start")), default="minute", show_default=True, help="Since when."
)
def top(url: str, window: Any) -> None:
    """Show which handlers take the time of a bot that runs, and who holds its loop; Ctrl-C ends it.

    URL is the address of its page, which `watch` and `Inspector.start()` tell. Exits with 3 if the bot cannot be
    reached, or refuses the token.
    """
    from slixmpp_inspector.top import show

    with _page(url) as page, suppress(KeyboardInterrupt):
        show(page, window)


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
@click.argument("target", metavar="MODULE:ATTRIBUTE|URL")
@click.argument("ctype", required=False)
@click.argument("op", required=False)
@click.option("--jid", help="For calls of this JID.")
@click.option("--node", help="For calls of this node.")
@_AS_JSON
def explain(target: str, ctype: str | None, op: str | None, jid: str | None, node: str | None, as_json: bool) -> None:
    """Show which handler answers, and through which layers. The module is imported, and so it runs.

    ATTRIBUTE is a client, a registry, or a function that returns one. With the URL of the page of a bot that runs, what
    is registered there now. Exits with 1 if nothing is registered, with 3 if the bot cannot be asked.
    """
    from slixmpp_inspector.details import explained

    if _is_address(target):
        text, found = _told(target, "explain", ctype=ctype, op=op, jid=jid, node=node)
    else:
        api = _registry(target)
        try:
            text, found = explained(api, ctype, op, jid, node)
        except ValueError as error:  # a malformed JID
            raise click.BadParameter(str(error), param_hint="--jid") from error
    click.echo(json.dumps(found) if as_json else _shown(text))
    sys.exit(0 if any(one["handler"] is not None or one["others"] for one in found) else 1)


@main.command(short_help="Look for mistakes in how layers are stacked.")
@click.argument("target", metavar="MODULE:ATTRIBUTE|URL")
@_AS_JSON
def lint(target: str, as_json: bool) -> None:
    """Look for mistakes in how layers are stacked. Exits with 1 if there are any. See `explain` for what to name."""
    from slixmpp_inspector.details import linted

    text, found = _told(target, "lint") if _is_address(target) else linted(_registry(target))
    click.echo(json.dumps(found) if as_json else _shown(text))
    sys.exit(1 if found else 0)


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


def _is_address(target: str) -> bool:
    """Whether it is that of a page, or meant to be."""
    return "://" in target or "token=" in target


def _told(url: str, path: str, **query: str | None) -> tuple[str, Sequence[Any]]:
    """Return what the page of a bot tells; what it told before is said to be old."""
    from slixmpp_inspector.details import Told
    from slixmpp_inspector.remote import NoPage

    with _page(url) as page:
        told = page.ask(path, Told, **query)
        if told.age is None:
            raise NoPage(told.text)
    if told.age:
        click.echo(f"the bot's loop is held; this is what it told {told.age:.0f} s ago", err=True)
    return told.text, told.found


@contextmanager
def _page(url: str) -> Iterator[Any]:
    """Give the page of a bot; exit with 3, and say why, if that cannot be asked."""
    from slixmpp_inspector.remote import NoPage, Page, WrongAddress, WrongQuestion

    try:
        yield Page(url)
    except WrongQuestion as error:
        raise click.UsageError(_shown(f"the bot refuses the question: {error}")) from error
    except WrongAddress as error:
        raise click.BadParameter(str(error), param_hint="URL") from error
    except NoPage as error:
        click.echo(_shown(str(error)), err=True)
        sys.exit(3)


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


def _require_free(port: int) -> None:
    """Say at once that the page cannot be served there."""
    if port:
        from slixmpp_inspector.listening import listen

        try:
            listen("127.0.0.1", port).close()
        except OSError as error:
            raise click.BadParameter(str(error.strerror), param_hint="--port") from error


def _require_writable(file: str | None) -> None:
    """Say at once that calls cannot be written, and not in the middle of the program."""
    if file is not None:
        try:
            os.close(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
        except OSError as error:
            raise click.BadParameter(str(error), param_hint="--write") from error
