"""Which failed calls are made again, when, and how often?"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, cast

from slixmpp import JID

from slixmpp_middleware.retry.originals import kept
from slixmpp_middleware.retry.passing import may_pass
from slixmpp_middleware.settings import require_callable, require_count, require_seconds
from slixmpp_pipeline import Attempts, Event, Route, being_cancelled, own_task

if TYPE_CHECKING:
    from slixmpp_pipeline import Call, CallNext, OptedOut

_MAX_EXPONENT = 1023  # of a float
_UNWATCHED = nullcontext()


@dataclass(frozen=True, slots=True)
class Retry:
    """Make a call again while it fails for a passing reason. Runs call_next up to `attempts` times.

    Only for ops of which the catalogue says that they may be repeated, and only while the client's loop runs: with the
    loop off, the error is raised at once. `on` is a function of the error that says whether it may pass; it is
    `may_pass` unless given: timeouts, lost connections, and a database that is busy. Every other error is raised at
    once. So is every error (a) if `args` has something that cannot be given twice, such as an iterator, (b) of a call
    that writes, if another write of the same resource and key has begun since: it would undo what is newer.

    Before attempt n + 1 it waits `random()` x min(`maximum`, `base` x 2^(n - 1)) seconds. `random` gives a number from
    0 to 1: full jitter, so that clients which failed together do not come back together
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). `sleep` waits that many seconds.

    Each attempt gets the call as this layer got it: its JIDs, and JIDs, stanzas and collections in `args`, are copies.
    An `Iq` in `args` is none: it is the request, and no data.
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
    on: Callable[[Exception], bool] = field(default=may_pass, repr=False, kw_only=True)
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
        if isinstance(self.on, type):
            given = self.on.__name__
            raise TypeError(f"Retry: on: {given} is a class; a function is allowed, such as may_pass, of the error")
        require_callable(self.on, "Retry: on")
        require_callable(self.sleep, "Retry: sleep")
        require_callable(self.random, "Retry: random")

    def for_route(self, route: Route) -> RouteRetry | OptedOut:
        """Opt out where nothing may be repeated."""
        if route.entry is None:
            return route.opt_out("not in the catalogue")
        if not route.entry.repeatable:
            return route.opt_out("may not be repeated")
        return self._bound(route)

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Answer with the first attempt that does not fail, or fail as the last one."""
        return await self._bound(None)(call, call_next)

    def _bound(self, route: Route | None) -> RouteRetry:
        return RouteRetry(
            route=route,
            watch=None if route is None or route.entry is None or not route.entry.writes else route.attempts,
            attempts=self.attempts,
            base=self.base,
            maximum=self.maximum,
            on=self.on,
            sleep=self.sleep,
            random=self.random,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRetry:
    """`Retry` on one route: its settings, and the route; None for any, of which nothing is known.

    `watch` makes what tells whether another write has begun; None for an op that writes nothing.
    """

    route: Route | None
    watch: Callable[[], Attempts | None] | None
    attempts: int
    base: float
    maximum: float
    on: Callable[[Exception], bool]
    sleep: Callable[[float], Awaitable[object]]
    random: Callable[[], float]

    taskless: ClassVar[bool] = True

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Answer with the first attempt that does not fail, or fail as the last one."""
        watch = None if self.watch is None else self.watch()
        # A handler may change what it is given. Text costs less than a copy, and most calls have no more than that.
        jid, args = call.jid.full, call.args
        requester = call.ifrom.full if isinstance(call.ifrom, JID) else None
        make: Callable[[], Any] | None = _nothing
        if args is not None:
            try:
                make = kept(args)
            except Exception:  # noqa: BLE001  # a collection may refuse to be copied in any way
                make = None
        attempt, current = 1, call
        with _UNWATCHED if watch is None else watch:
            while True:
                try:
                    return await call_next(current)
                except Exception as error:
                    again = None
                    if (
                        make is not None
                        and attempt < self.attempts
                        and self.on(error)
                        and await self._may_repeat(attempt)
                    ):
                        again = _again(call, jid, requester, make)
                    if again is None or not await self._goes_on(again, error, attempt, watch):
                        if attempt > 1:
                            _add_note(error, f"{call.name} failed in {attempt} attempts")
                        raise
                    failure, current = type(error).__qualname__, again
                attempt += 1
                if call.is_observed:
                    call.report(Event("retry", {"attempt": attempt, "error_type": failure}))

    async def _may_repeat(self, failed: int) -> bool:
        """Whether there is to be another attempt, as far as the loop and the call's task say."""
        if not self._is_running():
            return False
        if failed == 1:
            await own_task()
        return not being_cancelled()  # else the handler was cancelled, and raised this

    async def _goes_on(self, call: Call, error: Exception, failed: int, watch: Attempts | None) -> bool:
        """Wait after `failed` attempts, and return whether `call` is the next one: it must not undo what is newer.

        Called while the last error is handled, so that an error of `sleep` shows both.
        """
        is_overtaken = watch is not None and watch.is_overtaken(call)
        if not is_overtaken:
            await self._pause(failed)
            is_overtaken = watch is not None and watch.is_overtaken(call)
        if is_overtaken:
            _add_note(error, f"{call.name} is not repeated: another write of the same data has begun")
        return not is_overtaken

    def _is_running(self) -> bool:
        loop = asyncio._get_running_loop()
        return loop is not None and (self.route is None or cast("Any", self.route.registry).xmpp.loop is loop)

    async def _pause(self, failed: int) -> None:
        window = min(self.maximum, self.base * 2.0 ** min(failed - 1, _MAX_EXPONENT))
        await self.sleep(self.random() * window)


def _again(call: Call, jid: str, requester: str | None, make: Callable[[], Any]) -> Call | None:
    """Return the call as it was given; None if it cannot be made again."""
    try:
        args = make()
    except Exception:  # noqa: BLE001  # a class of stanzas may refuse its own XML
        return None
    return call.replace(jid=jid, ifrom=call.ifrom if requester is None else JID(requester), args=args)


def _nothing() -> None:
    """Make what a call without `args` was given."""


def _add_note(error: Exception, note: str) -> None:
    """Add `note` once. A handler may raise one object again and again, or one that takes no attributes."""
    with suppress(AttributeError, TypeError):
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)
