"""What all tests share: which of them run, clients that are made quickly, and a loop that is off."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

# They take real servers; `make test-servers` installs those, and lets no test be skipped.
_WITH_SERVERS = os.environ.get("TEST_SERVERS") == "1"
collect_ignore = [] if _WITH_SERVERS else ["servers"]


def pytest_report_header() -> str:
    """Say whether the tests of real servers are among those that run."""
    return "tests/servers: part of this run" if _WITH_SERVERS else "tests/servers: left out; make test-servers runs it"


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
