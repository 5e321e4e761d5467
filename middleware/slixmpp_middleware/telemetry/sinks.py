"""Where do log events go? To a structlog logger, or to the standard library's while structlog is not configured."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final, cast

import structlog

NAME: Final = "slixmpp_pipeline"


class Sink:
    """The logger of one op. It is bound anew whenever structlog is configured anew.

    `given` is the application's logger, None for structlog's default; while structlog is not configured, that is the
    standard library's logger `slixmpp_pipeline`.
    """

    __slots__ = ("_bound_for", "_given", "_is_enabled", "_names", "log")

    _is_enabled: Callable[[int], bool]
    log: Callable[[int, str, dict[str, Any]], object]
    """Log an event of a level with its fields; for one that `is_enabled` has just let pass."""

    def __init__(self, given: Any, ctype: str, op: str) -> None:
        self._given = given
        self._names = {"ctype": ctype, "op": op}
        self._bound_for: tuple[Any, ...] = ()

    def is_enabled(self, level: int) -> bool:
        """Whether an event of that level would be logged; asked before its fields are collected."""
        # In their order: the processors, the class of contexts, the class of loggers, the factory, the caching.
        configured = (structlog.is_configured(), *structlog.get_config().values())
        if len(configured) != len(self._bound_for) or any(map(_is_other, configured, self._bound_for)):
            self._bind(configured)
        return self._is_enabled(level)

    def _bind(self, configured: tuple[Any, ...]) -> None:
        if self._given is None and not structlog.is_configured():
            standard = logging.getLogger(NAME)
            self._is_enabled = standard.isEnabledFor
            self.log = self._to_standard(standard)
        else:
            logger = self._given if self._given is not None else structlog.get_logger(NAME)
            bound = logger.bind(**self._names)
            if isinstance(bound, structlog.stdlib.AsyncBoundLogger):  # whose methods are coroutines
                bound = bound.sync_bl
            self._is_enabled = gate(bound)
            self.log = _to_structlog(bound)
        self._bound_for = configured

    def _to_standard(self, logger: logging.Logger) -> Callable[[int, str, dict[str, Any]], object]:
        def log(level: int, event: str, fields: dict[str, Any]) -> None:
            fields = self._names | fields
            logger.log(level, "%s", _line(event, fields), extra=fields)

        return log


def gate(logger: Any) -> Callable[[int], bool]:
    """Return a function that tells whether a level is logged."""
    kind = type(logger)  # its instances may answer to any name
    if hasattr(kind, "isEnabledFor"):
        return _asked(logger)
    if hasattr(kind, "is_enabled_for") and not logger.is_enabled_for(logging.DEBUG):
        return cast("Callable[[int], bool]", logger.is_enabled_for)
    return _always


def _asked(logger: Any) -> Callable[[int], bool]:
    try:
        logger.isEnabledFor(logging.DEBUG)
    except AttributeError:  # a stdlib.BoundLogger may stand over a logger of another kind, which drops nothing
        return _always
    return cast("Callable[[int], bool]", logger.isEnabledFor)


def _to_structlog(logger: Any) -> Callable[[int, str, dict[str, Any]], object]:
    methods = {logging.DEBUG: logger.debug, logging.WARNING: logger.warning}

    def log(level: int, event: str, fields: dict[str, Any]) -> None:
        methods[level](event, **fields)

    return log


def _line(event: str, fields: dict[str, Any]) -> str:
    return " ".join([event, *(f"{name}={_text(value)}" for name, value in fields.items())])


def _text(value: Any) -> str:
    """Return `value` as one word, or quoted: no control character, and no blank that would begin another field."""
    if isinstance(value, float):
        return f"{value:.3f}"
    text = str(value)
    return text if text.isprintable() and text and not set(text) & set(" =\"'") else repr(text)


def _is_other(one: object, other: object) -> bool:
    return one is not other


def _always(_level: int) -> bool:
    """Log at every level, for a logger that does not say which it drops."""
    return True
