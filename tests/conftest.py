"""What all tests share: which of them run, clients that are made quickly, and a loop that is off."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

# They take a browser, and real servers; `make test-servers` installs those, and lets no test be skipped.
collect_ignore = [] if os.environ.get("TEST_SERVERS") == "1" else ["browser", "servers"]


def pytest_report_header() -> str | None:
    """Say that some tests are left out."""
    return "left out: tests/browser and tests/servers; make test-servers runs them" if collect_ignore else None


@pytest.fixture(scope="session", autouse=True)
def no_certificates() -> Iterator[None]:
    """Let slixmpp read no certificates: with the machine's own, each new client takes 40 ms."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", os.devnull)
        patch.setenv("SSL_CERT_DIR", os.devnull)
        yield


@pytest.fixture
def idle_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that runs only when the test says so, and is closed in the end."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()
