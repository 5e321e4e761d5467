"""What may be registered: every kind of callable, with four arguments and with three."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Self

from slixmpp import JID
from slixmpp.jid import InvalidJID

from tests.contract.stage import CTYPE, OP
from tests.contract.table import UNAWAITED, answered, answered_later, bare, differs, failed, failed_later, raised, same

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.stage import Stage


class Oops(Exception):
    """What handlers raise here."""


def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate as applications do: the wrapper takes anything."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def four(jid: JID, node: str, ifrom: JID | None, args: object) -> object:
    return ("four", node, args)


def three(jid: JID, node: str, args: object) -> object:
    return ("three", node, args)


async def async_four(jid: JID, node: str, ifrom: JID | None, args: object) -> object:
    return ("four", node, args)


async def async_three(jid: JID, node: str, args: object) -> object:
    return ("three", node, args)


def five(before: object, jid: JID, node: str, ifrom: JID | None, args: object) -> object:
    return ("four", node, args)


async def async_five(before: object, jid: JID, node: str, ifrom: JID | None, args: object) -> object:
    return ("four", node, args)


class Plain:
    """A plugin with handlers, that can be called itself."""

    def four(self, jid: JID, node: str, ifrom: JID | None, args: object) -> object:
        return ("four", node, args)

    def three(self, jid: JID, node: str, args: object) -> object:
        return ("three", node, args)

    @classmethod
    def of_the_class(cls, jid: JID, node: str, ifrom: JID | None, args: object) -> object:
        return ("four", node, args)

    @staticmethod
    def static(jid: JID, node: str, ifrom: JID | None, args: object) -> object:
        return ("four", node, args)

    def __call__(self, jid: JID, node: str, ifrom: JID | None, args: object) -> object:
        return ("four", node, args)


class Async:
    """The same, with coroutine functions."""

    async def four(self, jid: JID, node: str, ifrom: JID | None, args: object) -> object:
        return ("four", node, args)

    async def three(self, jid: JID, node: str, args: object) -> object:
        return ("three", node, args)

    async def __call__(self, jid: JID, node: str, ifrom: JID | None, args: object) -> object:
        return ("four", node, args)


class Decorated:
    """A plugin whose handlers are decorated where they are defined."""

    @wrapped
    def four(self, jid: JID, node: str, ifrom: JID | None, args: object) -> object:
        return ("four", node, args)

    @wrapped
    def three(self, jid: JID, node: str, args: object) -> object:
        return ("three", node, args)


class PlainOfThree:
    def __call__(self, jid: JID, node: str, args: object) -> object:
        return ("three", node, args)


class AsyncOfThree:
    async def __call__(self, jid: JID, node: str, args: object) -> object:
        return ("three", node, args)


class Falsy(Plain):
    def __bool__(self) -> bool:
        return False


class AsyncFalsy(Async):
    def __len__(self) -> int:
        return 0


class Built(tuple[object, ...]):
    """A class is a callable too."""

    __slots__ = ()

    def __new__(cls, jid: JID, node: str, ifrom: JID | None, args: object) -> Self:
        return super().__new__(cls, ("four", node, args))


_FOUR = ("four", "news", 5)
_THREE = ("three", "news", 5)


def _run(stage: Stage, handler: object) -> object:
    stage.register(handler)
    return stage.api.run(CTYPE, OP, None, "news", None, 5)


@same(
    answered(_FOUR),
    each={
        "function": four,
        "lambda": lambda jid, node, ifrom, args: ("four", node, args),
        "defaults": lambda jid, node, ifrom=None, args=None: ("four", node, args),
        "more than four, the rest with defaults": lambda jid, node, ifrom, args, more=1: ("four", node, args),
        "any number": lambda *given: ("four", given[1], given[3]),
        "bound method": Plain().four,
        "class method": Plain.of_the_class,
        "static method": Plain.static,
        "partial": functools.partial(four),
        "partial that fills in the first": functools.partial(five, "before"),
        "partial of a partial": functools.partial(functools.partial(five, "before")),
        "partial of a bound method": functools.partial(Plain().four),
        "object": Plain(),
        "class": Built,
        "decorated": wrapped(four),
        "decorated method": Decorated().four,
    },
)
def plain_kinds(stage: Stage, handler: object) -> object:
    return _run(stage, handler)


@differs(
    slixmpp=answered_later(_FOUR),
    ours=answered(_FOUR),
    ours_off=answered_later(_FOUR),
    because="first step",
    each={
        "function": async_four,
        "bound method": Async().four,
        "partial": functools.partial(async_four),
        "partial that fills in the first": functools.partial(async_five, "before"),
        "partial of a bound method": functools.partial(Async().four),
    },
)
def coroutine_kinds(stage: Stage, handler: object) -> object:
    return _run(stage, handler)


@differs(
    slixmpp=answered(UNAWAITED),
    ours=answered(_FOUR),
    ours_off=answered_later(_FOUR),
    because="awaitable",
    each={
        "object": Async(),
        "partial of an object": functools.partial(Async()),
        "lambda": lambda jid, node, ifrom, args: async_four(jid, node, ifrom, args),
        "decorated": wrapped(async_four),
    },
)
def coroutine_kinds_that_slixmpp_does_not_see(stage: Stage, handler: object) -> object:
    return _run(stage, handler)


@differs(
    slixmpp=bare(_THREE),
    ours=answered(_THREE),
    because="three arguments",
    each={
        "function": three,
        "lambda": lambda jid, node, args: ("three", node, args),
        "bound method": Plain().three,
        "partial": functools.partial(three),
        "object": PlainOfThree(),
        "decorated": wrapped(three),
        "decorated method": Decorated().three,
    },
)
def three_argument_plain_kinds(stage: Stage, handler: object) -> object:
    return _run(stage, handler)


@differs(
    slixmpp=bare(UNAWAITED),
    ours=answered(_THREE),
    ours_off=answered_later(_THREE),
    because="three arguments",
    each={
        "function": async_three,
        "bound method": Async().three,
        "partial": functools.partial(async_three),
        "object": AsyncOfThree(),
        "decorated": wrapped(async_three),
    },
)
def three_argument_coroutine_kinds(stage: Stage, handler: object) -> object:
    return _run(stage, handler)


@differs(slixmpp=bare(("three", "", None)), ours=answered(("three", "", None)), because="three arguments")
def three_argument_default_can_be_restored(stage: Stage) -> object:
    stage.api.register(three, CTYPE, OP, default=True)
    stage.api.restore_default(CTYPE, OP, "romeo@montague.example")
    return stage.run("romeo@montague.example")


@same(raised(Oops))
def three_argument_error(stage: Stage) -> object:
    def handler(jid: JID, node: str, args: object) -> None:
        raise Oops

    return _run(stage, handler)


@differs(slixmpp=bare(UNAWAITED), ours=failed(Oops), ours_off=failed_later(Oops), because="three arguments")
def three_argument_coroutine_error(stage: Stage) -> object:
    async def handler(jid: JID, node: str, args: object) -> None:
        raise Oops

    return _run(stage, handler)


@differs(slixmpp=answered(None), ours=answered(_FOUR), because="falsy")
def falsy_object(stage: Stage) -> object:
    return _run(stage, Falsy())


@differs(slixmpp=answered(None), ours=answered(_FOUR), ours_off=answered_later(_FOUR), because="falsy")
def falsy_object_with_async_call(stage: Stage) -> object:
    return _run(stage, AsyncFalsy())


@differs(slixmpp=answered(None), ours=answered(("four", "", None)), because="falsy")
def falsy_default_can_be_restored(stage: Stage) -> object:
    stage.api.register_default(Falsy(), CTYPE, OP)
    stage.api.restore_default(CTYPE, OP, "romeo@montague.example")
    return stage.run("romeo@montague.example")


# A TypeError from inside a handler


@differs(slixmpp=bare("second call", 4, 3), ours=raised(TypeError, 4), because="inner TypeError")
def type_error_inside_a_handler_that_takes_anything(stage: Stage) -> object:
    def handler(*given: object) -> str:
        stage.seen.append(len(given))
        if len(given) == 4:
            raise TypeError("from inside")
        return "second call"

    return _run(stage, handler)


@differs(slixmpp=bare("shifted", (None, 5), (5, "args")), ours=raised(TypeError, (None, 5)), because="inner TypeError")
def type_error_inside_a_handler_with_a_default(stage: Stage) -> object:
    def handler(jid: JID, node: str, ifrom: object, args: object = "args") -> str:
        stage.seen.append((ifrom, args))
        if ifrom is None:
            raise TypeError("from inside")
        return "shifted"

    return _run(stage, handler)


@differs(slixmpp=bare(["missing 1 required"]), ours=bare(["from inside"]), because="inner TypeError")
def type_error_inside_a_handler_of_four_comes_out_as_it_is(stage: Stage) -> object:
    def handler(jid: JID, node: str, ifrom: JID | None, args: object) -> None:
        raise TypeError("from inside")

    try:
        return _run(stage, handler)
    except TypeError as error:
        return [text for text in ("from inside", "missing 1 required") if text in str(error)]


@differs(
    slixmpp=failed_later(TypeError), ours=failed(TypeError), ours_off=failed_later(TypeError), because="first step"
)
def type_error_inside_a_coroutine(stage: Stage) -> object:
    async def handler(jid: JID, node: str, ifrom: JID | None, args: object) -> None:
        raise TypeError("from inside")

    return _run(stage, handler)


# What cannot be called


_UNCALLABLE: dict[str, object] = {
    "two arguments": lambda jid, node: None,
    "five arguments": five,
    "no arguments": lambda: None,
    "arguments by name only": lambda *, jid, node, ifrom, args: None,
    "partial that fills in too much": functools.partial(five, 1, JID(), ""),
    "no callable": "handler",
}


@differs(slixmpp=bare(None), ours=raised(TypeError), because="refused", each=_UNCALLABLE)
def registering_what_cannot_be_called(stage: Stage, handler: object) -> object:
    return stage.register(handler)  # type: ignore[func-returns-value]  # that nothing comes back is the case


@differs(slixmpp=bare(None), ours=raised(TypeError), because="refused", each=_UNCALLABLE)
def registering_as_default_what_cannot_be_called(stage: Stage, handler: object) -> object:
    return stage.api.register_default(handler, CTYPE, OP)


@differs(slixmpp=raised(TypeError), ours=answered("before"), because="refused")
def refused_handler_leaves_the_one_before(stage: Stage) -> object:
    stage.answers("before")
    try:
        stage.register(lambda: None)
    except TypeError:
        return stage.run()
    return stage.run()


@differs(slixmpp=bare(None), ours=raised(InvalidJID), because="refused", each={"jid": None, "jid and node": "news"})
def registering_for_a_malformed_jid(stage: Stage, node: str | None) -> object:
    return stage.api.register(four, CTYPE, OP, "romeo@", node)
