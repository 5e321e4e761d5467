"""Where do log events go? To a structlog logger, or to the standard library's while structlog is not configured."""

from __future__ import annotations

import logging
from collections.abc import Callable
from operator import is_
from types import SimpleNamespace
from typing import Any, Final, cast

import structlog

NAME: Final = "slixmpp_pipeline"

# What structlog's configure() changes, compared at each call. The public get_config() would make a dict each time. If a
# release drops the name, a logger that is bound stays as it is.
CONFIG: Final[Any] = getattr(
    structlog._config,  # noqa: SLF001
    "_CONFIG",
    SimpleNamespace(is_configured=None, default_wrapper_class=None, logger_factory=None, default_processors=None),
)
_NOT_BOUND: Final[Any] = object()


class Sink:
    """The logger of one op. It is bound anew whenever structlog is configured anew.

    `given` is the application's logger, None for structlog's default; while structlog is not configured, that is the
    standard library's logger `slixmpp_pipeline`. `would_log(level)` says whether an event of that level would be
    logged, `log(level, event, fields)` logs it; both are right after `refresh()`.
    """

    __slots__ = ("_given", "_names", "factory", "is_configured", "log", "processors", "would_log", "wrapper_class")

    log: Callable[[int, str, dict[str, Any]], object]
    would_log: Callable[[int], bool]

    def __init__(self, given: Any, ctype: str, op: str) -> None:
        self._given = given
        self._names = {"ctype": ctype, "op": op}
        self.is_configured: bool | None = None
        self.factory = self.processors = self.wrapper_class = _NOT_BOUND

    def refresh(self) -> None:
        """Bind the logger, unless it is bound as structlog is configured now."""
        now = CONFIG.is_configured, CONFIG.default_wrapper_class, CONFIG.logger_factory, CONFIG.default_processors
        bound_for = self.is_configured, self.wrapper_class, self.factory, self.processors
        if not all(map(is_, now, bound_for)):
            self._bind()
            self.is_configured, self.wrapper_class, self.factory, self.processors = now

    def _bind(self) -> None:
        if self._given is None and not structlog.is_configured():
            standard = logging.getLogger(NAME)
            self.would_log = standard.isEnabledFor
            self.log = self._to_standard(standard)
            return
        logger = self._given if self._given is not None else structlog.get_logger(NAME)
        bound = logger.bind(**self._names)
        if isinstance(bound, structlog.stdlib.AsyncBoundLogger):  # whose methods are coroutines
            bound = bound.sync_bl
        self.would_log = gate(bound)
        self.log = _to_structlog(bound)

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


def _always(_level: int) -> bool:
    """Log at every level, for a logger that does not say which it drops."""
    return True
