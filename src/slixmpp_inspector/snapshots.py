"""What is there to see of a bot at this moment? A table of its handlers, who holds its loop, and which calls wait."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from slixmpp_inspector.asking import Asking, NoAnswer
from slixmpp_inspector.clients import name_of
from slixmpp_inspector.holds import Hold
from slixmpp_inspector.rates import SECONDS, Rates
from slixmpp_inspector.recorded import OTHER, Profile, Window
from slixmpp_inspector.rows import key_of
from slixmpp_inspector.stacks import Who
from slixmpp_inspector.waiting import WaitingCall, stands
from slixmpp_pipeline import PipelineRegistry

if TYPE_CHECKING:
    from slixmpp_inspector.profiler import Profiler
    from slixmpp_inspector.rows import RowKey
    from slixmpp_inspector.watchdog import Watchdog
    from slixmpp_pipeline import PendingCall

_MAX_WAITING: Final = 20
_OTHERS: Final = (OTHER, OTHER, OTHER, OTHER)
_RECENT: Final = 600.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerRow:
    """A handler in the table.

    `per_second`: calls a second in the last ten. `each_second`: calls in each second of the last minute. `in_flight`:
    those under way. `held_loop`: for how many seconds of the window it held the loop.
    """

    profile: Profile
    per_second: float
    each_second: Sequence[float]
    in_flight: int
    held_loop: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All that there is to see of a bot at `at`, in seconds since 1970.

    `is_recorded`: whether its calls go through the pipeline, and the profiler sees them. `held`: who holds the loop;
    `last_held`: who did last, if that ended in the last ten minutes.
    `waiting`: the 20 oldest calls under way, as they were `waiting_age` seconds ago; None if that is not known.
    `handlers` are in the order of their time; those of which no call has ended in the window are the last.
    """

    client: str
    at: float
    window: Window
    is_recorded: bool
    per_second: float
    pending: int
    held: Hold | None
    last_held: Hold | None
    waiting: Sequence[WaitingCall]
    waiting_age: float | None
    handlers: Sequence[HandlerRow]


class Snapshots:
    """Takes snapshots of the client of `api`. Call `tick()` once a second, whether somebody looks or not."""

    def __init__(self, api: PipelineRegistry, profiler: Profiler, watchdog: Watchdog, asking: Asking) -> None:
        self._api = api
        self._profiler = profiler
        self._watchdog = watchdog
        self._asking = asking
        self._rates = Rates(profiler.calls(), profiler.clock())

    def tick(self) -> None:
        """Count the calls of this second, and begin a new slice of the profiler's if it is time."""
        self._profiler.swap()
        self._rates.tick(self._profiler.calls(), self._profiler.clock())

    async def take(self, window: Window) -> Snapshot:
        """Return what there is to see now."""
        api = self._api
        is_installed = isinstance(api, PipelineRegistry)  # until uninstall()
        pending = api.calls() if is_installed else []
        held, holds = self._watchdog.held, self._watchdog.holds()
        waiting, waiting_age = await self._waiting(pending)
        handlers = self._handlers(window, pending, holds, held)
        return Snapshot(
            client=name_of(api.xmpp, self._profiler.jids),
            at=time.time(),
            window=window,
            is_recorded=is_installed and api.observer is self._profiler,
            per_second=sum(one.per_second for one in handlers),
            pending=len(pending),
            held=held,
            last_held=holds[-1] if holds and time.time() - holds[-1].began - holds[-1].seconds < _RECENT else None,
            waiting=waiting,
            waiting_age=waiting_age,
            handlers=handlers,
        )

    async def _waiting(self, pending: Sequence[PendingCall]) -> tuple[list[WaitingCall], float | None]:
        oldest = pending[:_MAX_WAITING]
        if not oldest:
            return [], 0.0
        try:
            return await self._asking.ask("waiting", lambda: [stands(one) for one in oldest if not one.future.done()])
        except NoAnswer:
            return [], None

    def _handlers(
        self, window: Window, pending: Sequence[PendingCall], holds: Sequence[Hold], held: Hold | None
    ) -> list[HandlerRow]:
        rows = set(self._profiler.calls())
        in_flight = Counter(_row(key_of(one), rows) for one in pending)
        held_loop: dict[RowKey, float] = {}
        for who, seconds in self._held(window, holds, held):
            if who.ctype is None:  # other code
                continue
            key = _row(who, rows)
            held_loop[key] = held_loop.get(key, 0.0) + seconds
        profiles = {key_of(one): one for one in self._profiler.profiles(window)}
        for key in (*in_flight, *held_loop):
            profiles.setdefault(key, _not_ended(key))
        return [
            HandlerRow(
                profile=one,
                per_second=self._rates.per_second(key),
                each_second=self._rates.each_second(key),
                in_flight=in_flight[key],
                held_loop=held_loop.get(key, 0.0),
            )
            for key, one in profiles.items()
        ]

    def _held(self, window: Window, holds: Sequence[Hold], held: Hold | None) -> Iterator[tuple[Who, float]]:
        """Yield who held the loop, and for how many seconds of the window."""
        under_way = [held] if held else []
        if window == "start":  # of those that are over there may be more than are kept
            yield from self._watchdog.seconds().items()
            shown, since = under_way, 0.0
        else:
            shown, since = [*holds, *under_way], time.time() - SECONDS
        for hold in shown:
            seconds = min(hold.seconds, hold.began + hold.seconds - since)
            if seconds > 0:
                yield Who(*key_of(hold)), seconds


def _row(of: tuple[str | None, str | None, str | None, str | None], rows: Collection[RowKey]) -> RowKey:
    """Return the row of a handler: that of all others, if the profiler had no room for it."""
    key = cast("RowKey", of)
    return key if key in rows or _OTHERS not in rows else _OTHERS


def _not_ended(key: RowKey) -> Profile:
    """Return the profile of a handler none of whose calls ended in the window."""
    return Profile(
        ctype=key[0],
        op=key[1],
        handler=key[2],
        tier=key[3],
        calls=0,
        errors={},
        refused={},
        hits=0,
        joined=0,
        retries=0,
        seconds=0.0,
        held=0.0,
        in_handler=0.0,
        in_layers={},
        p50=0.0,
        p95=0.0,
        p99=0.0,
        longest=0.0,
    )
