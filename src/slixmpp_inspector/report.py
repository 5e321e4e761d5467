"""What do files of calls say? Sums for each handler, the slowest calls, and who held the loop."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import asdict
from typing import Any, Final, NamedTuple

from slixmpp_inspector.holds import KEPT, LONG, Held, Hold
from slixmpp_inspector.lines import Line, call_of
from slixmpp_inspector.recorded import HANDLER, Profile, RecordedCall
from slixmpp_inspector.rows import Counted, RowKey, Slice, with_room
from slixmpp_inspector.slowest import Slowest

_BATCH: Final = 256  # lines that are counted together
_MAX_PENDING: Final = 1000  # kinds of them; a file may have any weight
_LATER: Final = 1000  # such calls wait for the line of a hold, which may follow them
_NAMES: Final = (HANDLER,)


class Report:
    """What is known of the lines that were added. Ask after `finish()`.

    `calls` counts each with its weight; `dropped` calls are in no file; `broken` has the numbers of the first lines
    that cannot be read, `broken_lines` how many they are, and `other_lines` are those of something else.
    """

    def __init__(self) -> None:
        self.calls = self.dropped = self.broken_lines = self.other_lines = 0
        self.broken: list[tuple[str, int, str]] = []
        self.holds: deque[Hold] = deque(maxlen=KEPT)
        self._unseen: dict[str, deque[_Unseen]] = defaultdict(lambda: deque(maxlen=KEPT))  # of each program
        self._lines = 0
        self._rows: dict[RowKey, Slice] = {}
        self._keys: dict[RowKey, RowKey] = {}
        self._pending: dict[tuple[RowKey, int], list[Counted]] = {}
        self._long: deque[tuple[str, int, RowKey, Line]] = deque()
        self._held: dict[RowKey, float] = {}
        self._slowest = Slowest()

    def add(self, file: str, number: int, line: Line | str) -> None:
        """Add a line of a file, or what is wrong with it."""
        self._lines += 1
        if isinstance(line, str):
            self.broken_lines += 1
            if len(self.broken) < 5:  # noqa: PLR2004  they fit on a screen
                self.broken.append((file, number, line))
        elif line.seconds is not None:
            self._add_call(file, line, line.seconds)
        elif line.hold is not None:
            self._add_hold(file, line, *line.hold)
        elif line.dropped:
            self.dropped += line.dropped
        else:
            self.other_lines += 1

    def finish(self) -> None:
        """Count what waits for more."""
        self._count()
        while self._long:
            self._offer(*self._long.popleft())

    def profiles(self) -> list[Profile]:
        """Return a profile of each handler, that with the most time first; layers are not told apart."""
        found = [row.profile(key, self._held.get(key, 0.0)) for key, row in self._rows.items()]
        return sorted(found, key=lambda one: one.held - one.seconds)

    def slowest(self) -> list[RecordedCall]:
        """Return the 50 slowest calls, those first that were slow by themselves."""
        return self._slowest.calls()

    def as_json(self) -> dict[str, Any]:
        """Return all of it as what JSON has."""
        return {
            "calls": self.calls,
            "dropped": self.dropped,
            "broken_lines": self.broken_lines,
            "other_lines": self.other_lines,
            "handlers": list(map(asdict, self.profiles())),
            "slowest": list(map(asdict, self.slowest())),
            "holds": list(map(asdict, self.holds)),
        }

    def _count(self) -> None:
        for (key, weight), pending in self._pending.items():
            self._rows[key].add(pending, weight)
        self._pending.clear()

    def _add_call(self, file: str, line: Line, seconds: float) -> None:
        key = self._key(line)
        self.calls += line.weight
        spans = [(0, start, end) for name, start, end in line.spans if name == HANDLER]
        pending = self._pending.setdefault((key, line.weight), [])
        pending.append((seconds, (line.outcome, line.error), line.cache, line.attempts, _NAMES, spans, len(spans)))
        if len(pending) >= _BATCH or len(self._pending) > _MAX_PENDING:
            self._count()
        if seconds >= LONG:
            self._long.append((file, self._lines, key, line))
            if len(self._long) > _LATER:
                self._offer(*self._long.popleft())
        elif seconds > self._slowest.least:
            self._slowest.offer(line.at, call_of(line), key)

    def _add_hold(self, file: str, line: Line, began: float, ended: float) -> None:
        self.holds.append(
            Hold(
                began=began,
                seconds=ended - began,
                is_over=True,
                ctype=line.ctype,
                op=line.op,
                handler=line.handler,
                tier=line.tier,
                stack=line.stack,
            )
        )
        if not line.stack:  # C code kept the interpreter: who had ended by then had been written before it was known
            mark = None if line.ctype is None else self._key(line)
            self._unseen[_program(file)].append(_Unseen(self._lines, Held(began, ended, mark)))

    def _offer(self, file: str, number: int, key: RowKey, line: Line) -> None:
        """Keep a long call if it is among the slowest, after the holds that it waited for are known."""
        seconds = line.seconds or 0.0
        later = [one.held for one in self._unseen[_program(file)] if one.number > number and one.held.mark is not key]
        unseen = sum(one.within(line.at, line.at + seconds) for one in later)
        held = min(seconds, (line.held or 0.0) + unseen)
        self._held[key] = self._held.get(key, 0.0) + held
        if seconds - held > self._slowest.least:
            self._slowest.offer(line.at, call_of(line, held), key)

    def _key(self, line: Line) -> RowKey:
        """Return the key of a handler: one object for all its lines, so that it also tells whose they are."""
        key = with_room((line.ctype or "", line.op or "", line.handler, line.tier or ""), self._keys)
        known = self._keys.setdefault(key, key)
        if known not in self._rows:
            self._rows[known] = Slice()
        return known


class _Unseen(NamedTuple):
    """A hold that nobody could look at, and the number of its line."""

    number: int
    held: Held


def _program(file: str) -> str:
    """Return what stands for the program that wrote a file: its old file and its new one are of one."""
    return file.removesuffix(".1")
