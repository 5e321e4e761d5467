"""What does the command `slixmpp-pipeline` do first? It looks whether the extra is installed."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec

from slixmpp_inspector.recorded import EXTRA


def main() -> None:
    """Run the command; without the extra, say what to type, and exit with 2."""
    if not all(map(find_spec, ("aiohttp", "click", "ddsketch", "msgspec", "rich"))):
        sys.stderr.write(f"slixmpp-pipeline needs more packages: {EXTRA}\n")
        sys.exit(2)
    import_module("slixmpp_inspector.cli").main(prog_name="slixmpp-pipeline")
