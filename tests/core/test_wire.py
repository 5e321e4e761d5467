"""Whatever a peer sends as a JID or a node does what slixmpp would do with it, or is refused as malformed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import structlog
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from slixmpp import JID
from slixmpp.jid import InvalidJID

from slixmpp_middleware import Caching, Logging, Metrics, Retry, Timeout, Tracing
from slixmpp_pipeline import PipelineRegistry, install
from slixmpp_pipeline.testing import FakeClient

OP = ("xep_0030", "get_info")
LOGGER = structlog.wrap_logger(
    structlog.testing.ReturnLogger(), processors=[], wrapper_class=structlog.make_filtering_bound_logger(0)
)

# Text that stringprep and IDNA change or refuse, the separators, control characters, and what is too long.
odd = st.sampled_from(
    ["", "a", "A", "ß", "İ", "ﬁ", "\u00ad", "\u200b", "é", "e\u0301", "xn--a", "@", "/", " ", "\0", "\n", "☃", "🙂"]
)
part = st.lists(odd | st.characters(exclude_categories=["Cs"]), max_size=8).map("".join) | st.just("a" * 1024)
jids = st.builds("{}@{}/{}".format, part, part, part) | st.builds("{}@{}".format, part, part) | part
nodes = part | st.none()


def every_layer() -> PipelineRegistry:
    return install(
        FakeClient(),
        Logging(logger=LOGGER, jids="full"),
        Tracing(TracerProvider(shutdown_on_exit=False), jids="full"),
        Metrics(MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)),
        Caching(60, key=lambda call: None),
        Timeout(5),
        Retry(2),
    )


def what_was_asked(jid: JID, node: str, ifrom: Any, args: Any) -> tuple[str, str, str | None]:
    return jid.full, node, None if ifrom is None else str(ifrom)


@given(jids)
@settings(deadline=None)
@example("a@b/" + "c" * 1024)
def test_malformed_jid_is_refused_as_slixmpp_does_and_nothing_is_registered(text: str) -> None:
    assume(text)
    api = PipelineRegistry(FakeClient())
    try:
        right = JID(text)
    except ValueError:  # InvalidJID, but for what slixmpp's JID in Python does not foresee
        with pytest.raises(InvalidJID, match="is not a JID"):
            api.run(*OP, text)
        with pytest.raises(InvalidJID, match="is not a JID"):
            api.explain(*OP, text)
        with pytest.raises(InvalidJID, match="is not a JID"):
            api.register(what_was_asked, *OP, text)
        assert api.run(*OP).result() is None
    else:
        api.register(what_was_asked, *OP, text)
        assert api.run(*OP, text).result()[0] == right.full
        assert api.run(*OP, right).result()[0] == right.full


@settings(deadline=None)
@given(
    st.dictionaries(st.tuples(st.sampled_from(["a@b", "a@b/c", "A@B", None]), nodes), st.integers(), max_size=6), nodes
)
def test_node_is_compared_as_it_is(registered: dict[tuple[str | None, str | None], int], node: str | None) -> None:
    api = PipelineRegistry(FakeClient())
    for (jid, other), number in registered.items():
        api.register(lambda jid, node, ifrom, args, number=number: number, *OP, jid, other)
    by_place = {(jid and JID(jid).full, other): number for (jid, other), number in registered.items()}
    places = [("a@b", node or ""), ("a@b", None), (None, node or ""), (None, None)]
    expected = next((by_place[place] for place in places if place in by_place), None)
    assert api.run(*OP, "a@b", node).result() == expected


@given(st.lists(st.tuples(jids, nodes, st.none() | jids), min_size=1, max_size=6))
@settings(max_examples=200, deadline=None)
def test_through_all_layers_everybody_gets_the_answer_to_his_own_question(asked: list[tuple[str, Any, Any]]) -> None:
    async def ask() -> None:
        api = every_layer()
        api.register(what_was_asked, *OP)
        for text, node, requester in asked * 2:
            try:
                jid, ifrom = JID(text), requester and JID(requester)
            except ValueError:
                continue
            answer = await api.run(*OP, jid, node, ifrom)
            own = jid.full if text else api.xmpp.boundjid.full
            assert answer == (own, node or "", str(ifrom) if ifrom is not None else None)
            assert str(api.explain(*OP, jid, node))

    asyncio.run(ask())
