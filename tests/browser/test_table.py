"""The table says what the bot recorded, sorted as somebody wants it, and stands still under a pointer."""

from __future__ import annotations

import time
from typing import Any

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from tests.browser.looking import BotProcess, Page, until

NONE = "\u2013"


@pytest.fixture
def busy(page: Page) -> Page:
    """A page that shows some calls of each kind."""
    page.bot.say("calls 20")
    page.open()
    until(lambda: len(page.ops()) == 6)
    until(lambda: page.bot.snapshot()["pending"] == 0)
    return page


def test_columns_say_what_the_stream_says(busy: Page) -> None:
    busy.bot.say("calls 5")
    busy.bot.say("hold 0.4")  # while these wait: that is no time of theirs
    until(lambda: busy.bot.row("hold") and busy.bot.row("flaky")["profile"]["held"] > 0.1)
    until(lambda: busy.table() == expected(busy.bot.snapshot()), what="the same on the page and in the stream")


def test_columns_of_calls_that_are_known(busy: Page) -> None:
    table = busy.table()

    assert table["get"]["handler"] == "__main__.Bot.do_get (global)"
    assert table["get"]["Cache hits"] == "65 %"  # seven nodes of 20 calls
    assert table["flaky"]["Errors"] == table["flaky"]["Retries"] == "20"
    for op in ("get", "set", "refuse"):
        assert table[op]["Errors"] == table[op]["Retries"] == NONE  # a refusal is an answer
    assert 0 < float(table["get"]["p50"].removesuffix(" ms")) < float(table["get"]["Max"].removesuffix(" ms"))
    assert busy.texts("#rows .bad") == ["20"]


def test_it_is_sorted_by_time_and_by_whatever_head_is_clicked(busy: Page) -> None:
    assert sorted_by(busy) == {"Time": "descending"}
    assert values(busy, "In all") == sorted(values(busy, "In all"), reverse=True)

    busy.find("#by-longest button").click()
    assert sorted_by(busy) == {"Max": "descending"}
    assert values(busy, "Max") == sorted(values(busy, "Max"), reverse=True)
    busy.find("#by-longest button").click()
    assert sorted_by(busy) == {"Max": "ascending"}
    assert values(busy, "Max") == sorted(values(busy, "Max"))

    busy.find("#by-name button").click()
    assert sorted_by(busy) == {"Op and handler": "ascending"}
    assert busy.ops() == sorted(busy.ops())
    busy.find("#by-errors button").click()
    assert busy.ops()[0] == "flaky"


def test_it_is_sorted_by_keyboard_too(busy: Page) -> None:
    busy.js("document.querySelector('#by-p99 button').focus()")
    for direction in ("descending", "ascending"):
        busy.press(Keys.ENTER)
        assert sorted_by(busy) == {"p99": direction}
        assert values(busy, "p99") == sorted(values(busy, "p99"), reverse=direction == "descending")


def test_cards_are_sorted_by_a_menu(busy: Page) -> None:
    assert not busy.is_shown("#sort")
    busy.size(360)
    assert busy.is_shown("#sort")

    Select(busy.find("#sort")).select_by_visible_text("Errors")

    assert busy.ops()[0] == "flaky"
    assert sorted_by(busy) == {"Errors": "descending"}


def test_window_since_start(busy: Page) -> None:
    busy.bot.say("hold 0.15")
    until(lambda: "hold" in busy.ops())

    Select(busy.find("#window")).select_by_visible_text("since start")

    until(lambda: "/events?window=start" in str(busy.requests()))
    until(lambda: busy.table() == expected(busy.bot.snapshot("start")))
    busy.is_live()


def test_filter(busy: Page) -> None:
    kept = busy.button("flaky")
    busy.point_at(kept)  # rows stay where a pointer is, but for a filter
    busy.find("#filter").send_keys("FLAKY")
    assert busy.ops() == ["flaky"]
    assert busy.button("flaky") == kept
    assert busy.table()["flaky"]["Time"] != "100 %"  # its share of all

    busy.find("#filter").send_keys("no")
    assert not busy.is_shown("#table")
    assert busy.text("#nothing") == "No handler has “flakyno” in its name."

    busy.find("#filter").clear()
    busy.find("#filter").send_keys("do_get")
    assert len(busy.ops()) == 2  # those of the handler
    busy.press(Keys.ENTER)  # sends no form
    assert busy.driver.current_url == f"{busy.bot.origin}/"


def test_pause_lets_the_table_stand_and_the_banner_come(busy: Page) -> None:
    busy.find("#pause").click()
    before = busy.table()
    assert busy.find("#pause").get_attribute("aria-pressed") == "true"
    assert busy.text("#paused").startswith("The table stands as of ")

    busy.bot.say("calls 5")
    busy.bot.say("hold 0.5")
    until(lambda: busy.is_shown("#held"))
    until(lambda: busy.bot.row("hold"))
    assert busy.table() == before
    assert busy.text("#state") == "Live"

    busy.find("#pause").click()
    until(lambda: "hold" in busy.ops())
    assert busy.text("#paused") == ""
    assert busy.find("#pause").get_attribute("aria-pressed") == "false"


def test_another_window_ends_a_pause(busy: Page) -> None:
    busy.find("#pause").click()
    Select(busy.find("#window")).select_by_value("start")

    assert busy.find("#pause").get_attribute("aria-pressed") == "false"
    busy.bot.say("hold 0.15")
    until(lambda: "hold" in busy.ops())


def test_sparkline_is_of_the_last_minute(busy: Page) -> None:
    def line() -> Any:
        return busy.js("return document.querySelector('#rows .spark path').getAttribute('d')")

    def said() -> Any:
        return busy.find("#rows .spark").get_attribute("aria-label")

    until(lambda: said() == "0 calls in the last second, at most 20")
    before = line()
    until(lambda: line() != before, what="another second")
    assert before.count("L") + 2 <= line().count("L") + 1
    points = [tuple(map(float, point.split())) for point in line()[1:].split("L")]
    assert points[-1] == (91, 17)  # now, and nothing
    assert min(height for _, height in points) == 1  # the most, at the top
    assert [one for one, _ in points] == sorted(one for one, _ in points)


def test_rows_are_changed_in_place(busy: Page) -> None:
    busy.js("window.kept = [...document.querySelectorAll('#rows tr, #rows td, #rows button')]")
    for times in range(1, 4):
        calls_are_made(busy, times)

    assert busy.js("return kept.length > 6 * 15 && kept.every(it => it.isConnected)")


def test_slow_clicks_open_a_row(busy: Page) -> None:
    opened = 0
    for _ in range(6):
        busy.bot.say("calls 3")
        ActionChains(busy.driver, duration=0).click_and_hold(busy.button("flaky")).pause(1.2).release().perform()
        opened += busy.text("#detail-title") == "vcards flaky" and busy.is_shown("#detail")
        busy.driver.back()
        until(lambda: busy.is_shown("#overview"))
        busy.js("document.querySelector('#detail-title').textContent = ''")
    assert opened == 6


@pytest.mark.parametrize("how", ["pointer", "focus"])
def test_rows_do_not_move_while_somebody_is_there(busy: Page, how: str) -> None:
    busy.bot.say("hold 0.12")
    until(lambda: "hold" in busy.ops())
    until(lambda: busy.ops() == by_time(busy.bot))
    before = busy.ops()
    last = busy.button(before[-1])
    if how == "pointer":
        busy.point_at(last)
    else:
        busy.js("arguments[0].focus()", last)

    held = busy.table()["hold"]["Max"]
    most = max(own(one) for one in busy.bot.snapshot()["handlers"])
    busy.bot.say(f"hold {most + 0.1}")
    until(lambda: busy.table()["hold"]["Max"] != held)
    assert before[0] != "hold"
    until(lambda: by_time(busy.bot)[0] == "hold")
    busy.bot.say("many 1")
    until(lambda: "op_000" in busy.ops())
    assert busy.ops() == [*before, "op_000"]  # what comes is the last

    if how == "pointer":
        busy.point_away()
    else:
        busy.js("document.activeElement.blur()")
    until(lambda: busy.ops() == by_time(busy.bot))
    assert busy.ops()[0] == "hold"


def test_focus_stays_on_a_row_while_others_come(busy: Page) -> None:
    busy.js("arguments[0].focus()", busy.button("get"))
    busy.bot.say("many 20")
    until(lambda: len(busy.ops()) == 26)
    assert busy.focused() == "vcards get"


def test_a_lot_of_handlers_is_shown_within_a_second(busy: Page) -> None:
    busy.bot.say("many 200")
    until(lambda: len(busy.ops()) >= 200)
    busy.js(
        "window.longest = 0; new PerformanceObserver(list => {"
        "for (const it of list.getEntries()) longest = Math.max(longest, it.duration)}).observe({type: 'longtask'})"
    )
    began = time.monotonic()
    for times in range(1, 3):
        calls_are_made(busy, times)
    assert time.monotonic() - began < 6
    assert busy.js("return longest") < 500  # milliseconds in which the page answers nothing


def calls_are_made(busy: Page, times: int) -> None:
    """Make one call more of each kind, and see it: the one after 20 and those before."""
    busy.bot.say("calls 1")
    until(lambda: busy.table()["flaky"]["Errors"] == f"{20 + times}")


def expected(snapshot: Any) -> dict[str, dict[str, str]]:
    """Return what the table has to say of a snapshot, in the order of time."""
    whole = sum(own(one) for one in snapshot["handlers"])
    return {one["profile"]["op"]: row(one, whole) for one in sorted(snapshot["handlers"], key=own, reverse=True)}


def row(of: Any, whole: float) -> dict[str, str]:
    profile = of["profile"]
    answered = profile["hits"] + profile["joined"]
    return {
        "handler": f"{profile['handler']} ({profile['tier']})",
        "Time": share(own(of), whole),
        "Calls/s": f"{of['per_second']:.1f}" if of["per_second"] else "0",
        **{name: duration(profile[key]) for name, key in [("p50", "p50"), ("p95", "p95"), ("p99", "p99")]},
        "Max": duration(profile["longest"]),
        "In handler": share(profile["in_handler"], profile["seconds"]),
        "In all": duration(profile["seconds"]),
        "Held loop": duration(of["held_loop"]) if of["held_loop"] else NONE,
        "Errors": str(sum(profile["errors"].values()) or NONE),
        "Cache hits": share(answered, profile["calls"]) if answered else NONE,
        "Retries": str(profile["retries"] or NONE),
        "Under way": str(of["in_flight"] or NONE),
        "Calls, last minute": "",
    }


def own(of: Any) -> float:
    """Return the time of calls, less that in which others held the loop."""
    return float(of["profile"]["seconds"] - of["profile"]["held"])


def duration(seconds: float) -> str:
    unit, size = next(
        one for one in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)) if seconds >= one[1] * 0.9995 or one[1] < 1e-5
    )
    number = seconds / size
    return f"{number:.0f} {unit}" if number >= 100 else f"{number:#.3g}".removesuffix(".") + f" {unit}"


def share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.{1 if part < whole / 10 else 0}f} %"


def by_time(bot: BotProcess) -> list[str]:
    return list(expected(bot.snapshot()))


def sorted_by(page: Page) -> dict[str, str]:
    found: dict[str, str] = page.js(
        "return Object.fromEntries([...document.querySelectorAll('th[aria-sort]')]"
        ".map(it => [it.textContent, it.getAttribute('aria-sort')]))"
    )
    return found


def values(page: Page, column: str) -> list[float]:
    """Return the seconds in a column."""
    sizes = {"s": 1, "ms": 1e-3, "µs": 1e-6}
    said = [cells[column].split() for cells in page.table().values()]
    return [float(number) * sizes[unit] for number, unit in said]
