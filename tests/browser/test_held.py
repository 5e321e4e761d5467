"""Who holds the loop is told while it is held, once, and which calls wait meanwhile."""

from __future__ import annotations

import re
import time

from tests.browser.looking import Page, until

COUNT_ALERTS = """
window.alerts = [];
new MutationObserver(changes => changes.forEach(() => alerts.push(document.querySelector("#alert").textContent)))
  .observe(document.querySelector("#alert"), { childList: true, characterData: true, subtree: true });
"""
HOLDS = "vcards hold: __main__.Bot.do_hold holds the loop: nothing else runs"


def alerts(page: Page) -> list[str]:
    return [text for text in page.js("return alerts") if text]


def test_banner_is_there_while_the_loop_is_held_and_says_how_long(page: Page) -> None:
    page.open()
    page.js(COUNT_ALERTS)
    assert not page.is_shown("#held")
    title = page.driver.title
    assert title == "vcards.capulet.example: which handler is slow?"
    began = time.monotonic()
    page.bot.say("hold 4")

    until(lambda: page.is_shown("#held"), 2)
    assert page.text("#held-title") == HOLDS
    assert page.is_shown("#held-stack")
    assert re.search(r"/tests/browser/bot\.py:\d+ Bot\.do_hold$", page.texts("#held-stack li")[0])
    seconds = until(lambda: page.text("#held-for") != "" and page.text("#held-for"))
    until(lambda: page.text("#held-for") != seconds, 2, "other seconds")
    until(lambda: page.text("#held-for").startswith("for 3."), 4)
    assert page.text("#held-for").endswith(" s so far")
    assert page.driver.title == f"⚠ held: {title}"
    assert page.text("#state") == "Live"
    assert time.monotonic() - began < 4, "the loop is held while all this is seen"
    assert alerts(page) == [HOLDS]
    assert page.js("return document.querySelector('#held').closest('[aria-live], [role=alert], [role=status]')") is None

    until(lambda: page.text("#held-title") == HOLDS.partition(" holds")[0] + " held the loop")
    hold = page.bot.snapshot()["last_held"]
    until_when = page.js("return new Date(arguments[0] * 1000).toLocaleTimeString()", hold["began"] + hold["seconds"])
    assert page.text("#held-for") == f"for {hold['seconds']:.2f} s, until {until_when}"
    assert page.text("#held summary") == "Where it stood"
    assert page.driver.title == title
    assert alerts(page) == [HOLDS]


def test_hidden_banner_stays_hidden_until_the_next_hold_which_is_told_too(page: Page) -> None:
    page.open()
    page.js(COUNT_ALERTS)
    page.bot.say("hold 2.5")
    until(lambda: page.is_shown("#held"))
    page.find("#hide").click()
    assert not page.is_shown("#held")

    until(lambda: page.text("#held-title").endswith("held the loop"))
    assert not page.is_shown("#held")

    page.bot.say("hold 2.5")
    until(lambda: page.is_shown("#held"))
    assert page.text("#held-title") == HOLDS
    assert alerts(page) == [HOLDS, HOLDS]


def test_hold_that_was_over_before_somebody_came_is_shown_and_not_announced(page: Page) -> None:
    page.bot.say("hold 0.3")
    until(lambda: page.bot.snapshot()["last_held"])
    page.open()

    assert page.text("#held-title").endswith("held the loop")
    assert not page.is_shown("#held-stack")  # it is not urgent
    assert page.text("#alert") == ""


def test_banner_covers_nothing_that_cannot_be_scrolled_to(page: Page) -> None:
    page.bot.say("hold 0.3")
    until(lambda: page.bot.snapshot()["last_held"])
    page.open()
    for width in (360, 800, 1280):
        page.size(width, 600)
        until(lambda: page.is_shown("#held"))
        page.js("window.scrollTo(0, document.documentElement.scrollHeight)")
        bottom = "return document.querySelector(arguments[0]).getBoundingClientRect()[arguments[1]]"
        assert page.js(bottom, "#overview", "bottom") <= page.js(bottom, "#held", "top")


def test_calls_under_way_are_one_group_at_the_line_where_they_wait(page: Page) -> None:
    page.open()
    assert until(lambda: page.text("#waiting-note")) == "None."
    page.bot.say("wait 3")

    (group,) = until(lambda: page.texts("#waiting > li"))
    assert group.startswith("vcards wait 3 calls wait, the first for ")
    assert "__main__.Bot.do_wait" in group
    stack = page.texts("#waiting .stack li")
    assert any(re.search(r"/tests/browser/bot\.py:\d+ Bot\.do_wait$", line) for line in stack)
    assert page.text("#waiting-note") == ""
    assert page.text("#now").endswith(", 3 under way")
    item = page.find("#waiting > li")
    age = page.text("#waiting > li > span")
    until(lambda: page.text("#waiting > li > span") != age)
    assert page.find("#waiting > li") == item  # in place

    page.bot.say("wait 30")
    until(lambda: page.text("#waiting-note") == "13 calls more, all younger.")
    assert page.texts("#waiting > li")[0].startswith("vcards wait 20 calls wait, the first for ")

    page.bot.say("go_on")
    until(lambda: page.texts("#waiting > li") == [])
    assert page.text("#waiting-note") == "None."
    until(lambda: page.table().get("wait", {}).get("Under way") == "\u2013")


def test_calls_under_way_are_old_while_the_loop_is_held(page: Page) -> None:
    page.bot.say("wait 2")
    page.open()
    until(lambda: page.texts("#waiting > li"))
    page.bot.say("hold 3.2")

    until(lambda: page.text("#waiting-note").startswith("The loop is held: this is how they waited "), 4)
    assert page.is_shown("#held")
    until(lambda: page.text("#waiting-note") == "", 4)


def test_calls_under_way_are_not_known_while_the_loop_is_held_from_the_start(page: Page) -> None:
    page.bot.say("wait 2")
    page.bot.say("hold 3")
    page.open()

    until(lambda: page.text("#waiting-note").startswith("2 calls under way. Where they wait is not known"), 3)
    until(lambda: page.texts("#waiting > li"))
