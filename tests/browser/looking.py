"""How does a test look at the page? A bot as a process, a page in a browser, and waiting until something is so."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from selenium.webdriver import Chrome
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
TOKEN = "let-me-look"


def until(question: Callable[[], T], seconds: float = 10, what: str = "") -> T:
    """Ask again and again until the answer is true, and return it."""
    ends = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        assert time.monotonic() < ends, f"not within {seconds} s: {what or question}; it is {answer!r}"
        time.sleep(0.03)


class Stream:
    """Reads snapshots in a thread of its own, until the bot ends; `last` is the newest, None before the first."""

    def __init__(self, answer: HTTPResponse) -> None:
        self.last: Any = None
        self._thread = Thread(target=self._read, args=[answer], daemon=True)
        self._thread.start()

    def join(self) -> None:
        self._thread.join(10)

    def _read(self, answer: HTTPResponse) -> None:
        with answer, suppress(OSError, HTTPException):
            for line in answer:
                if line.startswith(b"data: "):
                    self.last = json.loads(line.removeprefix(b"data: "))


class BotProcess:
    """A bot that serves the page. What it is told are lines: `say("calls 20")`. As a context manager it has started."""

    def __init__(self, token: str = TOKEN, port: int = 0, module: str = "tests.browser.bot") -> None:
        self.token = token
        self._streams: dict[str, Stream] = {}
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, token, str(port)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def is_ready(self) -> None:
        """Wait for the address of the page."""
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().decode().strip()
        assert self.address, "the bot has ended"
        self.origin, _, _ = self.address.partition("/?")
        self.port = urlsplit(self.address).port or 0

    def say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()

    def snapshot(self, window: str = "minute") -> Any:
        """Return what the stream told last."""
        if window not in self._streams:
            self._streams[window] = Stream(self.look(window))
        return until(lambda: self._streams[window].last, what="a snapshot")

    def look(self, window: str = "minute") -> HTTPResponse:
        """Return a stream of its own."""
        request = Request(f"{self.origin}/events?window={window}", headers={"Authorization": f"Bearer {self.token}"})
        stream: HTTPResponse = urlopen(request, timeout=60)
        return stream

    def row(self, op: str, window: str = "minute") -> Any:
        """Return the snapshot's row of the op; None if it has none."""
        found = [one for one in self.snapshot(window)["handlers"] if one["profile"]["op"] == op]
        return found[0] if found else None

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)

    def end(self) -> None:
        """Kill it, which takes no time, and close what leads to it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.kill()
        self._process.stdout.close()
        with suppress(BrokenPipeError):  # of a line that it has not read
            self._process.stdin.close()
        for stream in self._streams.values():
            stream.join()

    def __enter__(self) -> Self:
        try:
            self.is_ready()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


class Page:
    """The page of `bot` in the browser. `allowed` are texts of which the console may have entries."""

    def __init__(self, driver: Chrome, bot: BotProcess) -> None:
        self.driver = driver
        self.bot = bot
        self.allowed: list[str] = []

    def open(self, path: str = "", *, live: bool = True) -> None:
        """Open an address of the page; `live` waits for the first snapshot."""
        self.driver.get(f"{self.bot.origin}/{path}" if path else self.bot.address)
        if live:
            self.is_live()

    def is_live(self) -> None:
        until(lambda: self.text("#state") == "Live", what="Live")

    # What is there

    def js(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def find(self, css: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def text(self, css: str) -> str:
        """Return the text of an element as it is in the document, also if it is not shown."""
        return str(self.js("return document.querySelector(arguments[0])?.textContent ?? ''", css))

    def texts(self, css: str) -> list[str]:
        found: list[str] = self.js("return [...document.querySelectorAll(arguments[0])].map(it => it.textContent)", css)
        return found

    def is_shown(self, css: str) -> bool:
        return bool(self.js("return document.querySelector(arguments[0])?.checkVisibility() ?? false", css))

    def table(self) -> dict[str, dict[str, str]]:
        """Return the texts of the table, by op and by column, in their order."""
        found: list[tuple[str, dict[str, str]]] = self.js(
            "return [...document.querySelectorAll('#rows tr')].map(row => [row.querySelector('.op').textContent,"
            " Object.fromEntries([...row.cells].map(it => [it.dataset.label ?? 'handler',"
            " (it.querySelector('.handler') ?? it).textContent]))])"
        )
        return {name.partition(" ")[2]: cells for name, cells in found}

    def ops(self) -> list[str]:
        return list(self.table())

    def button(self, op: str) -> WebElement:
        found: WebElement = self.js(
            "return [...document.querySelectorAll('#rows .op')].find(it => it.textContent.endsWith(arguments[0]))",
            f" {op}",
        )
        return found

    def focused(self) -> str:
        """Return the id or the text of what has the focus."""
        return str(self.js("return document.activeElement.id || document.activeElement.textContent"))

    def past_the_edge(self, *but_inside: str) -> list[str]:
        """Return the visible elements that reach past the right or the left edge of the viewport."""
        found: list[str] = self.js(
            """
            const width = document.documentElement.clientWidth;
            return [...document.body.querySelectorAll("*")]
              .filter(it => it.checkVisibility() && !it.closest(".hidden, .skip, thead"))
              .filter(it => !arguments[0].some(css => it.matches(`${css} *`)))
              .map(it => [it, it.getBoundingClientRect()])
              .filter(([, box]) => box.width && (box.right > width + 0.5 || box.left < -0.5))
              .map(([it, box]) => `${box.left}..${box.right}: ${it.outerHTML.slice(0, 120)}`);
            """,
            list(but_inside),
        )
        return found

    # What somebody does

    def press(self, *keys: str) -> None:
        ActionChains(self.driver, duration=0).send_keys(*keys).perform()

    def point_at(self, element: WebElement) -> None:
        ActionChains(self.driver, duration=0).move_to_element(element).perform()

    def point_away(self) -> None:
        actions = ActionChains(self.driver, duration=0)
        actions.w3c_actions.pointer_action.move_to_location(0, 0)  # type: ignore[no-untyped-call]  # selenium has no types there
        actions.perform()

    # How it looks

    def size(self, width: int, height: int = 900) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        until(lambda: self.js("return [innerWidth, innerHeight]") == [width, height], what="the size")

    def scheme(self, name: str, motion: str = "reduce") -> None:
        """Let the browser prefer light or dark; without motion, what is there can be clicked at once."""
        features = [
            {"name": "prefers-color-scheme", "value": name},
            {"name": "prefers-reduced-motion", "value": motion},
        ]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def screenshot(self, height: float) -> bytes:
        clip = {"x": 0, "y": 0, "width": self.js("return innerWidth"), "height": height, "scale": 1}
        taken = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "clip": clip})
        return b64decode(taken["data"])

    # What the browser has noticed

    def _log(self, kind: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.driver.get_log(kind)  # type: ignore[no-untyped-call]  # it has no types there
        return entries

    def console(self) -> list[str]:
        """Return what the console has got since the last time, less what is allowed."""
        entries = [one["message"] for one in self._log("browser")]
        return [one for one in entries if not any(text in one for text in self.allowed)]

    def requests(self) -> list[Mapping[str, Any]]:
        """Return the requests since the last time."""
        entries = [json.loads(one["message"])["message"] for one in self._log("performance")]
        return [one["params"] for one in entries if one["method"] == "Network.requestWillBeSent"]


def elsewhere(requests: Sequence[Mapping[str, Any]], origin: str) -> list[str]:
    """Return the addresses of requests that left the page's origin."""
    asked = [str(one["request"]["url"]) for one in requests]
    return [one for one in asked if not one.startswith((f"{origin}/", "about:", "data:,"))]
