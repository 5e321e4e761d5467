"""The pictures of README and docs are of the page itself; `SCREENSHOTS` names the folder that they are written to."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.browser.conftest import fresh
from tests.browser.looking import BotProcess, Page, until
from tests.docs.test_slow_handler import blocks, command

FOLDER = Path(os.environ["SCREENSHOTS"])  # else this file is left out

WIDE, NARROW = 1280, 360
# Lines of the standard library are where a system has it, and not where this machine does.
HERE = """for (const line of document.querySelectorAll(".stack li"))
  line.textContent = line.textContent.replace(arguments[0], "/usr/lib/python3.11");"""
POINTS = "return document.querySelector('.spark path')?.getAttribute('d').split('L').length ?? 0"  # seconds


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


def test_tutorial(driver: Chrome, tmp_path: Path) -> None:
    source, last = blocks("python")[0], "bot.loop.run_until_complete(bot.busy_day())\n"
    (tmp_path / "bot.py").write_text(source.removesuffix(last) + blocks("text")[3], encoding="utf-8")
    with subprocess.Popen(command(), cwd=tmp_path, stderr=subprocess.PIPE, text=True) as watched:
        assert watched.stderr is not None
        driver.get(watched.stderr.readline().removeprefix("Bot: ").strip())
        driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
        metrics = {"width": WIDE, "height": 640, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        until(lambda: driver.execute_script(POINTS) > 50, 90)
        until(lambda: "nothing else runs" in driver.find_element(By.ID, "held-title").text, 60)
        driver.execute_script(HERE, str(Path(os.__file__).parent))
        (FOLDER / "tutorial.png").write_bytes(driver.get_screenshot_as_png())
        driver.get("about:blank")
        watched.send_signal(signal.SIGINT)
        watched.communicate(timeout=60)


def top(page: Page, css: str) -> float:
    return float(page.js("return document.querySelector(arguments[0]).getBoundingClientRect().top + scrollY", css))


def save(name: str, page: Page, height: float) -> None:
    assert page.past_the_edge() == []
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.png").write_bytes(page.screenshot(round(height)))
