"""How is it told that telemetry itself failed, while the call goes on?"""

from __future__ import annotations

import logging
import sys
import traceback
from asyncio import CancelledError
from contextlib import suppress
from typing import Final

FAILURES: Final = (Exception, CancelledError)
"""What a logger, a span processor or an exporter may raise; none of it is an outcome of the call."""


class Guard:
    """Reports the first failure of one layer object's own work."""

    __slots__ = ("_has_reported",)

    def __init__(self) -> None:
        self._has_reported = False

    def failed(self, layer: str) -> None:
        """Write the error that is being handled to stderr, the first time, unless `logging.raiseExceptions` is false.

        As the standard library does for its handlers; where there is no stderr, nothing is written.
        """
        if self._has_reported or not logging.raiseExceptions:
            return
        self._has_reported = True
        with suppress(Exception):
            sys.stderr.write(f"{layer} failed; calls go on, and this is reported once:\n{traceback.format_exc()}")
