"""What is wrong is refused at the call, by an error that says what and what is allowed; nothing is changed then."""

from __future__ import annotations

import copy
import functools
import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import pytest
from slixmpp import JID
from slixmpp.jid import InvalidJID

from slixmpp_middleware import Logging, Timeout
from slixmpp_pipeline import Call, CallNext, PipelineRegistry, install, uninstall
from slixmpp_pipeline.testing import FakeClient
from tests.core.trail import Green, Red
from tests.layers import passing


def sync_layer(call: Call, call_next: CallNext, /) -> Any:
    return call_next(call)


async def generator_layer(call: Call, call_next: CallNext, /) -> Any:
    yield await call_next(call)


async def one_argument(call: Call, /) -> Any:
    return call


async def three_arguments(call: Call, call_next: CallNext, more: object, /) -> Any:
    return await call_next(call)


async def keyword_argument(call: Call, call_next: CallNext, /, *, more: object) -> Any:
    return await call_next(call)


class SyncLayer:
    def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        return call_next(call)


class WideLayer:
    async def __call__(self, call: Call, call_next: CallNext, more: object, /) -> Any:
        return await call_next(call)


def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
    return "answer"


def default(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
    return "default"


def two_arguments(jid: JID, node: str) -> None:
    """What no caller of a handler gives."""


def five_arguments(jid: JID, node: str, ifrom: JID | None, args: Any, more: object) -> None:
    """More than callers give."""


def keyword_only(jid: JID, node: str, ifrom: JID | None, args: Any, *, more: object) -> None:
    """Callers give no keyword."""


here, twin, gone = Red("here"), Red("here"), Red("gone")
first_green, second_green = Green("first"), Green("second")
ROMEO = "romeo@montague.example"
CALL = Call("c", "x", JID(ROMEO), "", None, None)


class Bad(NamedTuple):
    """A call that has to be refused: what it does, how, and which words the message has."""

    name: str
    attempt: Callable[[Any], object]
    error: type[Exception]
    words: tuple[str, ...]


def giving(value: object, attempt: Callable[[Any, Any], object]) -> Callable[[Any], object]:
    return lambda api: attempt(api, value)


IS_A_LAYER = "async callable (call, call_next)"

NO_LAYERS: list[tuple[str, object, tuple[str, ...]]] = [
    ("a number", 5, ("5", "not callable", IS_A_LAYER)),
    ("None", None, ("None", "not callable", IS_A_LAYER)),
    ("a string", "Timeout", ("'Timeout'", "not callable", IS_A_LAYER)),
    ("a class", Timeout, ("Timeout is a class", "instance", "Timeout(...)")),
    ("a sync function", sync_layer, ("sync_layer", "not async", IS_A_LAYER)),
    ("an async generator", generator_layer, ("generator_layer", "not async", IS_A_LAYER)),
    ("a builtin", print, ("print", "not async", IS_A_LAYER)),
    ("an object that is sync", SyncLayer(), ("SyncLayer", "not async", IS_A_LAYER)),
    ("one argument", one_argument, ("one_argument", "two arguments", "(call, call_next)")),
    ("three arguments", three_arguments, ("three_arguments", "two arguments", "(call, call_next)")),
    ("a keyword argument", keyword_argument, ("keyword_argument", "two arguments", "(call, call_next)")),
    ("an object with three arguments", WideLayer(), ("WideLayer", "two arguments", "(call, call_next)")),
    ("a partial with one left", functools.partial(passing, CALL), ("passing", "two arguments", "(call, call_next)")),
]


def no_layer_cases() -> list[Bad]:
    cases: list[Bad] = []
    for name, value, words in NO_LAYERS:
        layer = cast("Any", value)
        cases += [
            Bad(
                f"use {name}",
                giving(layer, lambda api, layer: api.use(layer)),
                TypeError,
                ("use(): argument 1", *words),
            ),
            Bad(
                f"use {name} after a good layer",
                giving(layer, lambda api, layer: api.use(gone, layer, ctype="c")),
                TypeError,
                ("use(): argument 2", *words),
            ),
            Bad(f"decorate {name}", giving(layer, lambda api, layer: api.layer(ctype="c")(layer)), TypeError, words),
            Bad(
                f"wrapper use {name}",
                giving(layer, lambda api, layer: api.wrap("c").use(layer, op="x")),
                TypeError,
                ("argument 1", *words),
            ),
            Bad(
                f"override with {name}",
                giving(layer, lambda api, layer: api.override(layer, "c", "x", instead_of=here)),
                TypeError,
                ("override(): layer", *words),
            ),
            Bad(
                f"remove {name}",
                giving(layer, lambda api, layer: api.remove(layer)),
                TypeError,
                ("remove(): layer", *words),
            ),
        ]
        if not isinstance(layer, type):
            cases += [
                Bad(
                    f"exclude {name}",
                    giving(layer, lambda api, layer: api.exclude(here, layer, ctype="c")),
                    TypeError,
                    ("exclude(): argument 2", *words),
                ),
                Bad(
                    f"bypass {name}",
                    giving(layer, lambda api, layer: api.bypass(here, layer)),
                    TypeError,
                    ("bypass(): argument 2", *words),
                ),
            ]
    return cases


SCOPES = [
    Bad("use for an op alone", lambda api: api.use(gone, op="x"), TypeError, ("op: 'x'", "ctype")),
    Bad("decorate for an op alone", lambda api: api.layer(op="x"), TypeError, ("op: 'x'", "ctype")),
    Bad("override for an op alone", lambda api: api.override(gone, None, "x"), TypeError, ("op: 'x'", "ctype")),
    Bad("exclude for an op alone", lambda api: api.exclude(here, ctype=None, op="x"), TypeError, ("op: 'x'", "ctype")),
    Bad(
        "use for a ctype that is a number", lambda api: api.use(gone, ctype=5), TypeError, ("ctype: 5", "int", "string")
    ),
    Bad(
        "use for an op that is bytes",
        lambda api: api.use(gone, ctype="c", op=b"x"),
        TypeError,
        ("op: b'x'", "bytes", "string"),
    ),
    Bad(
        "decorate for a ctype that is a class", lambda api: api.layer(ctype=Red), TypeError, ("ctype", "Red", "string")
    ),
    Bad("override everywhere", lambda api: api.override(gone, None), TypeError, ("override(): ctype is missing",)),
    Bad("exclude everywhere", lambda api: api.exclude(here, ctype=None), TypeError, ("ctype is missing", "remove()")),
]

LAYERS = [
    Bad("use nothing", lambda api: api.use(), TypeError, ("use()", "at least one layer")),
    Bad("use one twice at once", lambda api: api.use(gone, gone), ValueError, ("Red", "already", "same object")),
    Bad("use what is everywhere", lambda api: api.use(here), ValueError, ("Red", "already", "everywhere")),
    Bad("use what is there for a ctype", lambda api: api.use(passing, ctype="c"), ValueError, ("passing", "for c")),
    Bad(
        "use what is there for an op",
        lambda api: api.use(gone, passing, ctype="c", op="x"),
        ValueError,
        ("passing", "for c x"),
    ),
    Bad(
        "use a list of layers",
        lambda api: api.use(cast("Any", [Red("new")])),
        TypeError,
        ("use()", "argument 1", "list", "one by one"),
    ),
    Bad(
        "override of what is not there",
        lambda api: api.override(Timeout(1), "c", "x"),
        LookupError,
        ("override()", "Timeout", "c x", "Red, Green, Green, passing is"),
    ),
    Bad(
        "override of an object that is not there",
        lambda api: api.override(gone, "c", instead_of=twin),
        LookupError,
        ("override()", "Red", "Red, Green, Green is"),
    ),
    Bad(
        "override of one of two",
        lambda api: api.override(Green("third"), "c"),
        ValueError,
        ("instead_of", "'first'", "'second'"),
    ),
    Bad(
        "override with a function that names nothing",
        lambda api: api.override(passing, "d"),
        TypeError,
        ("instead_of", "passing is a function"),
    ),
    Bad(
        "override with a partial that names nothing",
        lambda api: api.override(functools.partial(passing), "d"),
        TypeError,
        ("instead_of", "passing is a function"),
    ),
    Bad(
        "override of what is no layer",
        lambda api: api.override(gone, "c", instead_of=5),
        TypeError,
        ("override(): instead_of", "5", "not callable"),
    ),
    Bad("override twice", lambda api: api.override(gone, "d"), ValueError, ("Red", "already overridden for d")),
    Bad("exclude nothing", lambda api: api.exclude(ctype="c"), TypeError, ("exclude()", "at least one layer or type")),
    Bad(
        "exclude what is not there",
        lambda api: api.exclude(twin, ctype="c"),
        LookupError,
        ("exclude()", "Red", "for c"),
    ),
    Bad(
        "exclude what is elsewhere",
        lambda api: api.exclude(passing, ctype="d"),
        LookupError,
        ("exclude()", "passing", "for d"),
    ),
    Bad(
        "exclude a type that is no layer's",
        lambda api: api.exclude(int, ctype="c"),
        TypeError,
        ("exclude(): argument 1", "int", "not a class of layers"),
    ),
    Bad(
        "exclude a type whose objects are sync",
        lambda api: api.exclude(SyncLayer, ctype="c"),
        TypeError,
        ("exclude(): argument 1", "SyncLayer", "not a class of layers"),
    ),
    Bad("remove what is not there", lambda api: api.remove(twin), LookupError, ("remove()", "Red", "not registered")),
    Bad("bypass nothing", lambda api: api.bypass(), TypeError, ("bypass()", "at least one layer or type")),
    Bad(
        "bypass what is not there", lambda api: api.bypass(twin), LookupError, ("bypass()", "'here'", "not registered")
    ),
    Bad(
        "bypass a type that is no layer's",
        lambda api: api.bypass(str),
        TypeError,
        ("bypass(): argument 1", "str", "not a class of layers"),
    ),
]

NO_HANDLERS: list[tuple[str, object, tuple[str, ...]]] = [
    ("a number", 5, ("handler: 5", "not callable", "(jid, node, ifrom, args)", "None")),
    ("a string", "answer", ("handler: 'answer'", "not callable", "(jid, node, ifrom, args)")),
    ("two arguments", two_arguments, ("handler", "two_arguments", "(jid, node, ifrom, args)", "(jid, node, args)")),
    ("five arguments", five_arguments, ("handler", "five_arguments", "(jid, node, ifrom, args)")),
    ("a keyword argument", keyword_only, ("handler", "keyword_only", "(jid, node, ifrom, args)")),
    ("a partial", functools.partial(handler, JID(ROMEO), "n"), ("handler", "handler", "(jid, node, ifrom, args)")),
]


def no_handler_cases() -> list[Bad]:
    cases: list[Bad] = []
    for name, value, words in NO_HANDLERS:
        cases += [
            Bad(
                f"register {name}",
                giving(value, lambda api, value: api.register(value, "c", "x", default=True)),
                TypeError,
                words,
            ),
            Bad(
                f"register {name} for a JID of a new op",
                giving(value, lambda api, value: api.register(value, "new", "y", jid=ROMEO)),
                TypeError,
                words,
            ),
            Bad(
                f"register {name} as default",
                giving(value, lambda api, value: api.register_default(value, "c", "x")),
                TypeError,
                words,
            ),
        ]
    return cases


MALFORMED = "romeo@@montague.example"
IS_NO_JID = (f"jid: '{MALFORMED}'", "not a JID")

CALLS = [
    Bad("run for a malformed JID", lambda api: api.run("c", "x", jid=MALFORMED), InvalidJID, IS_NO_JID),
    Bad("run for a number", lambda api: api.run("c", "x", jid=5), TypeError, ("jid: 5", "int", "a JID or a string")),
    Bad("run for no ctype", lambda api: api.run(None, "x"), TypeError, ("ctype", "None", "string")),
    Bad("run for no op", lambda api: api.run("c", None), TypeError, ("op", "None", "string")),
    Bad("run for an op that is a number", lambda api: api.run("c", 5), TypeError, ("op: 5", "int", "string")),
    Bad("explain for a malformed JID", lambda api: api.explain("c", "x", MALFORMED), InvalidJID, IS_NO_JID),
    Bad("explain an op of no ctype", lambda api: api.explain(None, "x"), TypeError, ("op: 'x'", "without a ctype")),
    Bad("explain an op that is a number", lambda api: api.explain("c", 5), TypeError, ("op: 5", "int", "string")),
    Bad("explain all for a malformed JID", lambda api: api.explain(jid=MALFORMED), InvalidJID, IS_NO_JID),
    Bad(
        "register for a malformed JID",
        lambda api: api.register(handler, "c", "x", jid=MALFORMED, default=True),
        InvalidJID,
        IS_NO_JID,
    ),
    Bad(
        "register for a malformed JID and a node",
        lambda api: api.register(handler, "new", "x", jid=MALFORMED, node="n"),
        InvalidJID,
        IS_NO_JID,
    ),
    Bad(
        "register for a number",
        lambda api: api.register(handler, "c", "x", jid=5),
        TypeError,
        ("jid: 5", "int", "a JID or a string"),
    ),
    Bad("register for no op", lambda api: api.register(handler, "c", None), TypeError, ("op", "None", "string")),
    Bad("register for no ctype", lambda api: api.register(handler, None, "x"), TypeError, ("ctype", "None", "string")),
    Bad(
        "register for a node that is a list",
        lambda api: api.register(handler, "c", "x", node=["n"]),
        TypeError,
        ("node", "['n']", "string"),
    ),
    Bad("restore what has no default", lambda api: api.restore_default("c", "y"), KeyError, ("c y", "no default")),
    Bad(
        "register None over what has no default",
        lambda api: api.register(None, "new", "y"),
        KeyError,
        ("new y", "no default", "default=True"),
    ),
]

CASES = [*no_layer_cases(), *SCOPES, *LAYERS, *no_handler_cases(), *CALLS]


@pytest.fixture
def api() -> PipelineRegistry:
    api = install(FakeClient(), here, first_green, second_green)
    api.use(passing, ctype="c")
    api.use(passing, ctype="c", op="x")
    api.override(Red("for d"), "d")
    api.exclude(here, ctype="c", op="y")
    api.register(handler, "c", "x")
    api.register(handler, "c", "x", jid=ROMEO)
    api.register(handler, "c", "y", node="n")
    api.register_default(default, "c", "x")
    api.settings["c"]["client_bare"] = True
    return api


def state(api: PipelineRegistry) -> tuple[object, ...]:
    """Everything that can be seen of a registry without changing it."""
    ops = [("c", "x"), ("c", "y"), ("c", "z"), ("d", "x"), ("new", "x"), ("new", "y")]
    whose = [(None, None), (ROMEO, None), (ROMEO, "n"), (None, "n")]
    texts = [str(api.explain(ctype, op, jid, node)) for ctype, op in ops for jid, node in whose]
    return texts, copy.deepcopy(api.settings), [str(finding) for finding in api.lint()], api.pending


@pytest.mark.parametrize("bad", [pytest.param(case, id=case.name) for case in CASES])
def test_refused_with_a_clear_error_and_nothing_changed(api: PipelineRegistry, bad: Bad) -> None:
    before = state(api)

    with pytest.raises(bad.error) as raised:
        bad.attempt(api)

    message = str(raised.value)
    assert [word for word in bad.words if word not in message] == []
    assert state(api) == before
    api.restore_default("c", "x")
    assert api.explain("c", "x").handler is default


def test_names_of_the_cases_are_unique() -> None:
    names = [case.name for case in CASES]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(("layer", "hint"), [("Timeout", "; a ctype and an op are given by name"), (5, "")])
def test_what_was_meant_for_a_ctype_is_told_so(api: PipelineRegistry, layer: Any, hint: str) -> None:
    with pytest.raises(TypeError) as raised:
        api.use(layer)
    assert str(raised.value).endswith(f"is not callable; a layer is an {IS_A_LAYER}{hint}")


async def test_negative_time_to_drain_is_refused(api: PipelineRegistry) -> None:
    before = state(api)
    with pytest.raises(ValueError, match=r"timeout: -0\.1 is negative; seconds from 0 up, or None"):
        await api.drain(-0.1)
    assert state(api) == before


@pytest.mark.parametrize("seconds", [0, 0.0, -1, -0.5, math.nan, math.inf, -math.inf])
def test_times_that_are_no_time_are_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match=re.escape(f"Timeout: seconds: {seconds!r} is not allowed; a finite number")):
        Timeout(seconds)
    with pytest.raises(ValueError, match=re.escape(f"Logging: slow: {seconds!r} is not allowed; a finite number")):
        Logging(slow=seconds)


@pytest.mark.parametrize("seconds", ["5", True, [1], object()])
def test_times_that_are_no_numbers_are_refused(seconds: Any) -> None:
    kind = type(seconds).__name__
    with pytest.raises(TypeError, match=re.escape(f"Timeout: seconds: {seconds!r} is {kind}; a number of seconds")):
        Timeout(seconds)
    with pytest.raises(TypeError, match=re.escape(f"Logging: slow: {seconds!r} is {kind}; a number of seconds")):
        Logging(slow=seconds)


def test_time_none_is_refused() -> None:
    with pytest.raises(TypeError, match="Timeout: seconds: None is NoneType"):
        Timeout(cast("Any", None))


def test_unknown_way_to_show_jids_is_refused() -> None:
    with pytest.raises(ValueError, match="Logging: jids: 'all' is not allowed; one of omit, domain, bare, full is"):
        Logging(jids=cast("Any", "all"))


class TestInstall:
    @pytest.mark.parametrize("layers", [(5,), (Timeout,), (here, here), (here, sync_layer)])
    def test_with_bad_layers_leaves_the_client_as_it_was(self, layers: tuple[Any, ...]) -> None:
        xmpp = FakeClient(plugins=["c"])
        before, kept = xmpp.api, dict(vars(xmpp.api))
        with pytest.raises((TypeError, ValueError)):
            install(xmpp, *layers)
        assert xmpp.api is before
        assert type(xmpp.api).__name__ == "APIRegistry"
        assert type(xmpp.plugin["c"].api).__name__ == "APIWrapper"
        assert vars(xmpp.api) == kept

    def test_twice_with_layers_is_refused(self, api: PipelineRegistry) -> None:
        before = state(api)
        with pytest.raises(TypeError, match=r"install\(\): .*in place already; add layers with xmpp\.api\.use"):
            install(api.xmpp, Red("more"))
        assert state(api) == before

    @pytest.mark.parametrize("what", [None, 5, object()])
    def test_on_what_is_no_client_is_refused(self, what: object) -> None:
        with pytest.raises(TypeError, match=r"install\(\): .* has no slixmpp registry as its api") as raised:
            install(what)
        assert repr(what) in str(raised.value)

    @pytest.mark.parametrize("what", [None, 5, object()])
    def test_undone_on_what_is_no_client_is_refused(self, what: object) -> None:
        with pytest.raises(TypeError, match=r"uninstall\(\): .* has no slixmpp registry as its api") as raised:
            uninstall(what)
        assert repr(what) in str(raised.value)


class TestCall:
    def test_never_changes_its_op(self) -> None:
        with pytest.raises(TypeError, match=r"replace\(\) cannot change ctype, op; it changes args, ifrom, jid, node"):
            CALL.replace(op="y", ctype="d", node="n")

    def test_refuses_a_malformed_jid(self) -> None:
        with pytest.raises(InvalidJID, match=f"jid: '{MALFORMED}' is not a JID"):
            CALL.replace(jid=MALFORMED)

    def test_refuses_a_jid_of_another_type(self) -> None:
        with pytest.raises(TypeError, match="jid: None is NoneType; a JID or a string is allowed"):
            CALL.replace(jid=None)

    def test_is_immutable_and_says_how_to_change_it(self) -> None:
        call: Any = CALL
        with pytest.raises(AttributeError, match=r"immutable; use call\.replace\(node=\.\.\.\)"):
            call.node = "n"


async def test_truth_is_no_time_to_drain(api: PipelineRegistry) -> None:
    with pytest.raises(TypeError, match="timeout: True is bool; a number of seconds or None is allowed"):
        await api.drain(True)


@pytest.mark.parametrize("ctype", [54, None, ["xep_0054"]])
@pytest.mark.parametrize("method", ["purge", "wrap"])
def test_ctype_of_another_type_is_refused(api: PipelineRegistry, method: str, ctype: Any) -> None:
    with pytest.raises(TypeError, match=r"ctype: .* a string is allowed"):
        getattr(api, method)(ctype)


def test_fake_client_with_a_loop_of_another_type_is_refused() -> None:
    wrong: Any = 5
    with pytest.raises(TypeError, match="loop: 5 is int; an event loop or None is allowed"):
        FakeClient(loop=wrong)
