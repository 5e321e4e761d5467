"""A pytest plugin, `-p tests.pure_jid`: slixmpp's JID in Python, which is all there is on some platforms."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec


class Finder(MetaPathFinder):
    """Finds `slixmpp/jid.py`, where Python would prefer the extension module beside it."""

    def find_spec(self, name: str, path: Any, _target: Any = None) -> ModuleSpec | None:
        return spec_from_file_location(name, Path(path[0]) / "jid.py") if name == "slixmpp.jid" else None


def pytest_configure() -> None:
    """Refuse to test the compiled JID under this name."""
    if not str(sys.modules["slixmpp.jid"].__file__).endswith(".py"):
        raise pytest.UsageError("slixmpp's compiled JID was imported before -p tests.pure_jid")


if "slixmpp" not in sys.modules:
    sys.meta_path.insert(0, Finder())
    import slixmpp  # noqa: F401  # now, before a test does
