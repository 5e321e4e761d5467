"""The loop is asked from another thread, and its last answer is what there is while it is held."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any, Self, TypeVar

import pytest

from slixmpp_inspector.asking import Answer, Asking, NoAnswer
from tests.middleware.clock import Clock

_T = TypeVar("_T")


class Bot:
    """A loop in a thread of its own, which can be held."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.go_on = threading.Event()
        self.thread = threading.Thread(target=self.loop.run_forever)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on.set()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def hold(self) -> None:
        self.loop.call_soon_threadsafe(self.go_on.wait)


def ask(asking: Asking, question: Callable[[], _T], key: object = "key") -> Coroutine[Any, Any, Answer[_T]]:
    return asking.ask(key, question)


async def test_question_is_answered_on_the_loop() -> None:
    with Bot() as bot:
        asking = Asking(SimpleNamespace(loop=bot.loop), patience=20)
        assert await ask(asking, threading.get_ident) == (bot.thread.ident, 0.0)


async def test_error_of_a_question_comes_out_and_is_no_answer() -> None:
    with Bot() as bot:
        asking = Asking(SimpleNamespace(loop=bot.loop), patience=20)
        with pytest.raises(ZeroDivisionError):
            await ask(asking, lambda: 1 / 0)
        assert await ask(asking, lambda: 5) == (5, 0.0)


async def test_last_answer_is_what_there_is_while_the_loop_is_held() -> None:
    clock = Clock()
    with Bot() as bot:
        asking = Asking(SimpleNamespace(loop=bot.loop), patience=20, clock=clock)
        assert await ask(asking, lambda: "first") == ("first", 0.0)
        asking._patience = 0.001
        bot.hold()
        clock.now += 7
        asked: list[str] = []

        def again() -> str:
            asked.append("again")
            return "second"

        for _ in range(3):  # asked once
            assert await ask(asking, again) == ("first", 7.0)
        with pytest.raises(NoAnswer, match="the bot's loop is held"):
            await ask(asking, lambda: 5, "another")
        bot.go_on.set()
        asking._patience = 20
        while (answer := await ask(asking, lambda: "third")).age:
            pass
        assert asked == ["again"]
        assert answer.value in {"second", "third"}


async def test_questions_that_wait_are_bounded() -> None:
    with Bot() as bot:
        asking = Asking(SimpleNamespace(loop=bot.loop), patience=0)
        bot.hold()
        for number in range(200):
            with pytest.raises(NoAnswer, match="is held"):
                await ask(asking, lambda: 5, number)
        with pytest.raises(NoAnswer, match="so many questions"):
            await ask(asking, lambda: 5, "one more")


async def test_answers_that_are_kept_are_bounded() -> None:
    with Bot() as bot:
        asking = Asking(SimpleNamespace(loop=bot.loop), patience=20)
        for number in range(201):
            assert (await ask(asking, lambda: 5, number)).age == 0
        bot.loop.call_soon_threadsafe(bot.loop.stop)
        bot.thread.join()
        assert (await ask(asking, lambda: 6, 1)).value == 5
        with pytest.raises(NoAnswer, match="is off"):
            await ask(asking, lambda: 6, 0)


@pytest.mark.parametrize("loop", [None, "off", "closed"])
async def test_loop_that_is_off_is_not_asked(loop: str | None) -> None:
    made = asyncio.new_event_loop()
    if loop == "closed":
        made.close()
    asking = Asking(SimpleNamespace(loop=None if loop is None else made))
    asked: list[str] = []
    with pytest.raises(NoAnswer, match="the bot's loop is off"):
        await ask(asking, lambda: asked.append("x"))
    if loop == "off":
        made.call_soon(made.stop)
        await asyncio.to_thread(made.run_forever)
    made.close()
    assert asked == []


async def test_loop_that_closes_meanwhile_gives_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    made = asyncio.new_event_loop()
    made.close()
    monkeypatch.setattr(made, "is_running", lambda: True)
    with pytest.raises(NoAnswer):
        await ask(Asking(SimpleNamespace(loop=made), patience=0), lambda: 5)


async def test_client_that_gets_another_loop_is_asked_there() -> None:
    xmpp = SimpleNamespace()
    with Bot() as held, Bot() as bot:
        asking = Asking(xmpp, patience=0)
        xmpp.loop = held.loop
        held.hold()
        with pytest.raises(NoAnswer):
            await ask(asking, lambda: "old")
        xmpp.loop = bot.loop
        asking._patience = 20
        assert (await ask(asking, threading.get_ident)).value == bot.thread.ident
        held.go_on.set()
        answered = threading.Event()
        held.loop.call_soon_threadsafe(answered.set)
        assert await asyncio.to_thread(answered.wait, 20)
        await asyncio.sleep(0)  # its late answer is heard, and is none of the new loop's
        assert (await ask(asking, threading.get_ident)).value == bot.thread.ident


async def test_loop_that_comes_later_is_asked_once_while_it_is_held() -> None:
    xmpp = SimpleNamespace()
    asked: list[None] = []
    with Bot() as gone, Bot() as held:
        asking = Asking(xmpp, patience=0)
        for bot in (gone, held):
            xmpp.loop = bot.loop
            bot.hold()
            for _ in range(3):
                with pytest.raises(NoAnswer):
                    await ask(asking, lambda: asked.append(None))
        for bot in (gone, held):
            bot.go_on.set()
            done = threading.Event()
            bot.loop.call_soon_threadsafe(done.set)
            assert await asyncio.to_thread(done.wait, 20)
    assert len(asked) == 2


def test_who_asked_may_have_gone() -> None:
    with Bot() as bot:
        asking = Asking(SimpleNamespace(loop=bot.loop), patience=0)
        bot.hold()
        with pytest.raises(NoAnswer):
            asyncio.run(ask(asking, lambda: 5))
        bot.go_on.set()
        done = threading.Event()
        bot.loop.call_soon_threadsafe(done.set)
        assert done.wait(20)
