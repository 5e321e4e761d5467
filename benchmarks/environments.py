"""Which Pythons are there, and where is the package installed for each?"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
OLDEST, NEWEST = 11, 20

# A pyenv shim of a version that is not selected is there, and fails; so does a Python that cannot make environments.
ASKED = """
import sys, venv, ensurepip
if sys.version_info >= (3, 11) and sys.version_info.releaselevel == "final":
    print("{}.{}".format(*sys.version_info[:2]))
"""


def this() -> str:
    """Return the version of the Python that runs, such as "3.11"."""
    return "{}.{}".format(*sys.version_info[:2])


def find() -> dict[str, str]:
    """Return what else can be measured, the oldest first: commands by version, the first found of each."""
    found: dict[str, str] = {}
    for command in _candidates():
        asked = subprocess.run([command, "-c", ASKED], capture_output=True, text=True, check=False)  # noqa: S603  a Python
        version = asked.stdout.strip()
        if asked.returncode == 0 and version and version != this():
            found.setdefault(version, command)
    return dict(sorted(found.items(), key=lambda item: [int(part) for part in item[0].split(".")]))


def install(version: str, command: str) -> str | None:
    """Install the package for a Python, in an environment of its own; return that one's Python, None if it failed."""
    folder = f".venv-bench-{version}"
    rule = ["make", "--no-print-directory", f"{folder}/.bench-installed", f"VENV={folder}", f"PYTHON={command}"]
    done = subprocess.run(rule, cwd=ROOT, check=False)  # noqa: S603  the Makefile beside this folder
    return None if done.returncode else str(ROOT / folder / "bin" / "python")


def _candidates() -> Iterator[str]:
    for minor in range(OLDEST, NEWEST):
        if command := shutil.which(f"python3.{minor}"):
            yield command
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from map(str, sorted(pyenv.glob("versions/3.*/bin/python")))
