"""What does the bot's loop answer, asked from another thread, and what was its last answer if it is held?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Generic, NamedTuple, TypeVar

from slixmpp_inspector.clients import loop_of

_T = TypeVar("_T")
_KEPT: Final = 200  # answers, and questions without one


class Answer(NamedTuple, Generic[_T]):
    """What the loop answered, and how many seconds ago: 0 means now."""

    value: _T
    age: float


class NoAnswer(Exception):
    """The loop does not answer, and never has; the text says why."""


class Asking:
    """Asks on the loop of the client `xmpp`, from a loop in another thread.

    What is registered changes on the client's loop, and `lint()` runs code of layers that belongs there. A question
    that is not answered within `patience` seconds gets the last answer, and is not asked again on that loop before it
    is answered. `clock` gives seconds, and only ever grows.
    """

    def __init__(self, xmpp: Any, patience: float = 0.5, clock: Callable[[], float] = time.monotonic) -> None:
        self._xmpp = xmpp
        self._patience = patience
        self._clock = clock
        self._asked: dict[object, _Asked] = {}
        self._answers: dict[object, tuple[Any, float]] = {}

    async def ask(self, key: object, question: Callable[[], _T]) -> Answer[_T]:
        """Return what `question` returns on the loop, or what it last did; `key` tells questions apart.

        An error that it raises comes out. NoAnswer if there is none.
        """
        loop = loop_of(self._xmpp)
        if loop is None or not loop.is_running():
            return self._last(key, "the bot's loop is off")
        for other in [other for other, of in self._asked.items() if of.loop is not loop]:
            del self._asked[other]  # of a loop that has gone, and answers no more
        asked, patience = self._asked.get(key), 0.0
        if asked is None:
            if len(self._asked) >= _KEPT:
                return self._last(key, "the bot's loop has not answered so many questions before")
            asked, patience = _Asked(loop), self._patience
            self._asked[key] = asked
            with suppress(RuntimeError):  # it was closed meanwhile
                loop.call_soon_threadsafe(self._answer, key, asked, question, asyncio.get_running_loop())
        await asyncio.wait([asked.outcome], timeout=patience)
        if not asked.outcome.done():
            return self._last(key, "the bot's loop is held")
        value, error = asked.outcome.result()
        if error is not None:
            raise error
        return Answer(value, 0.0)

    def _answer(self, key: object, asked: _Asked, question: Callable[[], Any], to: asyncio.AbstractEventLoop) -> None:
        """Answer, on the client's loop."""
        outcome: tuple[Any, Exception | None]
        try:
            outcome = question(), None
        except Exception as error:  # noqa: BLE001  # whoever asked gets it
            outcome = None, error
        with suppress(RuntimeError):  # who asked has gone
            to.call_soon_threadsafe(self._keep, key, asked, outcome)

    def _keep(self, key: object, asked: _Asked, outcome: tuple[Any, Exception | None]) -> None:
        if self._asked.get(key) is asked:
            del self._asked[key]
        if outcome[1] is None:
            self._answers.pop(key, None)
            self._answers[key] = outcome[0], self._clock()
            if len(self._answers) > _KEPT:
                del self._answers[next(iter(self._answers))]
        asked.outcome.set_result(outcome)

    def _last(self, key: object, why: str) -> Answer[Any]:
        if key not in self._answers:
            raise NoAnswer(why)
        value, answered = self._answers[key]
        return Answer(value, self._clock() - answered)


class _Asked:
    """A question that `loop` has not answered yet."""

    __slots__ = ("loop", "outcome")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.outcome: asyncio.Future[tuple[Any, Exception | None]] = asyncio.get_running_loop().create_future()
