"""What a page answers, asked as a browser or a command does."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

TOKEN = "0123456789abcdef"


@dataclass(frozen=True)
class Answered:
    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def ask(address: str, path: str = "/", *, token: str | None = TOKEN, method: str = "GET", **headers: str) -> Answered:
    """Ask the page at `address` for a path; headers are given with underscores."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=20)
    try:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        connection.request(method, path, headers=sent)
        response = connection.getresponse()
        return Answered(response.status, response.headers, response.read().decode())
    finally:
        connection.close()


class Stream:
    """The stream of snapshots of a page."""

    def __init__(self, address: str, window: str = "minute") -> None:
        self._connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=20)
        self._connection.request("GET", f"/events?window={window}", headers={"Authorization": f"Bearer {TOKEN}"})
        self.response = self._connection.getresponse()

    def next(self) -> Any:
        """Return the next snapshot; None at the end."""
        line = self.response.readline()
        self.response.readline()
        return json.loads(line.removeprefix(b"data: ")) if line else None

    def close(self) -> None:
        self._connection.close()
        self.response.close()
