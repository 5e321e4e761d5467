"""Who holds the loop, and at which line? A thread asks the loop to answer, and looks at its stack if it does not."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from opentelemetry import metrics

from slixmpp_inspector.holds import Hold  # noqa: TC001  # the reference resolves the annotations
from slixmpp_inspector.looking import LOOKS, Looks
from slixmpp_inspector.telling import Telling, log_hold
from slixmpp_pipeline import PipelineRegistry

if TYPE_CHECKING:
    from slixmpp_inspector.stacks import Who

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
        meter = metrics.get_meter("slixmpp_pipeline", meter_provider=meter_provider)
        counter = meter.create_counter("xmpp.api.loop.held", unit="s", description="Time in which the loop was held.")
        telling = Telling(log_hold if tell is None else tell, counter, clock)
        self.api = api
        self._clock = clock
        self._pause = threshold / LOOKS
        self._looks = Looks(api, threshold, telling, clock, cpu_clock)
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look; RuntimeError if it has begun already."""
        if self._thread is not None:
            raise RuntimeError("this watchdog has been started already")
        self._stopped.clear()
        self._looks.begin()
        self._thread = threading.Thread(target=self._watch, name="slixmpp-pipeline watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more, and wait for the thread to end. A hold that is under way ends here."""
        thread, self._thread = self._thread, None
        self._stopped.set()
        if thread is not None:
            thread.join()
            self._looks.end()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def is_running(self) -> bool:
        """Whether it looks."""
        return self._thread is not None

    @property
    def held(self) -> Hold | None:
        """The hold that is under way; None if the loop goes on."""
        holding = self._looks.holding
        return None if holding is None else holding.hold(self._clock(), is_over=False)

    def holds(self) -> list[Hold]:
        """Return the last 500 holds that are over, the oldest first."""
        return list(self._looks.over)

    def seconds(self) -> dict[Who, float]:
        """Return for how many seconds each handler held the loop, in all holds that are over; an `Inspector` asks."""
        return self._looks.seconds.copy()

    def _watch(self) -> None:
        try:
            while not self._stopped.wait(self._pause):
                self._looks.look()
        except Exception:  # noqa: BLE001  # the program goes on, whatever it is
            _LOG.exception("the watchdog failed, and looks no more")
