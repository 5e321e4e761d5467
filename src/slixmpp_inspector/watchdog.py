"""Who holds the loop, and at which line? A thread asks the loop to answer, and looks at its stack if it does not."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from opentelemetry import metrics

from slixmpp_inspector.holds import KEPT, Hold, Holds
from slixmpp_inspector.profiler import Profiler
from slixmpp_inspector.stacks import NOBODY, Who, running
from slixmpp_inspector.telling import Telling, log_hold
from slixmpp_pipeline import PipelineRegistry

if TYPE_CHECKING:
    import asyncio

    from slixmpp_inspector.timers import Spans

_LOOKS: Final = 5  # in a threshold
_BUSY: Final = 1 / 3  # of the time, at least: a process that took less was not let run
_LOG = logging.getLogger("slixmpp_inspector")


class Watchdog:
    """Tells which handler holds the loop of `api`'s client, with its stack, while it does.

    A thread asks the loop five times a `threshold` (seconds) to answer; nothing is added to a call. If no answer comes
    for so long, it looks at the loop's thread. Code that is no handler's is told, too. C code that keeps the
    interpreter (`re`, `sorted`) cannot be looked at: then the thread itself wakes late while the process was busy, and
    if a `Profiler` observes `api`, that says whose handler it was.

    `tell` gets a `Hold` when one begins and when it ends, in the watchdog's thread, for each handler at most once a
    minute. None means that it is logged, as `Logging` does: events `call.held` and `call.released`. The counter
    `xmpp.api.loop.held` of `meter_provider` (None means the process's own) has the seconds, by ctype and op.

    Use it as a context manager, or `start()` it and `stop()` it. It looks at no loop that is off, and it ends with a
    fork: start one in the child. TypeError or ValueError for other arguments. `clock` gives seconds as the profiler's
    does, `cpu_clock` the seconds that the process has used of its processors.

    >>> from slixmpp_pipeline import install
    >>> from slixmpp_pipeline.testing import FakeClient
    >>> api = install(FakeClient())
    >>> with Watchdog(api) as watchdog:
    ...     print(watchdog.held, watchdog.holds())
    None []
    """

    def __init__(
        self,
        api: PipelineRegistry,
        threshold: float = 0.1,
        *,
        tell: Callable[[Hold], object] | None = None,
        meter_provider: metrics.MeterProvider | None = None,
        clock: Callable[[], float] = time.perf_counter,
        cpu_clock: Callable[[], float] = time.process_time,
    ) -> None:
        if not isinstance(api, PipelineRegistry):
            raise TypeError(f"Watchdog: api: {api!r} is {type(api).__name__}; a PipelineRegistry is allowed")
        if isinstance(threshold, bool) or not isinstance(threshold, int | float):
            raise TypeError(f"Watchdog: threshold: {threshold!r} is {type(threshold).__name__}; seconds are allowed")
        if not 0 < threshold <= sys.float_info.max:
            raise ValueError(f"Watchdog: threshold: {threshold!r} is not allowed; seconds above 0 are")
        if meter_provider is not None and not isinstance(meter_provider, metrics.MeterProvider):
            given = f"{meter_provider!r} is {type(meter_provider).__name__}"
            raise TypeError(f"Watchdog: meter_provider: {given}; a MeterProvider or None is allowed")
        functions: dict[str, object] = {"tell": tell or log_hold, "clock": clock, "cpu_clock": cpu_clock}
        for name, function in functions.items():
            if not callable(function):
                raise TypeError(f"Watchdog: {name}: {function!r} is {type(function).__name__}; a function is allowed")
        self._api = api
        self._threshold = threshold
        meter = metrics.get_meter("slixmpp_pipeline", meter_provider=meter_provider)
        counter = meter.create_counter("xmpp.api.loop.held", unit="s", description="Time in which the loop was held.")
        self._telling = Telling(log_hold if tell is None else tell, counter, clock)
        self._clock, self._cpu_clock = clock, cpu_clock
        self._due, self._used = clock() + threshold / _LOOKS, cpu_clock()
        self._question: _Question | None = None
        self._holding: _Holding | None = None
        self._unseen: tuple[float, float] | None = None  # a hold by C code, of which nobody has said who did it
        self._seen_until = -inf
        self._over: deque[Hold] = deque(maxlen=KEPT)
        self._loop_thread = threading.get_ident()  # until the loop has told
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look; RuntimeError if it has begun already."""
        if self._thread is not None:
            raise RuntimeError("this watchdog has been started already")
        self._stopped.clear()
        self._due = self._clock() + self._threshold / _LOOKS
        self._thread = threading.Thread(target=self._watch, name="slixmpp-pipeline watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more, and wait for the thread to end. A hold that is under way ends here."""
        thread, self._thread = self._thread, None
        self._stopped.set()
        if thread is not None:
            thread.join()
            self._end(self._clock())

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def held(self) -> Hold | None:
        """The hold that is under way; None if the loop goes on."""
        holding = self._holding
        return None if holding is None else holding.hold(self._clock(), is_over=False)

    def holds(self) -> list[Hold]:
        """Return the last 500 holds that are over, the oldest first."""
        return list(self._over)

    def _watch(self) -> None:
        try:
            while not self._stopped.wait(self._threshold / _LOOKS):
                self.look()
        except Exception:  # noqa: BLE001  # the program goes on, whatever it is
            _LOG.exception("the watchdog failed, and looks no more")

    def look(self) -> None:
        """Ask the loop, or see whether it has answered; the thread does that."""
        now, used = self._clock(), self._cpu_clock()
        late, busy = now - self._due, used - self._used
        self._due, self._used = now + self._threshold / _LOOKS, used
        loop, question = loop_of(self._api.xmpp), self._question
        if self._unseen is not None:  # the call has ended by now, and been recorded
            self._tell_unseen(*self._unseen)
        if question is not None and (question.loop is not loop or not question.loop.is_running()):
            question = self._question = None
        was_kept = late >= self._threshold and busy >= late * _BUSY
        if question is None or question.answered is not None:
            self._end(now if question is None or question.answered is None else question.answered)
            if was_kept:
                self._not_seen(now - late, now)
            self._ask(loop, now)
        elif late >= self._threshold / 2 and busy < late * _BUSY:
            question.asked = now  # the process was stopped, or others had the processors: nor could the loop answer
        elif now - question.asked >= self._threshold:
            self._find(question, now, now - late if was_kept else None)

    def _ask(self, loop: asyncio.AbstractEventLoop | None, now: float) -> None:
        self._question = None
        if loop is not None and loop.is_running():
            question = _Question(loop, now)
            with suppress(RuntimeError):  # it was closed meanwhile
                loop.call_soon_threadsafe(self._answer, question)
                self._question = question

    def _answer(self, question: _Question) -> None:
        """Answer, on the loop. What waited for a hold to end goes on after this."""
        question.answered = self._clock()
        self._loop_thread = threading.get_ident()
        if (holding := self._holding) is not None and holding.holds is not None:
            holding.holds.end(question.answered)

    def _find(self, question: _Question, now: float, kept_since: float | None) -> None:
        """See who holds the loop, which has not answered.

        Nobody could look since `kept_since`; None if somebody could.
        """
        found = running(sys._current_frames().get(self._loop_thread))  # noqa: SLF001  # documented
        holding = self._holding
        if holding is not None and found is not None and (holding.who, holding.spans) == found[:2]:
            return
        if holding is not None:  # it ended in this turn of the loop
            self._end(now if kept_since is None else kept_since)
            question.asked = now if kept_since is None else kept_since
        if kept_since is not None and (found is None or found[0] is NOBODY):  # what stands there now is what follows
            self._not_seen(kept_since, now)
            question.asked = now
        elif found is not None and now - question.asked >= self._threshold:
            who, spans, stack = found
            self._begin(_Holding(question.asked, time.time() - now + question.asked, who, spans, stack), now)

    def _not_seen(self, began: float, ended: float) -> None:
        """Remember a hold by C code, less what was seen of it."""
        began = max(began, self._seen_until)
        if ended - began >= self._threshold:
            self._unseen = began, ended

    def _begin(self, holding: _Holding, now: float) -> None:
        if (profiler := self._profiler()) is not None:
            holding = holding._replace(holds=profiler.holds)
            profiler.holds.begin(holding.began, holding.spans)
        self._holding = holding
        self._telling.begin(holding.who, holding.hold(now, is_over=False))

    def _end(self, now: float) -> None:
        holding, self._holding = self._holding, None
        if holding is not None:
            if holding.holds is not None:
                holding.holds.end(now)
            self._keep(holding, now)

    def _tell_unseen(self, began: float, ended: float) -> None:
        """Tell of a hold by C code, after the call of it has been recorded."""
        self._unseen = None
        profiler, who, spans = self._profiler(), NOBODY, None
        if profiler is not None:
            if (covering := profiler.covering(began, ended)) is not None:
                who, spans = Who(*covering[0]), covering[1]
            profiler.holds.add(began, ended, spans)
        holding = _Holding(began, time.time() - self._clock() + began, who, spans, ())
        self._telling.begin(who, holding.hold(ended, is_over=False))
        self._keep(holding, ended)

    def _keep(self, holding: _Holding, now: float) -> None:
        self._seen_until = now
        hold = holding.hold(now, is_over=True)
        self._over.append(hold)
        self._telling.end(hold)
        if (profiler := self._profiler()) is not None:
            profiler.keep_hold(hold)

    def _profiler(self) -> Profiler | None:
        observer = getattr(self._api, "observer", None)  # none after uninstall()
        return observer if isinstance(observer, Profiler) else None


class _Question:
    """What the loop was asked at `asked`; `answered` is None until it has answered."""

    __slots__ = ("answered", "asked", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop, asked: float) -> None:
        self.loop = loop
        self.asked = asked
        self.answered: float | None = None


class _Holding(NamedTuple):
    """Who holds the loop since `began`, which is by the watchdog's clock; `since` are seconds since 1970."""

    began: float
    since: float
    who: Who
    spans: Spans | None
    stack: tuple[str, ...]
    holds: Holds | None = None

    def hold(self, now: float, *, is_over: bool) -> Hold:
        return Hold(
            began=self.since,
            seconds=now - self.began,
            is_over=is_over,
            ctype=self.who.ctype,
            op=self.who.op,
            handler=self.who.handler,
            tier=self.who.tier,
            stack=self.stack,
        )


def loop_of(xmpp: Any) -> asyncio.AbstractEventLoop | None:
    """Return the client's loop, if it has one: slixmpp, asked for it in this thread, would make another."""
    known = vars(xmpp)
    loop: asyncio.AbstractEventLoop | None = known.get("_loop", known.get("loop"))
    return loop
