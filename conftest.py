"""The examples in README.md and in the pages below docs/ are tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.docs.examples import examples

_HERE = Path(__file__).parent
_PAGES = ("docs/*.md", "docs/*/*.md")

# Docstrings are left to pytest's own --doctest-modules, which also finds those of an installed package.
pytest_collect_file = examples("README.md", *_PAGES, path=str(_HERE)).pytest()


def pytest_configure(config: pytest.Config) -> None:
    """Let a run of everything be of the pages, too: not of docs/ as a whole, where Sphinx has its modules."""
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        config.args += [str(page) for pages in _PAGES for page in sorted(_HERE.glob(pages))]


# Without a loop that somebody set, looptime makes one for each sync test (up to Python 3.13), and nobody closes it.
asyncio.set_event_loop(None)


@pytest.fixture(autouse=True)
def structlog_as_it_was() -> Iterator[None]:
    """Leave structlog unconfigured: `capture_logs()` configures it for good, and events go elsewhere then."""
    yield
    structlog.reset_defaults()
