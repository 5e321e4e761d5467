"""Whatever a name is, it is text, and there is room for it."""

from __future__ import annotations

import pytest

from tests.browser.bot import LONG, NASTY
from tests.browser.looking import Page, until


@pytest.fixture
def full(page: Page) -> Page:
    """A page with 200 handlers, calls that wait, and the banner of a hold."""
    page.bot.say("calls 20")
    page.open()
    until(lambda: len(page.ops()) == 6)
    page.bot.say("many 200")
    page.bot.say("wait 3")
    page.bot.say("hold 0.5")
    until(lambda: len(page.ops()) >= 200 and page.is_shown("#held") and page.texts("#waiting > li"))
    return page


def test_a_name_with_markup_is_text(page: Page) -> None:
    page.bot.say("calls 20")
    page.open()
    until(lambda: len(page.ops()) == 6)
    assert NASTY in page.ops()

    page.bot.say("nasty")
    until(lambda: page.text("#waiting strong") == f"{NASTY} {NASTY}")
    assert page.js("return document.images.length") == 0

    page.button(NASTY).click()
    until(lambda: page.text("#explain"))
    assert page.text("#detail-title") == f"vcards {NASTY}"
    assert NASTY in page.text("#explain")
    page.driver.refresh()
    until(lambda: page.text("#explain"))
    assert page.js("return document.images.length") == 0
    assert page.driver.title != "1"


def test_a_name_with_markup_in_the_address_is_text(page: Page) -> None:
    page.open()
    page.open("#ctype=%3Cimg+src%3Dx%3E&op=%3Cb%3E&tier=global&handler=%3Ci%3E", live=False)
    until(lambda: page.text("#explain"))
    assert page.text("#detail-title") == "<img src=x> <b>"
    assert page.js("return document.images.length + document.querySelectorAll('b, #detail-handler i').length") == 0


@pytest.mark.parametrize("width", [360, 800, 1280, 1920])
def test_nothing_reaches_past_the_edge(full: Page, width: int) -> None:
    full.size(width)
    scroller = ["#table"] if width == 800 else []
    assert full.past_the_edge(*scroller) == []
    assert full.js("return document.documentElement.scrollWidth") <= width
    assert LONG in full.ops()

    for op in (LONG, NASTY):
        full.js("arguments[0].click()", full.button(op))
        until(lambda: full.is_shown("#detail") and full.texts("#calls > li"))
        assert full.past_the_edge() == []
        full.driver.back()
        until(lambda: full.is_shown("#overview"))


def test_what_does_not_fit_is_told_and_reached_by_scrolling_and_whose_it_is_stays(full: Page) -> None:
    for width in (360, 1280, 1920):
        full.size(width)
        until(lambda: not full.is_shown("#more"))
    full.size(800)
    until(lambda: full.is_shown("#more"))
    full.js("document.querySelector('#table').scrollLeft = 9999")

    last, first = (
        full.js(f"return document.querySelector('#rows tr').{which}.getBoundingClientRect().toJSON()")
        for which in ("lastElementChild", "firstElementChild")
    )
    assert last["right"] <= 800
    assert first["left"] >= 0


def test_numbers_are_on_one_line(full: Page) -> None:
    for width in (800, 1280):
        full.size(width)
        heights = full.js("return [...document.querySelectorAll('#rows .op, #rows .spark')].map(it => it.clientHeight)")
        assert max(heights) < 6 * 22  # of the long name, and no letter a line
        wraps = full.js(
            "return [...document.querySelectorAll('#rows td + td')].map(it => getComputedStyle(it).whiteSpace)"
        )
        assert set(wraps) == {"nowrap"}


def test_handlers_without_a_row_are_one_with_a_name(full: Page) -> None:
    full.bot.say("many 230")
    until(lambda: "others" in full.ops())
    assert full.table()["others"]["handler"] == "200 handlers have a row of their own"

    full.js("arguments[0].click()", full.button("others"))
    until(lambda: full.text("#explain-note") == "Not known: these are many handlers, each with layers of its own.")
    assert full.text("#detail-title") == "All others"
    assert not full.is_shown("#explain")
