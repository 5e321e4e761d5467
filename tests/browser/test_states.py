"""The page says what it cannot show: no calls, no bot, no token, nothing new, no room."""

from __future__ import annotations

from selenium.webdriver import Chrome

from tests.browser.conftest import fresh
from tests.browser.looking import BotProcess, Page, until

GONE = "The bot does not answer. What is shown is old; trying again …"


def test_no_calls_yet(page: Page) -> None:
    page.open()
    assert until(lambda: page.text("#nothing")).startswith("No calls in the last minute.")
    assert not page.is_shown("#table")
    assert page.find("#state").get_attribute("role") == "status"  # its changes are read out
    assert page.text("#now") == "0 calls/s, 0 under way"
    assert page.text("#client") == "vcards.capulet.example"
    until(lambda: page.text("#lint-note") == "None." or page.texts("#lint li"))

    page.find("#window").send_keys("since start")
    until(lambda: page.text("#nothing").startswith("No calls yet."))

    page.bot.say("calls 1")
    until(lambda: len(page.ops()) == 6)
    assert page.text("#nothing") == ""


def test_bot_that_is_gone_and_comes_back_is_followed_again(driver: Chrome) -> None:
    with BotProcess() as bot, fresh(driver, bot) as page:
        page.allowed = ["ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET"]
        bot.say("calls 20")
        page.open()
        until(lambda: len(page.ops()) == 6)
        bot.kill()

        until(lambda: page.text("#state") == GONE)
        assert "bad" in page.js("return document.querySelector('#state').className")
        assert len(page.ops()) == 6  # old, and still there
        page.button("get").click()  # its details cannot be had
        until(lambda: page.is_shown("#detail"))

        with BotProcess(port=bot.port) as again:
            page.is_live()
            until(lambda: page.text("#explain"))  # and now they can
            page.driver.back()
            until(lambda: page.ops() == [])
            again.say("calls 1")
            until(lambda: len(page.ops()) == 6)
            again.kill()
            until(lambda: page.text("#state") == GONE)

            with BotProcess(token="another", port=bot.port):
                page.allowed.append("401 (Unauthorized)")
                until(lambda: page.text("#state").startswith("The bot refuses the token: it was started again."))


def test_process_that_stands_is_told(page: Page) -> None:
    page.open()
    page.bot.freeze()
    try:
        until(lambda: page.text("#state").endswith("What is shown is old."), 6)
        assert page.text("#state").startswith("The bot is connected and says nothing")
    finally:
        page.bot.thaw()
    page.is_live()


def test_calls_that_are_no_longer_recorded_are_told(page: Page) -> None:
    page.open()
    page.bot.say("uninstall")
    until(lambda: page.text("#state").startswith("Calls are no longer recorded"))


def test_two_tabs_are_live(page: Page) -> None:
    page.open()
    first = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    try:
        page.open("?")
        page.bot.say("calls 5")
        until(lambda: len(page.ops()) == 6)
        page.driver.switch_to.window(first)
        until(lambda: len(page.ops()) == 6)
        page.bot.say("many 1")
        until(lambda: "op_000" in page.ops())
        page.is_live()
    finally:
        page.driver.switch_to.window(next(one for one in page.driver.window_handles if one != first))
        page.driver.close()
        page.driver.switch_to.window(first)


def test_ninth_stream_waits_for_room(page: Page) -> None:
    page.allowed = ["429 (Too Many Requests)"]
    streams = [page.bot.look() for _ in range(8)]
    try:
        page.open(live=False)
        until(
            lambda: page.text("#state") == "As many pages as may look do so already. Close one; this one tries again."
        )
    finally:
        for stream in streams:
            stream.close()
    page.is_live()
