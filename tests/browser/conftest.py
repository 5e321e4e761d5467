"""The tests of the page have one browser, a bot for each test, and an eye on what the browser notices."""

from __future__ import annotations

import os
import subprocess
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from tests.browser.looking import BotProcess, Page, elsewhere

collect_ignore = [] if os.environ.get("SCREENSHOTS") else ["test_pictures.py"]

OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--lang=en-GB",
)


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for option in (*OPTIONS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = Service("/usr/bin/chromedriver", log_output=subprocess.DEVNULL)
    with Chrome(options=options, service=service) as found:
        yield found


@pytest.fixture(scope="session")
def bots() -> Iterator[deque[BotProcess]]:
    """One bot that is starting: it does so while the test before it runs."""
    waiting = deque([BotProcess()])
    yield waiting
    for one in waiting:
        one.end()


@pytest.fixture
def bot(bots: deque[BotProcess]) -> Iterator[BotProcess]:
    with bots.popleft() as started:
        bots.append(BotProcess())
        yield started


@pytest.fixture
def page(driver: Chrome, bot: BotProcess) -> Iterator[Page]:
    """The page as it looks to who has never been there; nothing leaves the host, and the console stays empty."""
    with fresh(driver, bot) as made:
        yield made


@contextmanager
def fresh(driver: Chrome, bot: BotProcess) -> Iterator[Page]:
    page = Page(driver, bot)
    driver.get("about:blank")
    driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    page.size(1280)
    page.scheme("light")
    page.point_away()
    page.console(), page.requests()
    try:
        yield page
        assert page.console() == []
        assert elsewhere(page.requests(), bot.origin) == []
    finally:
        driver.get("about:blank")  # the stream ends before the bot does
