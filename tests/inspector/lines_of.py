"""Lines of a file of calls, as a test wants them."""

from __future__ import annotations

import json
from typing import Any


def call(seconds: float = 0.01, *, at: float = 1000.0, op: str = "get", **more: Any) -> dict[str, Any]:
    """Return the line of a call whose handler took all the time."""
    return {
        "v": 1,
        "at": at,
        "ctype": "weather",
        "op": op,
        "handler": f"bot.{op}",
        "tier": "global",
        "outcome": "ok",
        "seconds": seconds,
        "spans": [["handler", 0.0, seconds]],
    } | more


def hold(began: float, ended: float, *, op: str | None = "hold", stack: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the line of a hold."""
    who = {} if op is None else {"ctype": "weather", "op": op, "handler": f"bot.{op}", "tier": "global"}
    return {"v": 1, "hold": [began, ended], "stack": stack} | who


def text(*lines: dict[str, Any] | str) -> bytes:
    """Return lines as they stand in a file."""
    return "".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in lines).encode()
