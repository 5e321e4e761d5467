"""Every argument of every public function: a bad value is refused at the call, by an error that names the argument.

The table has a row for each. What takes anything says so, with the reason.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Callable, Iterator
from inspect import Parameter, signature
from typing import Any

import pytest
from slixmpp import JID

import slixmpp_inspector
import slixmpp_middleware
import slixmpp_pipeline
from slixmpp_middleware import Caching, Logging, Metrics, Retry, Timeout, Tracing, may_pass
from slixmpp_pipeline import (
    Call,
    Entry,
    Event,
    PipelineRegistry,
    PipelineWrapper,
    call_of,
    catalogue,
    frozen,
    install,
    is_unchanging,
    stop,
    testing,
    uninstall,
    waits_at,
)
from slixmpp_pipeline.catalogue import Resource, arg, bare_jid
from slixmpp_pipeline.testing import FakeClient, FakePlugin, Recorder, check_layer
from tests.layers import passing

ROMEO = "romeo@montague.example"


class Idle:
    """An observer of nothing."""

    def timers(self, route: Any, layers: Any) -> list[Any]:
        return [passing for _ in (*layers, None)]


class Anything(str):
    """Why an argument takes any value."""

    __slots__ = ()


PASSED_ON = Anything("slixmpp passes it on as it is, and so does this")
TRUTH = Anything("slixmpp takes its truth")
BY_US = Anything("the pipeline makes these, and nobody else")
ASKED = Anything("a question about any value")

TEXT = [5, None, b"x", ["x"], object()]
TEXT_OR_NONE = [5, b"x", ["x"], object()]
TARGET = [5, b"x", "romeo@@montague.example", "\ud800@montague.example", ["x"], object()]
NODE = [["n"], {}]
HANDLER = [5, "answer", lambda: None]
LAYER = [5, "Timeout", Timeout, lambda call, call_next: None, [passing]]
LAYER_OR_TYPE = [5, "Timeout", int, [passing]]
DRAINED = [True, "5", -1, math.nan, [1], 10**400]
SECONDS = [True, "5", None, 0, -1, math.nan, math.inf, 10**400, [1]]
SECONDS_OR_NONE = [one for one in SECONDS if one is not None]
COUNT = [True, "5", None, 0, -1, 2.5, [1]]
FLAG = ["false", 1, None]
FUNCTION = [5, None, "time"]
JIDS = [5, None, "all", ["omit"]]
FUNCTION_OR_NONE = [5, "time"]


def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
    return "answer"


# By name: how to call it, with arguments that are good, and the bad values of each of its arguments.
Row = tuple[Callable[[Any], Any], dict[str, Any], dict[str, Any]]

_OP = {"ctype": TEXT, "op": TEXT}
_CALL = {"jid": TARGET, "node": NODE}
_CHANGE = {"jid": TARGET, "node": NODE}
_SCOPE = {"ctype": TEXT_OR_NONE, "op": TEXT_OR_NONE}

REGISTRY: dict[str, Row] = {
    "run": (lambda api: api.run, {"ctype": "c", "op": "x"}, _OP | _CALL | {"ifrom": PASSED_ON, "args": PASSED_ON}),
    "calls": (lambda api: api.calls, {}, {}),
    "drain": (lambda api: api.drain, {}, {"timeout": DRAINED}),
    "register": (
        lambda api: api.register,
        {"handler": handler, "ctype": "c", "op": "x"},
        _OP | _CHANGE | {"handler": HANDLER, "default": TRUTH},
    ),
    "register_default": (
        lambda api: api.register_default,
        {"handler": handler, "ctype": "c", "op": "x"},
        _OP | {"handler": HANDLER},
    ),
    "unregister": (
        lambda api: api.unregister,
        {"ctype": "c", "op": "x"},
        _OP | {"jid": [5, b"x", ["x"], object()], "node": NODE},
    ),
    "restore_default": (
        lambda api: api.restore_default,
        {"ctype": "c", "op": "x"},
        _OP | {"jid": [5, b"x", ["x"], object()], "node": NODE},
    ),
    "purge": (lambda api: api.purge, {"ctype": "c"}, {"ctype": TEXT}),
    "wrap": (lambda api: api.wrap, {"ctype": "c"}, {"ctype": TEXT}),
    "declare": (
        lambda api: api.declare,
        {"ctype": "c", "op": "x", "entry": None},
        _OP | {"entry": [5, "x", {}, Entry]},
    ),
    "invalidate": (
        lambda api: api.invalidate,
        {"ctype": "c", "op": "x"},
        _OP | {"jid": [*TARGET, "", 0, [], JID()], "node": NODE},
    ),
    "use": (lambda api: api.use, {"layers": Recorder()}, _SCOPE | {"layers": LAYER}),
    "layer": (lambda api: api.layer, {}, _SCOPE | {"layer": LAYER}),
    "override": (
        lambda api: api.override,
        {"layer": Timeout(1), "ctype": "c"},
        {"layer": LAYER, "ctype": TEXT, "op": TEXT_OR_NONE, "instead_of": LAYER_OR_TYPE},
    ),
    "exclude": (
        lambda api: api.exclude,
        {"layers": Timeout, "ctype": "c"},
        {"layers": LAYER_OR_TYPE, "ctype": TEXT, "op": TEXT_OR_NONE},
    ),
    "remove": (lambda api: api.remove, {"layer": passing}, {"layer": LAYER}),
    "observe": (
        lambda api: api.observe,
        {"observer": Idle()},
        {"observer": [5, "x", object(), Idle], "automatic": FLAG},
    ),
    "bypass": (lambda api: api.bypass, {"layers": Timeout}, {"layers": LAYER_OR_TYPE}),
    "explain": (lambda api: api.explain, {"ctype": "c"}, _SCOPE | _CALL),
    "lint": (lambda api: api.lint, {}, {}),
}
WRAPPER: dict[str, Row] = {
    name: (
        lambda api, name=name: getattr(api.wrap("c"), name),
        {key: value for key, value in good.items() if key != "ctype"},
        {key: value for key, value in bad.items() if key != "ctype"},
    )
    for name, (_, good, bad) in REGISTRY.items()
    if name in vars(PipelineWrapper)
} | {
    "register_default": (
        lambda api: api.wrap("c").register_default,
        {"handler": handler, "op": "x"},
        {"handler": HANDLER, "op": TEXT, "jid": Anything("ignored, as in slixmpp"), "node": Anything("ignored")},
    )
}
_TOUCHED = [
    5,
    [],
    ((Resource("c", "x"),),),
    (Resource("c", "x"), bare_jid),
    ((Resource("c", "x"), 5),),
    ((1, bare_jid),),
]
FUNCTIONS: dict[str, Row] = {
    "install": (
        lambda _: install,
        {"xmpp": FakeClient()},
        {"xmpp": [None, 5, object()], "layers": LAYER, "automatic": FLAG},
    ),
    "uninstall": (lambda _: uninstall, {}, {"xmpp": [None, 5, object()]}),
    "stop": (lambda _: stop, {}, {"xmpp": [None, 5, object(), FakeClient()], "timeout": DRAINED}),
    "waits_at": (lambda _: waits_at, {}, {"future": [None, 5, object()]}),
    "call_of": (lambda _: call_of, {}, {"frame": [5, "x", object()]}),
    "own_task": (lambda _: slixmpp_pipeline.own_task, {}, {}),
    "being_cancelled": (lambda _: slixmpp_pipeline.being_cancelled, {}, {}),
    "frozen": (lambda _: frozen, {}, {"value": [[], {}, object(), {1}]}),
    "is_unchanging": (lambda _: is_unchanging, {}, {"value": ASKED}),
    "may_pass": (lambda _: may_pass, {}, {"error": ASKED}),
    "outcome_of": (lambda _: slixmpp_middleware.outcome_of, {}, {"error": ASKED}),
    "Watchdog": (
        lambda _: slixmpp_inspector.Watchdog,
        {"api": install(FakeClient())},
        {
            "api": [5, None, "x"],
            "threshold": SECONDS,
            "tell": [5, "x"],
            "meter_provider": [5, "name"],
            "clock": FUNCTION,
            "cpu_clock": FUNCTION,
        },
    ),
    "Inspector": (
        lambda _: slixmpp_inspector.Inspector,
        {"api": install(FakeClient())},
        {
            "api": [5, None, "x"],
            "host": [5, None, b"::1", "", "0.0.0.0", "example.com", "::", "127.0.0.1 "],
            "port": [None, "80", 8.5, True, -1, 65536],
            "token": [5, b"word", "", "a b", "a;b", "ü", "a\n"],
            "socket": [5, b"path", True],
            "hosts": [5, "bots.example", b"x", [5], [None]],
            "remote": [None, 1, "yes"],
            "profiler": [5, "x", object()],
            "watchdog": [5, "x", object()],
        },
    ),
    "waiting_calls": (lambda _: slixmpp_inspector.waiting_calls, {}, {"api": [5, None, "x"]}),
    "CallContext": (lambda _: slixmpp_middleware.CallContext, {}, {}),
    "CallFilter": (lambda _: slixmpp_middleware.CallFilter, {}, {"name": ASKED}),
    "add_call": (lambda _: slixmpp_middleware.add_call, {}, dict.fromkeys(("_logger", "_method", "event"), BY_US)),
    "add_trace": (lambda _: slixmpp_middleware.add_trace, {}, dict.fromkeys(("_logger", "_method", "event"), BY_US)),
    "shown": (lambda _: slixmpp_middleware.shown, {"jid": "a@b"}, {"jid": ASKED, "part": JIDS}),
    "Profiler": (lambda _: slixmpp_inspector.Profiler, {}, {"jids": JIDS, "clock": FUNCTION, "random": FUNCTION}),
    "check_layer": (
        lambda _: check_layer,
        {"make": lambda: passing},
        {
            "make": [5, passing, None],
            "ctype": TEXT,
            "op": TEXT,
            "jid": [one for one in TARGET if one is not None],
            "node": Anything("part of the call, as in run()"),
            "ifrom": PASSED_ON,
            "args": PASSED_ON,
        },
    ),
    "Entry": (
        lambda _: Entry,
        {},
        {
            "reads": _TOUCHED,
            "writes": _TOUCHED,
            "repeatable": FLAG,
            "cacheable": FLAG,
            "vary_by": FUNCTION_OR_NONE,
        },
    ),
    "Resource": (lambda _: Resource, {"ctype": "c", "name": "x"}, {"ctype": BY_US, "name": BY_US}),
    "arg": (lambda _: arg, {}, {"name": TEXT}),
    "Event": (
        lambda _: Event,
        {"what": "word"},
        {"what": [5, None, "two words", ""], "fields": [5, None, [], {"two words": 1}, {"x": None}, {"x": []}]},
    ),
    "FakeClient": (
        lambda _: FakeClient,
        {},
        {
            "jid": [5, None, "romeo@@montague.example"],
            "is_component": FLAG,
            "loop": [5, "loop"],
            "plugins": [5, "xep", [5]],
        },
    ),
    "FakePlugin": (lambda _: FakePlugin, {"xmpp": FakeClient(), "name": "c"}, {"xmpp": [None, 5], "name": TEXT}),
    "Caching": (
        lambda _: Caching,
        {"ttl": 60},
        {
            "ttl": SECONDS,
            "max_entries": COUNT,
            "max_bytes": COUNT,
            "negative_ttl": SECONDS_OR_NONE,
            "key": FUNCTION_OR_NONE,
            "shared": FLAG,
            "clock": FUNCTION,
        },
    ),
    "Logging": (
        lambda _: Logging,
        {},
        {"slow": SECONDS_OR_NONE, "jids": JIDS, "logger": [5, "name"], "clock": FUNCTION},
    ),
    "Metrics": (lambda _: Metrics, {}, {"meter_provider": [5, "name"], "handlers": FLAG, "clock": FUNCTION}),
    "Tracing": (lambda _: Tracing, {}, {"tracer_provider": [5, "name"], "jids": JIDS}),
    "Retry": (
        lambda _: Retry,
        {},
        {
            "attempts": COUNT,
            "base": SECONDS,
            "maximum": SECONDS,
            "on": FUNCTION,
            "sleep": FUNCTION,
            "random": FUNCTION,
        },
    ),
    "Timeout": (lambda _: Timeout, {"seconds": 5}, {"seconds": SECONDS, "clock": FUNCTION}),
}
METHODS: dict[str, Row] = {
    "Caching.statistics": (lambda _: Caching(60).statistics, {}, {"api": [None, 5, FakeClient()]}),
    "Call.replace": (
        lambda _: lambda jid: Call("c", "x", JID(ROMEO), "", None, None).replace(jid=jid),
        {},
        {"jid": [*TARGET, None]},
    ),
}
NAMED = {"layers": r"argument \d+", "layer": r"layer|argument \d+"}
TABLES = {"registry": REGISTRY, "wrapper": WRAPPER, "": FUNCTIONS, "method": METHODS}
_MADE_BY_US = {
    *("CallAborted", "CallRefused", "CallTimeout", "PipelineError", "LawBroken"),
    *("Explanation", "Explanations", "Finding", "Findings", "PendingCall", "PipelineRegistry", "PipelineWrapper"),
    *("Call", "OptedOut", "Reached", "Recorder", "Route", "Statistics", "Suspended", "Tier", "Attempts"),
    *("Hold", "Jids", "Profile", "RecordedCall", "Span", "WaitingCall"),
}
_TYPES = {"CallNext", "Handler", "Key", "Layer", "Observer"}
_KEYS = {"args", "bare_jid", "every", "full_jid", "jid_and_node", "requester", "sender", "session"}


def cases() -> list[Any]:
    return [
        pytest.param(
            make, good, argument, value, id=f"{owner} {name} {argument} {number} {type(value).__name__}".strip()
        )
        for owner, table in TABLES.items()
        for name, (make, good, bad) in table.items()
        for argument, values in bad.items()
        if not isinstance(values, Anything)
        for number, value in enumerate(values)
    ]


@pytest.fixture
def api() -> PipelineRegistry:
    api = install(FakeClient(), passing, Timeout(5))
    api.register(handler, "c", "x", default=True)
    return api


def outcome_of(
    function: Callable[..., Any], positional: list[Any], given: dict[str, Any], loop: asyncio.AbstractEventLoop
) -> Any:
    outcome = function(*positional, **given)
    return loop.run_until_complete(outcome) if asyncio.iscoroutine(outcome) else outcome


@pytest.mark.parametrize(("make", "good", "argument", "value"), cases())
def test_bad_value_is_refused_by_name(
    api: PipelineRegistry, make: Callable[[Any], Any], good: dict[str, Any], argument: str, value: Any
) -> None:
    function = make(api)
    given = good | {argument: value}
    if function is stop and argument == "timeout":
        given["xmpp"] = api.xmpp
    parameters = signature(function).parameters
    by_position = []
    if any(parameters[one].kind in {Parameter.POSITIONAL_ONLY, Parameter.VAR_POSITIONAL} for one in given):
        by_position = [one for one in parameters if one in given and parameters[one].kind is not Parameter.KEYWORD_ONLY]
    positional = [given.pop(one) for one in by_position]
    with pytest.raises((TypeError, ValueError)) as raised:
        outcome_of(function, positional, given, api.xmpp.loop)
    assert re.search(rf"\b({NAMED.get(argument, argument)})\b", str(raised.value))


def public_callables() -> Iterator[tuple[str, str, Any]]:
    """Iterate over every public function with its table and its name there."""
    for name in sorted({name for name in vars(PipelineRegistry) if not name.startswith("_")} - {"pending", "observer"}):
        yield "registry", name, getattr(PipelineRegistry, name)
    for name in sorted(name for name in vars(PipelineWrapper) if not name.startswith("_")):
        yield "wrapper", name, getattr(PipelineWrapper, name)
    for module in (slixmpp_pipeline, slixmpp_middleware, slixmpp_inspector, testing, catalogue):
        for name in module.__all__:
            if name not in _MADE_BY_US | _TYPES | _KEYS:
                yield "", name, getattr(module, name)


@pytest.mark.parametrize(
    ("table", "name", "function"), [pytest.param(*one, id=" ".join(one[:2])) for one in public_callables()]
)
def test_every_argument_has_a_row(table: str, name: str, function: Any) -> None:
    _, _, rows = TABLES[table][name]
    assert rows.keys() == signature(function).parameters.keys() - {"self"}
