"""Which failed calls are made again, when, and how often?"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from slixmpp.exceptions import IqTimeout, XMPPError

from slixmpp_middleware.retry.originals import original
from slixmpp_middleware.settings import require_callable, require_count, require_seconds
from slixmpp_pipeline import Event, being_cancelled, own_task

if TYPE_CHECKING:
    from slixmpp_pipeline import Call, CallNext, OptedOut, Route

_MAX_EXPONENT = 1023  # of a float


@dataclass(frozen=True, slots=True)
class Retry:
    """Make a call again while it fails for a passing reason. Runs call_next up to `attempts` times.

    Only for ops of which the catalogue says that they may be repeated, and only while the client's loop runs: with the
    loop off, the error is raised at once. A passing reason is (a) an `XMPPError` of type `wait` (RFC 6120, section
    8.3.2), such as `CallTimeout`, (b) an `IqTimeout`, (c) any other `OSError`, such as `TimeoutError`. Every other
    error is raised at once, and so is every error if `args` has something that cannot be given twice, such as an
    iterator.

    Before attempt n + 1 it waits `random()` x min(`maximum`, `base` x 2^(n - 1)) seconds. `random` gives a number from
    0 to 1: full jitter, so that clients which failed together do not come back together
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). `sleep` waits that many seconds.

    Each attempt gets the call as this layer got it: its JIDs, and JIDs, stanzas and collections in `args`, are copies.
    Reports an event `retry` for each attempt after the first: `attempt`, its number, and `error_type`, the name of the
    type of the error before it. The last error is the handler's own, with a note (`add_note`) of how many failed.

    >>> import asyncio
    >>> from slixmpp_pipeline import install
    >>> from slixmpp_pipeline.testing import FakeClient
    >>> errors = [ConnectionError("no database"), TimeoutError("slow database")]
    >>> async def get_vcard(jid, node, ifrom, args):
    ...     if errors:
    ...         raise errors.pop()
    ...     return f"the vCard of {jid}"
    >>> async def main():
    ...     api = install(FakeClient(), Retry(attempts=3, base=0.001))
    ...     api.register(get_vcard, "xep_0054", "get_vcard")
    ...     return await api.run("xep_0054", "get_vcard", "romeo@montague.example")
    >>> asyncio.run(main())
    'the vCard of romeo@montague.example'
    """

    attempts: int = 3
    base: float = field(default=0.05, kw_only=True)
    maximum: float = field(default=2.0, kw_only=True)
    sleep: Callable[[float], Awaitable[object]] = field(default=asyncio.sleep, repr=False, kw_only=True)
    random: Callable[[], float] = field(default=random.random, repr=False, kw_only=True)

    taskless: ClassVar[bool] = True
    role: ClassVar[str] = "retry"

    def __post_init__(self) -> None:
        require_count(self.attempts, "Retry: attempts")
        require_seconds(self.base, "Retry: base")
        require_seconds(self.maximum, "Retry: maximum")
        if self.maximum < self.base:
            raise ValueError(f"Retry: maximum: {self.maximum!r} is not allowed; base, {self.base!r}, or more is")
        require_callable(self.sleep, "Retry: sleep")
        require_callable(self.random, "Retry: random")

    def for_route(self, route: Route) -> RouteRetry | OptedOut:
        """Opt out where nothing may be repeated."""
        if route.entry is None:
            return route.opt_out("not in the catalogue")
        if not route.entry.repeatable:
            return route.opt_out("may not be repeated")
        return self._bound(route.registry)

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Answer with the first attempt that does not fail, or fail as the last one."""
        return await self._bound(None)(call, call_next)

    def _bound(self, registry: Any) -> RouteRetry:
        return RouteRetry(
            registry=registry,
            attempts=self.attempts,
            base=self.base,
            maximum=self.maximum,
            sleep=self.sleep,
            random=self.random,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRetry:
    """`Retry` on one route: its settings, and the registry whose loop has to run; None for any loop."""

    registry: Any
    attempts: int
    base: float
    maximum: float
    sleep: Callable[[float], Awaitable[object]]
    random: Callable[[], float]

    taskless: ClassVar[bool] = True

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Answer with the first attempt that does not fail, or fail as the last one."""
        # A handler may change what it is given. Text costs less than a copy, and most calls have no more than that.
        jid, ifrom, args = call.jid.full, call.ifrom, call.args
        can_be_repeated = True
        if ifrom is not None or args is not None:
            try:
                ifrom, args = original(ifrom), original(args)
            except Exception:  # noqa: BLE001  # a collection may refuse to be copied in any way
                can_be_repeated = False
        try:
            return await call_next(call)
        except (XMPPError, OSError) as error:
            if self.attempts == 1 or not (_may_pass(error) and self._is_running() and can_be_repeated):
                raise
            await own_task()
            if being_cancelled():  # the handler was cancelled, and raised this: it is not repeated
                raise
            await self._pause(1)
            failure = type(error).__qualname__
        return await self._repeat(call.replace(jid=jid, ifrom=ifrom, args=args), failure, call_next)

    def _is_running(self) -> bool:
        loop = asyncio._get_running_loop()
        return loop is not None and (self.registry is None or self.registry.xmpp.loop is loop)

    async def _repeat(self, call: Call, failure: str, call_next: CallNext) -> Any:
        """Make the attempts after the first, which ended in `failure`; `call` is as it was before that."""
        jid, ifrom, args = call.jid.full, call.ifrom, call.args
        attempt = 1
        while True:
            attempt += 1
            if call.is_observed:
                call.report(Event("retry", {"attempt": attempt, "error_type": failure}))
            fresh = call.replace(jid=jid, ifrom=original(ifrom), args=original(args))
            try:
                return await call_next(fresh)
            except Exception as error:
                if attempt == self.attempts or not _may_pass(error) or being_cancelled():
                    _add_note(error, f"{call.name} failed in {attempt} attempts")
                    raise
                await self._pause(attempt)
                failure = type(error).__qualname__

    async def _pause(self, failed: int) -> None:
        """Wait after `failed` attempts; while the last error is handled, so that an error of `sleep` shows both."""
        window = min(self.maximum, self.base * 2.0 ** min(failed - 1, _MAX_EXPONENT))
        await self.sleep(self.random() * window)


def _may_pass(error: Exception) -> bool:
    """Whether `error` may be gone a little later. Its XMPP type counts more than its Python type."""
    if isinstance(error, XMPPError):
        # slixmpp gives an IqTimeout the type cancel, although it means that no answer has come yet.
        return error.etype == "wait" or isinstance(error, IqTimeout)
    return isinstance(error, OSError)


def _add_note(error: Exception, note: str) -> None:
    """Add `note` once. A handler may raise one object again and again, or one that takes no attributes."""
    with suppress(AttributeError, TypeError):
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)
