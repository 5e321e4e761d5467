"""A row opens what is known of its handler, and the way back leads to where one was."""

from __future__ import annotations

from itertools import pairwise

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.looking import Page, until

OPENED = "#ctype=vcards&op=get&tier=global&handler=__main__.Bot.do_get"


@pytest.fixture
def busy(page: Page) -> Page:
    page.bot.say("calls 20")
    page.open()
    until(lambda: len(page.ops()) == 6)
    until(lambda: page.bot.snapshot()["pending"] == 0)
    return page


def opened(page: Page, title: str) -> None:
    until(lambda: page.is_shown("#detail") and page.text("#detail-title") == title)
    assert not page.is_shown("#overview")
    until(lambda: page.text("#explain"))


@pytest.mark.parametrize("how", ["click", "Enter"])
def test_row_opens_what_is_known_and_escape_leads_back(busy: Page, how: str) -> None:
    busy.size(1280, 300)
    busy.js("window.scrollTo(0, 120); addEventListener('click', () => (window.before = scrollY), true)")
    if how == "click":
        busy.button("get").click()
    else:
        busy.js("arguments[0].focus({preventScroll: true})", busy.button("get"))
        busy.press(Keys.ENTER)

    opened(busy, "vcards get")
    assert busy.focused() == "detail-title"
    assert busy.js("return window.scrollY") == 0
    assert busy.driver.current_url == f"{busy.bot.origin}/{OPENED}"

    busy.press(Keys.ESCAPE)
    until(lambda: busy.is_shown("#overview"))
    assert not busy.is_shown("#detail")
    assert busy.focused() == "vcards get"
    assert busy.js("return [window.scrollY > 100, window.scrollY === before]") == [True, True]


def test_details_say_what_the_bot_says(busy: Page) -> None:
    busy.button("get").click()
    opened(busy, "vcards get")
    explained = busy.text("#explain")
    assert "vcards get" in explained
    assert "do_get" in explained
    for layer in ("Logging", "Tracing", "Metrics", "Caching", "Timeout", "Retry"):
        assert layer in explained

    figures = dict(zip(busy.texts("#figures dt"), busy.texts("#figures dd"), strict=True))
    row = busy.table()["get"]
    assert figures["p50"] == row["p50"]
    assert figures["Max"] == row["Max"]
    assert figures["Cache hits"] == "65 %"
    assert figures["Calls"] == "20"

    assert busy.text("#shares-note").startswith("20 calls took ")
    assert busy.texts("#shares .part > :first-child") == ["handler", "Caching itself", "5 other layers"]
    assert_bars_lie_in_their_tracks(busy, "#shares")
    assert not busy.is_shown("#failures")


def test_slowest_calls_have_own_times_and_one_line_of_small_layers(busy: Page) -> None:
    busy.button("get").click()
    opened(busy, "vcards get")

    assert 1 <= len(busy.texts("#calls > li")) <= 8
    first = "#calls > li:first-child"
    said, *parts = busy.texts(f"{first} > *")
    assert ", ok, cache: " in said
    names = busy.texts(f"{first} .part > :first-child")
    assert len(parts) == len(names) <= 4
    assert "handler" in names or "Caching itself" in names
    assert names[-1].endswith(" other layers")
    assert_bars_lie_in_their_tracks(busy, first)
    assert seconds(said.partition(" at ")[0]) == pytest.approx(
        sum(seconds(one) for one in busy.texts(f"{first} .part > :last-child")), rel=0.02
    )


def test_failures_and_attempts_are_told(busy: Page) -> None:
    busy.button("flaky").click()
    opened(busy, "vcards flaky")
    assert busy.texts("#failed li") == ["ConnectionResetError: 20 calls"]
    assert "error: ConnectionResetError" in busy.text("#calls > li > p")
    assert "2 attempts" in busy.text("#calls > li > p")
    assert busy.texts("#calls > li:first-child .part > :first-child").count("handler") == 2
    assert_no_two_bars_are_at_one_time(busy, "#calls > li:first-child")

    busy.driver.back()
    until(lambda: busy.is_shown("#overview"))
    busy.button("refuse").click()
    opened(busy, "vcards refuse")
    assert busy.texts("#failed li") == ["not-authorized (refused): 20 calls"]


def test_back_and_forward_and_reload(busy: Page) -> None:
    busy.button("get").click()
    opened(busy, "vcards get")
    busy.driver.back()
    until(lambda: busy.is_shown("#overview") and not busy.is_shown("#detail"))
    assert busy.focused() == "vcards get"
    busy.driver.forward()
    opened(busy, "vcards get")

    busy.driver.refresh()
    opened(busy, "vcards get")
    until(lambda: busy.texts("#figures dd"))

    busy.find("#back").click()
    until(lambda: busy.is_shown("#overview"))
    busy.is_live()


def test_handler_without_calls_in_the_window_says_so(busy: Page) -> None:
    busy.open("#ctype=vcards&op=wait&tier=global&handler=__main__.Bot.do_wait")
    opened(busy, "vcards wait")
    assert busy.text("#detail-note") == "It was not called in the last minute."
    assert busy.text("#calls-note").startswith("None is among the 50 slowest")
    assert busy.texts("#shares *") == []
    assert "do_wait" in busy.text("#explain")
    assert busy.text("#detail-handler") == "__main__.Bot.do_wait (global)"


def test_refresh_asks_again(busy: Page) -> None:
    busy.button("set").click()
    opened(busy, "vcards set")
    busy.bot.say("calls 5")
    until(lambda: busy.texts("#figures dd")[-2] == "25")  # figures are live
    assert busy.text("#shares-note").startswith("20 calls ")

    busy.find("#refresh").click()
    until(lambda: busy.text("#shares-note").startswith("25 calls "))


def test_address_of_nothing_is_the_table(busy: Page) -> None:
    busy.open("#main")
    assert busy.is_shown("#overview")
    assert not busy.is_shown("#detail")


def test_details_while_the_loop_is_held_are_told_as_old(busy: Page) -> None:
    busy.button("get").click()
    opened(busy, "vcards get")
    busy.bot.say("hold 4")
    until(lambda: busy.is_shown("#held"))
    busy.find("#refresh").click()
    until(lambda: busy.text("#explain-note").startswith("The loop is held: this was so "))
    assert "do_get" in busy.text("#explain")

    until(lambda: busy.text("#held-title").endswith("held the loop"))
    busy.find("#refresh").click()
    until(lambda: busy.text("#explain-note") == "")


def assert_bars_lie_in_their_tracks(page: Page, inside: str) -> None:
    """Assert that each bar begins and ends inside its track, and is as long as its part of the time."""
    lines = bars(page, inside)
    assert lines
    for (left, right), *places in lines:
        for begins, ends in places:
            assert left - 1 <= begins < ends <= right + 2
    lengths = [sum(ends - begins for begins, ends in places) for _, *places in lines]
    times = [seconds(one) for one in page.texts(f"{inside} .part > :last-child")]
    longest = lengths.index(max(lengths))
    assert times[longest] == max(times)
    for length, time in zip(lengths, times, strict=True):
        assert length == pytest.approx(max(lengths) * time / max(times), abs=8)  # the least are 2 pixels


def assert_no_two_bars_are_at_one_time(page: Page, inside: str) -> None:
    """Assert that what a layer did itself is shown when it did: not while the handler ran."""
    lines = bars(page, inside)[:-1]  # the last is that of other layers, which have no place of their own
    found = sorted(one for _, *places in lines for one in places)
    assert len(found) > 3
    for (_, ended), (began, _) in pairwise(found):
        assert ended <= began + 4  # pixels
    assert found[-1][1] - found[0][0] > 0.8 * (lines[0][0][1] - lines[0][0][0])


def bars(page: Page, inside: str) -> list[list[tuple[float, float]]]:
    """Return where each track begins and ends, and then where its bars do."""
    found: list[list[tuple[float, float]]] = page.js(
        "return [...document.querySelectorAll(`${arguments[0]} .track`)].map(track => [track, ...track.children]"
        ".map(it => it.getBoundingClientRect()).map(({left, right}) => [left, right]))",
        inside,
    )
    return found


def seconds(said: str) -> float:
    number, unit = said.split()
    return float(number) * {"s": 1, "ms": 1e-3, "µs": 1e-6}[unit]
