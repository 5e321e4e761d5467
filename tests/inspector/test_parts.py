"""Where the time of one call went."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slixmpp_inspector.parts import own_parts
from slixmpp_inspector.recorded import Span

Tree = tuple[int, list["Tree"]]


def trees() -> st.SearchStrategy[Tree]:
    """Layers, each with its own time and those that it asks one after the other."""
    return st.recursive(
        st.tuples(st.integers(0, 5), st.just([])),
        lambda inner: st.tuples(st.integers(0, 5), st.lists(inner, max_size=3)),
        max_leaves=12,
    )


def spans_of(tree: Tree, start: float, level: int, found: list[tuple[int, Span, int]]) -> float:
    own, inner = tree
    place = len(found)
    found.append((level, Span("", 0, 0), own))
    end = start
    for one in inner:
        end = spans_of(one, end, level + 1, found)
    end += own
    found[place] = level, Span(f"{place}", start, end), own
    return end


@given(trees())
def test_each_span_has_its_own_time(tree: Tree) -> None:
    found: list[tuple[int, Span, int]] = []
    end = spans_of(tree, 0.0, 0, found)
    spans = [span for _, span, _ in sorted(found, key=lambda one: one[0])]
    parts, none = own_parts(spans)
    assert none == []
    assert sum(one.seconds for one in parts) == pytest.approx(end)
    pieces = sorted(piece for one in parts for piece in one.pieces if piece[0] < piece[1])
    assert [begins for begins, _ in pieces[1:]] == [ends for _, ends in pieces[:-1]]  # each moment is of one part
    assert {one.name: one.seconds for one in parts} == {span.name: own for _, span, own in found}


def test_runs_that_overlap_are_beside_each_other() -> None:
    parts, _ = own_parts([Span("Fan", 0, 2), Span("handler", 0, 1), Span("handler", 0.5, 1.5)])
    assert [(one.name, one.seconds) for one in parts] == [("Fan", 0.5), ("handler", 1.0), ("handler", 1.0)]
    assert parts[0].pieces == ((1.5, 2),)


def test_small_parts_are_apart_but_for_the_handler() -> None:
    spans = [Span("Timeout", 0, 10), Span("Retry", 0.01, 10), Span("handler", 0.01, 0.02)]
    shown, small = own_parts(spans, 0.1)
    assert [one.name for one in shown] == ["Retry", "handler"]
    assert [one.name for one in small] == ["Timeout"]


def test_span_is_inside_one_that_ends_when_it_does() -> None:
    parts, _ = own_parts([Span("a", 0, 1), Span("b", 1, 1), Span("c", 1, 2)])
    assert {one.name: one.seconds for one in parts} == {"a": 1, "b": 0, "c": 1}
