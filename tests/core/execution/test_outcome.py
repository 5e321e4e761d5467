"""Which answers can be awaited?"""

from __future__ import annotations

import asyncio
import inspect
import types
from collections.abc import AsyncGenerator, Generator
from typing import Any

import pytest

from slixmpp_pipeline.execution.outcome import is_awaitable


class Unhashable(type):
    """Its classes cannot be hashed."""

    def __eq__(cls, other: object) -> bool:
        return cls is other

    __hash__ = None  # type: ignore[assignment]  # as Python makes it, too


def test_answer_of_a_class_that_cannot_be_hashed_is_looked_at() -> None:
    plain = Unhashable("Plain", (), {})()
    awaitable = Unhashable("Awaitable", (), {"__await__": lambda self: iter(())})()
    assert (is_awaitable(plain), is_awaitable(awaitable)) == (False, True)


def four(a: Any, b: Any, c: Any, d: Any) -> None: ...


async def coroutine(a: Any, b: Any, c: Any, d: Any) -> None: ...


@types.coroutine
def generator_coroutine() -> Generator[None, None, None]:
    yield


async def async_generator() -> AsyncGenerator[int, None]:
    yield 1


def generator() -> Generator[int, None, None]:
    yield 1


class Plain:
    def __call__(self, a: Any, b: Any, c: Any, d: Any) -> None: ...
    def four(self, a: Any, b: Any, c: Any, d: Any) -> None: ...
    def three(self, a: Any, b: Any, c: Any) -> None: ...
    def any_number(*given: Any) -> None: ...  # self is among them
    @classmethod
    def of_class(cls, a: Any, b: Any, c: Any, d: Any) -> None: ...
    @staticmethod
    def static(a: Any, b: Any, c: Any, d: Any) -> None: ...


class Awaitable:
    def __await__(self) -> Generator[None, None, None]:
        yield


def test_coroutine_is_awaitable() -> None:
    value = coroutine(1, 2, 3, 4)

    assert is_awaitable(value)
    value.close()


def test_future_is_awaitable() -> None:
    with asyncio.Runner() as runner:
        assert is_awaitable(asyncio.Future(loop=runner.get_loop()))


def test_object_with_await_is_awaitable() -> None:
    assert is_awaitable(Awaitable())


def test_generator_based_coroutine_is_awaitable() -> None:
    assert is_awaitable(generator_coroutine())


def test_await_of_one_object_only_does_not_make_it_awaitable() -> None:
    value = Plain()
    value.__dict__["__await__"] = generator  # Python looks it up on the type

    assert not is_awaitable(value)


@pytest.mark.parametrize("value", [None, 0, "text", {}, [], object(), Awaitable, coroutine, generator()])
def test_plain_value_is_not_awaitable(value: object) -> None:
    assert not is_awaitable(value)


def test_async_generator_is_not_awaitable() -> None:
    assert not is_awaitable(async_generator())


def test_awaitable_says_what_inspect_says() -> None:
    values = [None, generator(), generator_coroutine(), async_generator(), Awaitable(), Awaitable, four, "text"]

    assert [is_awaitable(value) for value in values] == [inspect.isawaitable(value) for value in values]
