"""Everybody can use the page: by keyboard alone, in light and in dark, on a small screen, and with a screen reader."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.looking import Page, until

AXE = os.environ.get("AXE", "")
LOOKS = [("light", 1280), ("dark", 1280), ("light", 360), ("dark", 360)]


def findings(page: Page) -> list[str]:
    """Return what axe-core finds in the page as it is: in light, dark and on a small screen."""
    found = []
    page.js(Path(AXE).read_text(encoding="utf-8"))
    for scheme, width in LOOKS:
        page.scheme(scheme)
        page.size(width)
        told: Any = page.driver.execute_async_script("axe.run().then(arguments[0])")
        assert len(told["passes"]) > 8
        found += [
            f"{scheme} {width}: {one['id']}: {node['html']}: {node['failureSummary']}"
            for one in told["violations"]
            for node in one["nodes"]
        ]
    return found


@pytest.fixture
def busy(page: Page) -> Page:
    page.bot.say("calls 20")
    page.bot.say("wait 2")
    page.open()
    until(lambda: len(page.ops()) == 7 and page.texts("#waiting > li"))
    return page


@pytest.mark.skipif(not AXE, reason="AXE is not set to the path of axe.min.js")
def test_axe_finds_nothing(busy: Page) -> None:
    assert findings(busy) == []
    busy.bot.say("hold 0.5")
    until(lambda: busy.is_shown("#held"))
    assert findings(busy) == []
    busy.find("#hide").click()
    busy.js("arguments[0].click()", busy.button("flaky"))
    until(lambda: busy.texts("#calls > li"))
    assert findings(busy) == []


@pytest.mark.skipif(not AXE, reason="AXE is not set to the path of axe.min.js")
def test_axe_finds_nothing_while_the_loop_is_held(busy: Page) -> None:
    busy.bot.say("hold 4")
    until(lambda: busy.is_shown("#held"))
    assert findings(busy) == []
    assert busy.text("#held-for").endswith("so far")


@pytest.mark.skipif(not AXE, reason="AXE is not set to the path of axe.min.js")
def test_axe_finds_nothing_in_the_page_that_refuses_and_in_one_without_calls(page: Page) -> None:
    page.allowed = ["401 (Unauthorized)"]
    page.open("?", live=False)
    assert findings(page) == []
    page.open()
    assert findings(page) == []


def test_keyboard_alone_is_enough(busy: Page) -> None:
    reached = []
    for _ in range(40):
        busy.press(Keys.TAB)
        reached.append(busy.focused())
        style = busy.js(
            "const style = getComputedStyle(document.activeElement); return [style.outlineStyle, style.outlineWidth]"
        )
        assert style == ["solid", "2px"], reached
        assert busy.js("const box = document.activeElement.getBoundingClientRect(); return box.width * box.height") > 50
        if reached[-1] == "vcards get":
            break
    assert reached[:4] == ["To the handlers", "window", "filter", "pause"]
    heads = busy.texts("#head button")
    assert reached[reached.index(heads[0]) : reached.index(heads[-1]) + 1] == heads

    busy.press(Keys.ENTER)
    until(lambda: busy.is_shown("#detail"))
    assert busy.focused() == "detail-title"
    busy.press(Keys.TAB)  # back comes before the title; the next is what follows
    assert busy.focused() == "refresh"
    busy.press(Keys.ESCAPE)
    until(lambda: busy.is_shown("#overview"))
    assert busy.focused() == "vcards get"


def test_skip_link_leads_past_the_header(busy: Page) -> None:
    busy.press(Keys.TAB)
    assert busy.is_shown(".skip")
    assert busy.find(".skip").rect["x"] >= 0
    busy.press(Keys.ENTER)
    until(lambda: busy.focused() == "main")
    assert busy.is_shown("#overview")
    assert not busy.is_shown("#detail")


def test_each_column_is_explained(busy: Page) -> None:
    assert not busy.is_shown("#legend dl")
    busy.find("#legend summary").click()
    assert busy.is_shown("#legend dl")
    said = busy.text("#legend dl")
    assert [title for title in busy.texts("#head button")[1:] if title not in said] == []
    assert busy.past_the_edge() == []


def test_banner_is_hidden_by_keyboard(busy: Page) -> None:
    busy.bot.say("hold 0.5")
    until(lambda: busy.is_shown("#held"))
    busy.js("document.querySelector('#hide').focus()")
    busy.press(Keys.ENTER)
    assert not busy.is_shown("#held")


def test_table_has_its_roles_as_cards_too(busy: Page) -> None:
    for width in (1280, 360):
        busy.size(width)
        roles = busy.js(
            "return ['#table table', 'thead', 'tbody', '#head', '#head th', '#rows tr', '#rows td']"
            ".map(css => document.querySelector(css).getAttribute('role'))"
        )
        assert roles == ["table", "rowgroup", "rowgroup", "row", "columnheader", "row", "cell"]


def test_who_wants_no_motion_gets_none(busy: Page) -> None:
    for motion, animation in (("reduce", "none"), ("no-preference", "rise")):
        busy.scheme("light", motion)
        assert busy.js("return getComputedStyle(document.querySelector('#held')).animationName") == animation
