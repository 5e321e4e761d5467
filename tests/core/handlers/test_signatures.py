"""What a callable takes and gives is found out without calling it."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

import pytest

from slixmpp_pipeline.handlers.signatures import is_async, takes, takes_only_three


def none() -> None: ...
def one(a: Any) -> None: ...
def three(a: Any, b: Any, c: Any) -> None: ...
def four(a: Any, b: Any, c: Any, d: Any) -> None: ...
def five(a: Any, b: Any, c: Any, d: Any, e: Any) -> None: ...
def three_or_four(a: Any, b: Any, c: Any, d: Any = None) -> None: ...
def any_number(*given: Any) -> None: ...
def two_and_more(a: Any, b: Any, *more: Any) -> None: ...
def five_and_more(a: Any, b: Any, c: Any, d: Any, e: Any, *more: Any) -> None: ...
def positional(a: Any, b: Any, c: Any, d: Any, /) -> None: ...
def with_keywords(a: Any, b: Any, c: Any, d: Any, **named: Any) -> None: ...
def optional_keyword(a: Any, b: Any, c: Any, d: Any, *, e: Any = None) -> None: ...
def required_keyword(a: Any, b: Any, c: Any, d: Any, *, e: Any) -> None: ...
def two_keywords(a: Any, b: Any, c: Any, d: Any, *, e: Any = None, f: Any) -> None: ...
def keywords_only(*, a: Any, b: Any, c: Any, d: Any) -> None: ...
async def coroutine(a: Any, b: Any, c: Any, d: Any) -> None: ...


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


class Async:
    async def __call__(self, a: Any, b: Any, c: Any, d: Any) -> None: ...
    async def method(self, a: Any, b: Any, c: Any, d: Any) -> None: ...
    @classmethod
    async def of_class(cls, a: Any, b: Any, c: Any, d: Any) -> None: ...
    @staticmethod
    async def static(a: Any, b: Any, c: Any, d: Any) -> None: ...


class OfFour:
    def __init__(self, a: Any, b: Any, c: Any, d: Any) -> None: ...


class Unsigned:
    """A callable whose signature nobody can tell."""

    __signature__ = "none of your business"

    def __call__(self, a: Any) -> None: ...


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `function` in one that takes anything."""

    @functools.wraps(function)
    def wrapper(*given: Any, **named: Any) -> Any:
        return function(*given, **named)

    return wrapper


def injecting(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `function` in one that supplies the first argument."""

    @functools.wraps(function)
    def wrapper(*given: Any) -> Any:
        return function("injected", *given)

    return wrapper


def adapting(function: Callable[..., Any]) -> Callable[[Any, Any, Any, Any], Any]:
    """Wrap `function` in one of four arguments."""

    @functools.wraps(function)
    def wrapper(a: Any, b: Any, c: Any, d: Any) -> Any:
        return function(a, b, d)

    return wrapper


PLAIN = {
    "function": four,
    "method": Plain().four,
    "object": Plain(),
    "class": OfFour,
    "class of async objects": Async,
    "builtin": print,
    "partial": functools.partial(four, 1),
    "generator": generator,
    "async generator": async_generator,
    "lambda that returns a coroutine": lambda: coroutine(1, 2, 3, 4),
}
COROUTINES = {
    "function": coroutine,
    "method": Async().method,
    "method of the class": Async.of_class,
    "static method": Async.static,
    "object": Async(),
    "partial": functools.partial(coroutine, 1),
    "partial of a partial": functools.partial(functools.partial(coroutine, 1), 2),
    "partial of a method": functools.partial(Async().method, 1),
    "partial of an object": functools.partial(Async(), 1),
    "method that is __call__": Async().__call__,
}


@pytest.mark.parametrize("function", PLAIN.values(), ids=PLAIN)
def test_plain_callable_is_not_async(function: Any) -> None:
    assert not is_async(function)


@pytest.mark.parametrize("function", COROUTINES.values(), ids=COROUTINES)
def test_callable_that_gives_a_coroutine_is_async(function: Any) -> None:
    assert is_async(function)


def test_async_call_of_one_object_only_does_not_make_it_async() -> None:
    handler = Plain()
    handler.__dict__["__call__"] = coroutine  # Python looks it up on the type

    assert not is_async(handler)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="inspect.markcoroutinefunction came with Python 3.12")
def test_function_marked_as_coroutine_function_is_async() -> None:
    marked = inspect.markcoroutinefunction(lambda a, b, c, d: coroutine(a, b, c, d))  # type: ignore[attr-defined,unused-ignore]  # checked as for 3.11

    assert is_async(marked)


@pytest.mark.parametrize(
    ("function", "counts"),
    [
        (none, {0}),
        (one, {1}),
        (three, {3}),
        (four, {4}),
        (three_or_four, {3, 4}),
        (any_number, {0, 1, 2, 3, 4, 5, 6}),
        (two_and_more, {2, 3, 4, 5, 6}),
        (five_and_more, {5, 6}),
        (positional, {4}),
        (with_keywords, {4}),
        (optional_keyword, {4}),
        (required_keyword, set()),
        (two_keywords, set()),
        (keywords_only, set()),
        (coroutine, {4}),
        (lambda a, b=1, *, c=2: None, {1, 2}),
        (Plain().four, {4}),
        (Plain.four, {5}),
        (Plain().any_number, {0, 1, 2, 3, 4, 5, 6}),
        (Plain.of_class, {4}),
        (Plain.static, {4}),
        (Plain(), {4}),
        (Async(), {4}),
        (OfFour, {4}),
        (functools.partial(five, 1), {4}),
        (functools.partial(five, e=1), {4}),
        (functools.partial(five, a=1), set()),
        (functools.partial(Plain().four, 1), {3}),
        (functools.partial(functools.partial(five, 1), 2), {3}),
        (decorated(one), {0, 1, 2, 3, 4, 5, 6}),
        (lambda a, *, x=1, y=2: None, {1}),
        (lambda a, *, x, y=1, z=2: None, set()),
        (adapting(three), {4}),
        (len, {1}),
    ],
)
def test_takes_is_what_a_call_would_say(function: Any, counts: set[int]) -> None:
    assert {count for count in range(7) if takes(function, count)} == counts


@pytest.mark.parametrize("function", [Unsigned(), dict], ids=["object", "class"])
def test_callable_without_a_signature_takes_anything(function: Any) -> None:
    assert takes(function, 3)
    assert takes(function, 4)


# Handlers


class Decorated:
    """A plugin whose handlers are decorated where they are defined."""

    @decorated
    def three(self, a: Any, b: Any, c: Any) -> None: ...
    @decorated
    def four(self, a: Any, b: Any, c: Any, d: Any) -> None: ...
    @decorated
    async def async_three(self, a: Any, b: Any, c: Any) -> None: ...


OLDER = {
    "function": three,
    "method": Plain().three,
    "partial": functools.partial(four, 1),
    "decorated": decorated(three),
    "decorated twice": decorated(decorated(three)),
    "decorated method": decorated(Plain().three),
    "decorated in its class": Decorated().three,
    "decorated in its class, async": Decorated().async_three,
    "partial of a decorated function": functools.partial(decorated(three)),
}
NEWER = {
    "function": four,
    "defaults": three_or_four,
    "any number": any_number,
    "method": Plain().four,
    "object": Plain(),
    "class": OfFour,
    "partial": functools.partial(five, 1),
    "decorated": decorated(four),
    "decorated in its class": Decorated().four,
    "decorated, of three or four": decorated(three_or_four),
    "decorated, the first is supplied": injecting(five),
    "adapted to four": adapting(three),
    "no signature": Unsigned(),
    "decorated, no signature": decorated(dict),
}


@pytest.mark.parametrize("handler", OLDER.values(), ids=OLDER)
def test_handler_of_three_arguments_is_an_older_one(handler: Any) -> None:
    assert takes_only_three(handler) is True


@pytest.mark.parametrize("handler", NEWER.values(), ids=NEWER)
def test_handler_that_takes_four_arguments_gets_four(handler: Any) -> None:
    assert takes_only_three(handler) is False


@pytest.mark.parametrize("handler", [none, one, five, five_and_more, required_keyword, keywords_only, Plain.four])
def test_handler_that_takes_neither_is_refused_by_name(handler: Any) -> None:
    with pytest.raises(TypeError, match=rf"handler: .*{handler.__name__}.* takes neither \(jid, node, ifrom, args\)"):
        takes_only_three(handler)


@pytest.mark.parametrize("handler", [None, "handler", 7, object()])
def test_what_cannot_be_called_is_refused_by_value(handler: Any) -> None:
    with pytest.raises(TypeError, match=r"handler: .* is not callable; a callable \(jid, node, ifrom, args\)"):
        takes_only_three(handler)


def test_asking_does_not_call() -> None:
    called: list[object] = []

    def handler(*given: object) -> None:
        called.append(given)

    takes_only_three(handler)
    is_async(handler)

    assert called == []


# What a plain function returns
