"""Who holds the loop now? Asked again and again, the loop answers; if it does not, its thread's stack says why."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple

from slixmpp_inspector.clients import loop_of
from slixmpp_inspector.holds import KEPT, Hold, Holds
from slixmpp_inspector.profiler import Profiler
from slixmpp_inspector.recorded import OTHER
from slixmpp_inspector.stacks import NOBODY, Who, running

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from slixmpp_inspector.telling import Telling
    from slixmpp_inspector.timers import Spans
    from slixmpp_pipeline import PipelineRegistry

LOOKS: Final = 5  # in a threshold
_MAX_KNOWN: Final = 200
_OTHERS: Final = Who(OTHER, OTHER, OTHER, OTHER)
_BUSY: Final = 1 / 3  # of the time, at least: a process that took less was not let run


class Looks:
    """Looks at the loop of `api`'s client each time that it is told to: `LOOKS` times in `threshold` seconds.

    `holding` is who holds the loop, None if it goes on; `over` are the last 500 holds that have ended;
    `seconds`, for how long each of 200 held it in all.
    """

    def __init__(
        self,
        api: PipelineRegistry,
        threshold: float,
        telling: Telling,
        clock: Callable[[], float],
        cpu_clock: Callable[[], float],
    ) -> None:
        self._api = api
        self._threshold = threshold
        self._telling = telling
        self._clock, self._cpu_clock = clock, cpu_clock
        self._due, self._used = clock() + threshold / LOOKS, cpu_clock()
        self._question: _Question | None = None
        self._unseen: tuple[float, float] | None = None  # a hold by C code, of which nobody has said who did it
        self._seen_until = -inf
        self._loop_thread = threading.get_ident()  # until the loop has told
        self.holding: Holding | None = None
        self.over: deque[Hold] = deque(maxlen=KEPT)
        self.seconds: dict[Who, float] = {}

    def begin(self) -> None:
        """Begin to look, or begin again."""
        self._due = self._clock() + self._threshold / LOOKS

    def end(self) -> None:
        """Look for the last time: a hold that is under way ends here, and one that nobody could see is told."""
        self.look()
        if self._unseen is not None:
            self._tell_unseen(*self._unseen)
        self._end(self._clock())

    def look(self) -> None:
        """Ask the loop, or see whether it has answered."""
        now, used = self._clock(), self._cpu_clock()
        late, busy = now - self._due, used - self._used
        self._due, self._used = now + self._threshold / LOOKS, used
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
        if (holding := self.holding) is not None and holding.holds is not None:
            holding.holds.end(question.answered)

    def _find(self, question: _Question, now: float, kept_since: float | None) -> None:
        """See who holds the loop, which has not answered.

        Nobody could look since `kept_since`; None if somebody could.
        """
        found = running(sys._current_frames().get(self._loop_thread))  # noqa: SLF001  # documented
        holding = self.holding
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
            self._begin(Holding(question.asked, time.time() - now + question.asked, who, spans, stack), now)

    def _not_seen(self, began: float, ended: float) -> None:
        """Remember a hold by C code, less what was seen of it."""
        began = max(began, self._seen_until)
        if ended - began >= self._threshold:
            self._unseen = began, ended

    def _begin(self, holding: Holding, now: float) -> None:
        if (profiler := self._profiler()) is not None:
            holding = holding._replace(holds=profiler.holds)
            profiler.holds.begin(holding.began, holding.spans)
        self.holding = holding
        self._telling.begin(holding.who, holding.hold(now, is_over=False))

    def _end(self, now: float) -> None:
        holding, self.holding = self.holding, None
        if holding is not None:
            if holding.holds is not None:
                holding.holds.end(now)
            self._keep(holding, now)

    def _tell_unseen(self, began: float, ended: float) -> None:
        """Tell of a hold by C code, after the call of it has been recorded."""
        self._unseen = None
        profiler, who, spans = self._profiler(), NOBODY, None
        if profiler is not None:
            if (covering := profiler.long_calls.covering(began, ended)) is not None:
                who, spans = Who(*covering[0]), covering[1]
            profiler.holds.add(began, ended, spans)
        holding = Holding(began, time.time() - self._clock() + began, who, spans, ())
        self._telling.begin(who, holding.hold(ended, is_over=False))
        self._keep(holding, ended)

    def _keep(self, holding: Holding, now: float) -> None:
        self._seen_until = now
        hold = holding.hold(now, is_over=True)
        self.over.append(hold)
        who = holding.who if holding.who in self.seconds or len(self.seconds) < _MAX_KNOWN else _OTHERS
        self.seconds[who] = self.seconds.get(who, 0.0) + hold.seconds
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


class Holding(NamedTuple):
    """Who holds the loop since `began`, which is by the watchdog's clock; `since` are seconds since 1970."""

    began: float
    since: float
    who: Who
    spans: Spans | None
    stack: tuple[str, ...]
    holds: Holds | None = None

    def hold(self, now: float, *, is_over: bool) -> Hold:
        """Return this as a hold, as it is now."""
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
