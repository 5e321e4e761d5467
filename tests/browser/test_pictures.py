"""The pictures of README and docs are of the page itself; `SCREENSHOTS` names the folder that they are written to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.browser.conftest import fresh
from tests.browser.looking import BotProcess, Page, until
from tests.browser.pictures import smaller

FOLDER = Path(os.environ.get("SCREENSHOTS", ""))
pytestmark = pytest.mark.skipif(not os.environ.get("SCREENSHOTS"), reason="SCREENSHOTS is not set to a folder")

WIDE, NARROW = 1280, 360


@pytest.fixture(scope="module")
def lively() -> Iterator[BotProcess]:
    """A bot that has been busy for a minute."""
    with BotProcess(module="tests.browser.plausible") as bot:
        bot.say("photo 0.3")
        bot.say("live")
        until(lambda: max((len(one["each_second"]) for one in bot.snapshot()["handlers"]), default=0) >= 45, 90)
        bot.say("photo 0.42")
        until(lambda: max(len(one["each_second"]) for one in bot.snapshot()["handlers"]) >= 60, 90)
        yield bot


@pytest.fixture
def scene(driver: Chrome, lively: BotProcess) -> Iterator[Page]:
    with fresh(driver, lively) as page:
        driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
        page.open()
        until(lambda: len(page.ops()) == 8)
        if page.is_shown("#held"):
            page.find("#hide").click()
            page.point_away()
        yield page
        driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": False})


def test_page(scene: Page) -> None:
    scene.size(WIDE, 1400)
    for scheme, name in (("light", "page"), ("dark", "page-dark")):
        scene.scheme(scheme)
        until(lambda: scene.text("#waiting-note") == "None.")  # whose lines would be those of this machine
        save(name, scene, top(scene, "#lint-title"))
    scene.scheme("light")
    scene.size(NARROW, 1400)
    save("narrow", scene, top(scene, "#rows tr:nth-child(3)"))


def test_waterfall(scene: Page) -> None:
    scene.size(WIDE, 1400)
    scene.button("get_vcard").click()
    until(lambda: len(scene.texts("#calls > li")) >= 4)
    for scheme, name in (("light", "waterfall"), ("dark", "waterfall-dark")):
        scene.scheme(scheme)
        save(name, scene, top(scene, "#calls > li:nth-child(4)"))


def test_held(scene: Page) -> None:
    scene.size(WIDE, 1000)
    scene.bot.say("photo 6")
    until(lambda: scene.text("#held-title").endswith("nothing else runs"))
    height = round(top(scene, "#waiting-title") + scene.js("return document.querySelector('#held').offsetHeight"))
    scene.size(WIDE, height)
    until(lambda: scene.text("#held-for").startswith("for 3."))
    save("held", scene, height)


def top(page: Page, css: str) -> float:
    return float(page.js("return document.querySelector(arguments[0]).getBoundingClientRect().top + scrollY", css))


def save(name: str, page: Page, height: float) -> None:
    assert page.past_the_edge() == []
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.png").write_bytes(smaller(page.screenshot(round(height))))
