"""What does a bot's page tell a command? Asked with the address that the bot has printed, and the token in it."""

from __future__ import annotations

import http.client
import os
import socket
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, TypeVar
from urllib.parse import SplitResult, parse_qs, unquote, urlencode, urlsplit

import msgspec

_T = TypeVar("_T")
_PATIENCE: Final = 5.0  # seconds; the page says something each second
_TOKEN: Final = "SLIXMPP_PIPELINE_TOKEN"  # noqa: S105  # the name of the variable
_SCHEMES: Final = ("http", "https", "http+unix")


class WrongAddress(ValueError):
    """What was given is no address of a page."""


class NoPage(Exception):
    """The bot cannot be reached, or refuses the token."""


class Page:
    """The page at `address`, which has the token in it, or else the environment has it as `SLIXMPP_PIPELINE_TOKEN`.

    WrongAddress says what is wrong.
    """

    def __init__(self, address: str) -> None:
        try:
            parts = urlsplit(address)
            _ = parts.port
        except ValueError as error:
            raise WrongAddress(f"no address: {error}") from error
        if parts.scheme not in _SCHEMES or not parts.hostname:
            raise WrongAddress("an address such as http://127.0.0.1:8000/?token=... is allowed; the bot has printed it")
        token = next(iter(parse_qs(parts.query).get("token", ())), os.environ.get(_TOKEN))
        if not token:
            raise WrongAddress(f"there is no token in it; the address that the bot has printed has one, or {_TOKEN}")
        self._parts = parts
        self._token = token

    def ask(self, path: str, kind: type[_T], **query: str | None) -> _T:
        """Return what it answers, as a `kind`; ValueError for what it says of a wrong question, NoPage without one."""
        with self._opened(path, query) as response:
            return msgspec.json.decode(response.read(), type=kind)

    def events(self, kind: type[_T], **query: str | None) -> Generator[_T, None, None]:
        """Yield what it tells, once a second; NoPage when it ends."""
        with self._opened("events", query) as response:
            while line := response.readline():
                if line.startswith(b"data: "):
                    yield msgspec.json.decode(line[6:], type=kind)
        raise NoPage("the bot has ended")

    @contextmanager
    def _opened(self, path: str, query: Mapping[str, str | None]) -> Iterator[http.client.HTTPResponse]:
        given = urlencode({name: value for name, value in query.items() if value is not None})
        connection = _connection(self._parts)
        try:
            prefix = self._parts.path.rpartition("/")[0]
            connection.request("GET", f"{prefix}/{path}?{given}", headers={"Authorization": f"Bearer {self._token}"})
            response = connection.getresponse()
            if response.status == http.client.BAD_REQUEST:
                raise ValueError(response.read().decode().strip())
            if response.status != http.client.OK:
                raise NoPage(_refusal(response))
            yield response
        except (OSError, http.client.HTTPException) as error:
            raise NoPage(f"the bot does not answer: {error}") from error
        except msgspec.MsgspecError as error:
            raise NoPage(f"this is no page of this release: {error}") from error
        finally:
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
