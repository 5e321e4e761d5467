"""Who has the token sees the page, at an address without it; others see why they do not."""

from __future__ import annotations

from tests.browser.looking import Page, elsewhere, until


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


def test_nothing_is_told_without_a_token(page: Page) -> None:
    page.allowed = ["401 (Unauthorized)"]
    for path in ("events", "detail", "explain", "lint", "page.js"):
        page.open(path, live=False)
        assert page.text("h1") == "No token, or a wrong one"


def test_page_asks_for_nothing_but_what_is_its_own(page: Page) -> None:
    page.bot.say("calls 5")
    page.open()
    page.js(
        "window.violations = [];"
        "document.addEventListener('securitypolicyviolation', it => violations.push(it.blockedURI))"
    )
    until(lambda: len(page.ops()) == 6)
    page.button("get").click()
    until(lambda: page.text("#explain"))
    icon = page.js(
        "const icon = new Image(); icon.src = document.querySelector('link[rel=icon]').href;"
        "return icon.decode().then(() => [icon.src, icon.naturalWidth > 0])"
    )

    assert icon == [f"{page.bot.origin}/icon.svg", True]  # else a browser asks for one that is not there
    assert page.js("return violations") == []
    asked = {one["request"]["url"].removeprefix(f"{page.bot.origin}/").partition("?")[0] for one in page.requests()}
    assert asked == {"", "style.css", "page.js", "icon.svg", "events", "lint", "detail"}
    assert elsewhere([{"request": {"url": "http://127.0.0.1:1/"}}], page.bot.origin)  # it would be seen


def test_policy_lets_nothing_in_from_elsewhere(page: Page) -> None:
    page.allowed = ["Content Security Policy"]
    page.open()
    page.js(
        "window.refused = [];"
        "document.addEventListener('securitypolicyviolation', it => refused.push(it.effectiveDirective))"
    )
    page.js("document.body.append(Object.assign(document.createElement('img'), {src: 'http://127.0.0.1:1/x.png'}))")
    page.js(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'document.title = 1'}))"
    )
    page.js("document.body.insertAdjacentHTML('beforeend', '<p id=\"styled\" style=\"color: red\">')")

    assert page.driver.title != "1"
    assert page.js("return getComputedStyle(document.querySelector('#styled')).color") != "rgb(255, 0, 0)"
    (asked,) = elsewhere(page.requests(), page.bot.origin)  # which the browser did not send
    assert asked == "http://127.0.0.1:1/x.png"
    assert until(lambda: len(found := page.js("return refused")) >= 3 and set(found)) == {
        "img-src",
        "script-src-elem",
        "style-src-attr",
    }
