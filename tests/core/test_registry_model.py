"""Any sequence of changes to a registry, with the pipeline in place and without, against a model of two dicts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from slixmpp import JID
from slixmpp.api import APIRegistry, APIWrapper

from slixmpp_pipeline import PipelineRegistry, PipelineWrapper, install, uninstall
from slixmpp_pipeline.testing import FakeClient, Recorder

BOUND = "juliet@capulet.example/balcony"
KEYS = [("xep_0054", "get"), ("xep_0054", "set"), ("xep_0030", "get")]
CTYPES = ["xep_0054", "xep_0030"]
JIDS = [BOUND, "juliet@capulet.example", "romeo@montague.example/orchard", "romeo@montague.example"]

keys = st.sampled_from(KEYS)
texts = st.sampled_from(JIDS)
jids = st.none() | texts | texts.map(JID)
nodes = st.sampled_from([None, "", "news"])


class Place(NamedTuple):
    jid: str | None
    node: str | None


def place(jid: JID | str | None, node: str | None) -> Place:
    return Place(None if jid is None else str(jid), node)


def named(name: int) -> Callable[..., int]:
    """A handler that answers with its name; every third is of the older kind."""
    if name % 3 == 0:
        return lambda jid, node, args: name
    return lambda jid, node, ifrom, args: name


class RegistryMachine(RuleBasedStateMachine):
    """A client to which everything happens; what slixmpp's registry does otherwise is said where it happens."""

    def __init__(self) -> None:
        super().__init__()
        self.xmpp = FakeClient(BOUND, plugins=CTYPES)
        self.api: Any = self.xmpp.api
        self.wrappers: dict[str, Any] = {ctype: self.api.wrap(ctype) for ctype in CTYPES}
        self.closures = {key: self.wrappers[key[0]][key[1]] for key in KEYS}
        self.handlers: dict[tuple[str, str], dict[Place, int]] = {key: {} for key in KEYS}
        self.defaults: dict[tuple[str, str], int] = {}
        self.bare: dict[str, bool] = {}
        self.recorder: Recorder | None = None
        self.last = 0

    @property
    def is_ours(self) -> bool:
        return isinstance(self.api, PipelineRegistry)

    def new(self) -> tuple[int, Callable[..., int]]:
        self.last += 1
        return self.last, named(self.last)

    # Changes

    @rule(key=keys, jid=jids, node=nodes, default=st.booleans(), by_wrapper=st.booleans())
    def register(self, key: Any, jid: Any, node: Any, default: bool, by_wrapper: bool) -> None:
        name, handler = self.new()
        if by_wrapper:
            self.wrappers[key[0]].register(handler, key[1], jid, node, default)
        else:
            self.api.register(handler, *key, jid, node, default)
        self.handlers[key][place(jid, node)] = name
        if default:
            self.defaults[key] = name

    @rule(key=keys)
    def register_default(self, key: Any) -> None:
        self.defaults[key], handler = self.new()
        self.api.register_default(handler, *key)

    @rule(key=keys, jid=jids, node=nodes, by_none=st.booleans())
    def unregister(self, key: Any, jid: Any, node: Any, by_none: bool) -> None:
        where = place(jid, node)
        if where == (None, None):
            self.unregister_global(key)
        elif by_none:
            self.api.register(None, *key, jid, node)
        else:
            self.api.unregister(*key, jid, node)
        self.handlers[key].pop(where, None)

    def unregister_global(self, key: Any) -> None:
        try:
            self.api.unregister(*key)
        except KeyError:
            assert not self.is_ours
            self.api._handlers[key[0]][key[1]]["global"] = None

    @rule(key=keys, jid=jids, node=nodes)
    def restore_default(self, key: Any, jid: Any, node: Any) -> None:
        where = place(jid, node)
        default = self.defaults.get(key)
        works = default is not None and (self.is_ours or where != (None, None))
        try:
            self.api.restore_default(*key, jid, node)
        except KeyError:
            assert not works
            if not self.is_ours and where != (None, None):
                self.handlers[key].pop(where, None)
        else:
            assert works
            assert default is not None
            self.handlers[key][where] = default

    @rule(ctype=st.sampled_from(CTYPES))
    def purge(self, ctype: str) -> None:
        try:
            self.api.purge(ctype)
        except KeyError:
            assert not self.is_ours
        self.bare.pop(ctype, None)
        for key in KEYS:
            if key[0] == ctype:
                self.handlers[key].clear()
                self.defaults.pop(key, None)

    @rule(ctype=st.sampled_from(CTYPES), bare=st.booleans())
    def set_client_bare(self, ctype: str, bare: bool) -> None:
        self.api.settings.setdefault(ctype, {})["client_bare"] = bare
        self.bare[ctype] = bare

    # In and out

    @precondition(lambda self: not self.is_ours)
    @rule(with_layer=st.booleans())
    def install(self, with_layer: bool) -> None:
        self.recorder = Recorder() if with_layer else None
        layers = [] if self.recorder is None else [self.recorder]
        assert install(self.xmpp, *layers) is self.api

    @rule()
    def uninstall(self) -> None:
        assert uninstall(self.xmpp) is self.api
        self.recorder = None

    # Questions

    def expected(self, key: Any, jid: Any, node: Any) -> tuple[int | None, str]:
        full = JID(jid or BOUND)
        target = full.bare if self.bare.get(key[0]) else full.full
        tiers = {"jid+node": Place(target, node or ""), "jid": Place(target, None)}
        if self.is_ours:
            tiers["node"] = Place(None, node or "")
        tiers["global"] = Place(None, None)
        there = self.handlers[key]
        return next(((there[where], tier) for tier, where in tiers.items() if where in there), (None, "none"))

    @rule(key=keys, jid=jids, node=nodes, way=st.sampled_from(["registry", "wrapper", "closure"]))
    def run_one(self, key: Any, jid: Any, node: Any, way: str) -> None:
        seen = 0 if self.recorder is None else len(self.recorder.calls)
        if way == "registry":
            back = self.api.run(*key, jid, node)
        elif way == "wrapper":
            back = self.wrappers[key[0]].run(key[1], jid, node)
        else:
            back = self.closures[key](jid, node)

        answer = back.result() if isinstance(back, asyncio.Future) else back
        assert answer == self.expected(key, jid, node)[0]
        assert isinstance(back, asyncio.Future) or not self.is_ours
        if self.recorder is not None:
            assert len(self.recorder.calls) == seen + 1

    @precondition(lambda self: self.is_ours)
    @rule(key=keys, jid=jids, node=nodes)
    def explain(self, key: Any, jid: Any, node: Any) -> None:
        explanation = self.api.explain(*key, jid, node)

        name, tier = self.expected(key, jid, node)
        assert str(explanation.tier) == tier
        assert (explanation.handler is None) == (name is None)

    @invariant()
    def settings_are_the_models(self) -> None:
        found = {ctype: kept["client_bare"] for ctype, kept in self.api.settings.items() if "client_bare" in kept}
        assert found == self.bare

    @invariant()
    def nothing_is_left_behind(self) -> None:
        if self.is_ours:
            kept = {key: len(list(table)) for key, table in self.api._registrations.tables.items()}
            assert {key: count for key, count in kept.items() if count} == {
                key: len(there) for key, there in self.handlers.items() if there
            }

    @invariant()
    def plugins_hold_what_is_installed(self) -> None:
        wrapper, registry = (PipelineWrapper, PipelineRegistry) if self.is_ours else (APIWrapper, APIRegistry)
        assert self.xmpp.api is self.api
        assert type(self.api) is registry
        assert {type(plugin.api) for plugin in self.xmpp.plugin.values()} == {wrapper}


TestRegistryModel = RegistryMachine.TestCase
TestRegistryModel.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
