"""A hold was lost where structlog is as it comes: its console joins `stack` to text, and got a list."""

from __future__ import annotations

import pytest
import structlog

from slixmpp_inspector import Hold
from slixmpp_inspector.telling import log_hold


def test_hold_is_shown_with_its_stack(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.configure(processors=[structlog.dev.ConsoleRenderer(colors=False)])
    log_hold(
        Hold(
            began=0,
            seconds=1.5,
            is_over=False,
            ctype="weather",
            op="get",
            handler="bot.get",
            tier="global",
            stack=("bot.py:5 get", "bot.py:9 read"),
        )
    )
    shown = capsys.readouterr()
    assert shown.err == ""
    assert shown.out.endswith("\nbot.py:5 get\nbot.py:9 read\n")
