"""An application says what it knows of an op, and layers see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from slixmpp import JID

from slixmpp_pipeline import Call, CallNext, Entry, Layer, PipelineRegistry, Route, install
from slixmpp_pipeline.catalogue import Resource, bare_jid, session
from slixmpp_pipeline.catalogue.slixmpp_ops import SLIXMPP_OPS
from slixmpp_pipeline.testing import FakeClient

FORECAST = Resource("weather", "forecast")
READ = Entry(reads=((FORECAST, bare_jid),), repeatable=True, cacheable=True)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A layer that remembers the entries of the routes for which it was asked."""

    entries: list[Entry | None] = field(default_factory=list)

    def for_route(self, route: Route) -> Layer:
        self.entries.append(route.entry)
        return self

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        return await call_next(call)


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def api(seen: Seen) -> PipelineRegistry:
    return install(FakeClient(), seen)


async def test_layer_sees_what_the_catalogue_says(api: PipelineRegistry, seen: Seen) -> None:
    await api.run("xep_0054", "get_vcard")
    assert seen.entries == [SLIXMPP_OPS["xep_0054", "get_vcard"]]


async def test_op_that_nobody_declared_has_no_entry(api: PipelineRegistry, seen: Seen) -> None:
    await api.run("weather", "get")
    assert seen.entries == [None]


@pytest.mark.parametrize(("ctype", "op"), [("weather", "get"), ("xep_0054", "get_vcard")])
@pytest.mark.parametrize("entry", [READ, None], ids=["entry", "nothing"])
async def test_declared_entry_takes_the_place_of_the_known_one(
    ctype: str, op: str, entry: Entry | None, api: PipelineRegistry, seen: Seen
) -> None:
    api.declare(ctype, op, entry)
    await api.run(ctype, op)
    assert seen.entries == [entry]


async def test_declaring_compiles_the_route_again(api: PipelineRegistry, seen: Seen) -> None:
    for entry in (None, READ, Entry()):
        api.declare("weather", "get", entry)
        await api.run("weather", "get")
        await api.run("weather", "get")
    assert seen.entries == [None, READ, Entry()]


async def test_declaration_is_of_one_op_and_one_registry(api: PipelineRegistry, seen: Seen) -> None:
    install(FakeClient()).declare("weather", "set", READ)
    api.declare("weather", "get", READ)
    await api.run("weather", "set")
    assert seen.entries == [None]


async def test_route_without_a_bypassed_layer_keeps_its_entry(api: PipelineRegistry) -> None:
    api.declare("weather", "get", READ)
    chain = api._compiler.chain(api, "weather", "get")
    assert chain.without((Seen,)).route.entry is READ


@pytest.mark.parametrize("wrong", [{}, "cacheable", Entry, READ.reads])
def test_what_is_no_entry_is_refused(wrong: Any, api: PipelineRegistry) -> None:
    with pytest.raises(TypeError, match=r"entry: .* an Entry or None is allowed"):
        api.declare("weather", "get", wrong)


@pytest.mark.parametrize(("ctype", "op"), [(None, "get"), ("weather", None), (b"weather", "get")])
def test_op_is_named_by_strings(ctype: Any, op: Any, api: PipelineRegistry) -> None:
    with pytest.raises(TypeError, match="a string is allowed"):
        api.declare(ctype, op, READ)


@pytest.mark.parametrize(
    "settings",
    [{}, {"writes": READ.reads}, {"reads": READ.reads, "writes": READ.reads}],
    ids=["reads nothing", "only writes", "reads and writes"],
)
def test_only_what_reads_and_does_not_write_is_cacheable(settings: Any) -> None:
    with pytest.raises(ValueError, match="cacheable: True is not allowed here"):
        Entry(cacheable=True, **settings)


def test_entry_claims_nothing_unless_told() -> None:
    entry = Entry()

    assert (entry.reads, entry.writes, entry.vary_by) == ((), (), None)
    assert (entry.repeatable, entry.cacheable) == (False, False)


@pytest.mark.parametrize(
    ("jid", "node", "ifrom"),
    [
        ("romeo@montague.example/garden", "sid", JID("nurse@capulet.example")),
        ("romeo@montague.example/orchard", "other", JID("nurse@capulet.example")),
        ("romeo@montague.example/orchard", "sid", JID("tybalt@capulet.example")),
        ("romeo@montague.example/orchard", "sid", None),
    ],
)
def test_session_is_of_a_jid_a_node_and_a_peer(jid: str, node: str, ifrom: JID | None) -> None:
    def key(jid: str, node: str, ifrom: Any) -> object:
        return session(Call("xep_0047", "get_stream", JID(jid), node, ifrom, None))

    same = key("romeo@montague.example/orchard", "sid", "nurse@capulet.example")
    assert same == key("romeo@montague.example/orchard", "sid", JID("nurse@capulet.example"))

    assert key(jid, node, ifrom) != same


def test_session_without_a_peer_is_one_with_an_empty_one() -> None:
    call = Call("xep_0047", "get_stream", JID("romeo@montague.example"), "sid", None, None)

    assert session(call) == session(call.replace(ifrom=JID()))
