"""What does a bot's page tell a command? Asked with the address that the bot has printed, and the token in it."""

from __future__ import annotations

import http.client
import os
import re
import socket
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, TypeVar
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlencode, urlsplit

import msgspec

_T = TypeVar("_T")
_PATIENCE: Final = 5.0  # seconds; the page says something each second
_TOKEN: Final = "SLIXMPP_PIPELINE_TOKEN"  # noqa: S105  # the name of the variable
_SCHEMES: Final = ("http", "https", "http+unix")
GOOD_TOKEN: Final = re.compile(r"[A-Za-z0-9._~-]+")
"""A token as it is: the same in a header, a cookie and an address."""


class WrongAddress(ValueError):
    """What was given is no address of a page."""


class WrongQuestion(ValueError):
    """The bot says that it cannot be asked so."""


class NoPage(Exception):
    """The bot cannot be reached, or refuses the token."""


class Page:
    """The page at `address`, which has the token in it, or else the environment has it as `SLIXMPP_PIPELINE_TOKEN`.

    WrongAddress says what is wrong.
    """

    def __init__(self, address: str) -> None:
        try:
            parts = urlsplit(address)
            is_good = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
            if parts.scheme != "http+unix":
                (parts.hostname or "").encode("idna")
        except ValueError as error:
            raise WrongAddress(f"no address: {error}") from error
        if not is_good:
            raise WrongAddress("an address such as http://127.0.0.1:8000/?token=... is allowed; the bot has printed it")
        token = next(iter(parse_qs(parts.query).get("token", ())), os.environ.get(_TOKEN, "")).strip()
        if not token:
            raise WrongAddress(f"there is no token in it; the address that the bot has printed has one, or {_TOKEN}")
        if not GOOD_TOKEN.fullmatch(token):
            raise WrongAddress("the token has characters that no token has")
        self._parts = parts
        self._token = token

    def ask(self, path: str, kind: type[_T], **query: str | None) -> _T:
        """Return what it answers, as a `kind`; WrongQuestion if it cannot be asked so, NoPage without an answer."""
        with self._opened(path, query) as response:
            return msgspec.json.decode(response.read(), type=kind)

    def events(
        self, kind: type[_T], silent: Callable[[], object] = lambda: None, **query: str | None
    ) -> Generator[_T, None, None]:
        """Yield what it tells, once a second; NoPage when it ends.

        `silent` is called if it says nothing for five seconds, and again each five seconds.
        """
        has_begun = False
        while True:
            try:
                with self._opened("events", query) as response:
                    while line := response.readline():
                        if line.startswith(b"data: "):
                            yield msgspec.json.decode(line[6:], type=kind)
                            has_begun = True
            except NoPage as error:
                if not (has_begun and isinstance(error.__cause__, TimeoutError)):
                    raise
                silent()
            else:
                raise NoPage("the bot has ended")

    @contextmanager
    def _opened(self, path: str, query: Mapping[str, str | None]) -> Iterator[http.client.HTTPResponse]:
        given = urlencode({name: value for name, value in query.items() if value is not None}, errors="replace")
        connection, response = _connection(self._parts), None
        try:
            prefix = quote(self._parts.path.rpartition("/")[0], safe="/%")
            connection.request("GET", f"{prefix}/{path}?{given}", headers={"Authorization": f"Bearer {self._token}"})
            response = connection.getresponse()
            if response.status == http.client.BAD_REQUEST:
                raise WrongQuestion(response.read(1000).decode(errors="replace").strip())
            if response.status != http.client.OK:
                raise NoPage(_refusal(response))
            yield response
        except (OSError, http.client.HTTPException) as error:
            raise NoPage(f"the bot does not answer: {error}") from error
        except msgspec.MsgspecError as error:
            raise NoPage(f"this is no page of this release: {error}") from error
        finally:
            if response is not None:
                response.close()
            connection.close()


def _refusal(response: http.client.HTTPResponse) -> str:
    if response.status == http.client.UNAUTHORIZED:
        return "the bot refuses the token"
    said = response.read(1000).decode(errors="replace").strip() if response.status != http.client.NOT_FOUND else ""
    return f"the bot refuses ({response.status} {response.reason}) {said}".strip()


def _connection(of: SplitResult) -> http.client.HTTPConnection:
    host = of.hostname or ""
    if of.scheme == "https":
        return http.client.HTTPSConnection(host, of.port, timeout=_PATIENCE)
    if of.scheme == "http":
        return http.client.HTTPConnection(host, of.port, timeout=_PATIENCE)
    return _AtSocket(unquote(of.netloc))


class _AtSocket(http.client.HTTPConnection):
    """A connection to a socket in the file system."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
