"""What the tests of real servers share: each server has a folder that it may use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

if os.environ.get("TEST_SERVERS") != "1":  # and so somebody has named the folder: elsewhere it is not looked into
    raise pytest.UsageError("tests/servers runs with TEST_SERVERS=1 in the environment: make test-servers")

MakeFolder = Callable[[], Path]


@pytest.fixture(scope="session")
def make_folder() -> Iterator[MakeFolder]:
    """What makes a folder for a server: one that another user may enter, as pytest's own are not."""
    with ExitStack() as folders:
        yield lambda: Path(folders.enter_context(TemporaryDirectory(prefix="slixmpp-pipeline-")))
