"""Who has the token sees the page, at an address without it; others see why they do not."""

from __future__ import annotations

from tests.browser.looking import Page, until


def test_first_visit_ends_at_an_address_without_the_token_and_with_a_cookie_that_no_script_sees(page: Page) -> None:
    page.open()

    assert page.driver.current_url == f"{page.bot.origin}/"
    (cookie,) = page.driver.get_cookies()
    assert cookie["name"] == f"slixmpp-pipeline-{page.bot.port}"
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    assert cookie["path"] == "/"
    assert page.js("return document.cookie") == ""
    assert page.bot.token not in page.js("return document.documentElement.outerHTML")


def test_second_visit_needs_no_token(page: Page) -> None:
    page.open()
    page.driver.get("about:blank")
    page.open("?")


def test_who_has_no_token_sees_why_and_in_the_pages_style(page: Page) -> None:
    page.allowed = ["401 (Unauthorized)"]
    for path in ("?", "?token=another"):
        page.driver.delete_all_cookies()
        page.open(path, live=False)

        assert page.text("h1") == "No token, or a wrong one"
        assert "whole address that the bot has printed" in page.text("p")
        assert page.js("return getComputedStyle(document.body).maxWidth") != "none"
        assert page.driver.get_cookies() == []
        assert page.past_the_edge() == []


def test_cookie_of_another_bot_is_no_token(page: Page) -> None:
    page.allowed = ["401 (Unauthorized)"]
    page.open()
    page.driver.delete_all_cookies()
    page.driver.add_cookie({"name": "slixmpp-pipeline-1", "value": page.bot.token})
    page.open("?", live=False)

    until(lambda: page.text("h1") == "No token, or a wrong one")
