"""The call: immutable, replaced, with one dict of notes for each `run()`."""

from __future__ import annotations

import copy
import pickle
import time
from contextlib import nullcontext
from typing import Any

import pytest
from slixmpp import JID

from slixmpp_pipeline import Call, CallNext, Event, Tier, install
from slixmpp_pipeline.call import defer, is_deferred
from slixmpp_pipeline.testing import FakeClient, Recorder

ROMEO = JID("romeo@montague.example/orchard")
NURSE = JID("nurse@capulet.example")


@pytest.fixture
def call() -> Call:
    return Call("xep_0054", "get_vcard", ROMEO, "home", NURSE, {"secret": "42"})


def run_one(**given: Any) -> Call:
    """The call that a layer sees for a `run()` with a global handler."""
    recorder = Recorder()
    api = install(FakeClient(), recorder)
    api.register(lambda jid, node, ifrom, args: None, "any", "op")
    api.run("any", "op", **given)
    return recorder.calls[0]


def test_call_has_what_run_was_given() -> None:
    args = object()

    call = run_one(jid=ROMEO.full, node="news", ifrom=NURSE, args=args)

    assert (call.ctype, call.op, call.jid, call.node, call.ifrom) == ("any", "op", ROMEO, "news", NURSE)
    assert call.args is args


def test_call_without_jid_and_node_has_the_clients_own_and_the_empty_node() -> None:
    call = run_one()

    assert (call.jid, call.node, call.ifrom, call.args) == (JID("juliet@capulet.example/balcony"), "", None, None)


def test_name_is_ctype_and_op(call: Call) -> None:
    assert call.name == "xep_0054 get_vcard"


def test_tier_is_that_of_the_handler_found_for_the_call_as_given() -> None:
    call = run_one(jid=ROMEO)

    assert (call.tier, call.replace(jid=NURSE).tier) == (Tier.GLOBAL, Tier.GLOBAL)


def test_tier_is_none_without_a_handler(call: Call) -> None:
    assert call.tier is Tier.NONE


# replace


@pytest.mark.parametrize(
    ("field", "value"),
    [("jid", NURSE), ("node", "work"), ("ifrom", None), ("ifrom", ROMEO), ("args", None), ("args", [1])],
)
def test_replace_changes_one_field_and_no_other(call: Call, field: str, value: object) -> None:
    other = call.replace(**{field: value})

    expected = {**call._asdict(), field: value}
    assert other._asdict() == expected
    assert type(other) is Call


def test_replace_leaves_the_call_as_it_was(call: Call) -> None:
    before = call._asdict()

    call.replace(jid=NURSE, node="work", ifrom=None, args=None)

    assert call._asdict() == before


def test_replace_takes_a_jid_as_text(call: Call) -> None:
    assert call.replace(jid="Nurse@Capulet.example").jid == NURSE


def test_replace_copies_the_jid(call: Call) -> None:
    jid = JID(NURSE)
    other = call.replace(jid=jid)

    jid.resource = "kitchen"

    assert other.jid == NURSE


def test_replace_takes_no_node_for_the_empty_one(call: Call) -> None:
    assert call.replace(node=None).node == ""


@pytest.mark.parametrize("field", ["ctype", "op", "found", "notes", "colour"])
def test_replace_refuses_other_fields_and_names_those_it_takes(call: Call, field: str) -> None:
    with pytest.raises(TypeError, match=rf"cannot change {field}; it changes args, ifrom, jid, node"):
        call.replace(**{field: "other"})


def test_replace_refuses_a_malformed_jid_and_names_the_argument(call: Call) -> None:
    with pytest.raises(ValueError, match=r"jid: 'romeo@' is not a JID"):
        call.replace(jid="romeo@")


@pytest.mark.parametrize("jid", [None, 7])
def test_replace_refuses_a_jid_of_another_type(call: Call, jid: object) -> None:
    with pytest.raises(TypeError, match=r"^jid: "):
        call.replace(jid=jid)


# notes


def test_notes_start_empty() -> None:
    assert (run_one().notes, Call("any", "op", ROMEO, "", None, None).notes) == ({}, {})


def test_notes_are_shared_by_replacements_made_before_and_after_writing(call: Call) -> None:
    before = call.replace(node="before")
    call.notes["cache"] = "hit"
    after = before.replace(node="after")
    after.notes["attempts"] = 3

    expected = {"cache": "hit", "attempts": 3}
    assert [one.notes for one in (call, before, after)] == [expected] * 3


def test_notes_written_by_a_replacement_are_seen_by_the_call(call: Call) -> None:
    call.replace(node="other").notes["attempts"] = 3

    assert call.notes == {"attempts": 3}


def test_notes_are_not_shared_by_equal_calls(call: Call) -> None:
    other = Call(*call)
    call.notes["cache"] = "hit"

    assert other == call
    assert other.notes == {}


def test_notes_are_one_dict_for_each_run() -> None:
    recorder = Recorder()
    api = install(FakeClient(), recorder)
    for _ in range(2):
        api.run("any", "op")

    first, second = recorder.calls
    first.notes["cache"] = "hit"

    assert second.notes == {}


# events


def test_event_is_recorded_once_somebody_has_asked(call: Call) -> None:
    call.report(Event("early"))
    assert not call.is_observed

    events = call.events
    before = time.time_ns()
    call.replace(node="other").report(Event("late", {"attempt": 2}))

    assert call.is_observed
    assert [event for event, _ in events] == [Event("late", {"attempt": 2})]
    assert before <= events[0][1] <= time.time_ns()
    assert call.events is events


@pytest.mark.parametrize("bypassed", [False, True])
def test_events_of_a_chain_with_a_layer_that_reads_them_are_recorded(bypassed: bool) -> None:
    class Reading:
        reads_events = True

        async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
            assert call.is_observed
            answer = await call_next(call)
            seen.extend(event.what for event, _ in call.events)
            return answer

    async def reporting(call: Call, call_next: CallNext, /) -> Any:
        call.report(Event("before"))
        call.replace(node="other").replace(node="another").report(Event("after"))
        return await call_next(call)

    seen: list[str] = []
    recorder = Recorder()
    api = install(FakeClient(), Reading(), reporting)
    api.use(recorder, ctype="other")
    with api.bypass(recorder) if bypassed else nullcontext():
        assert api.run("any", "op").done()
    assert seen == ["before", "after"]


def test_events_are_of_one_run() -> None:
    recorder = Recorder()

    async def reporting(call: Call, call_next: CallNext, /) -> Any:
        call.report(Event("mine", {"number": len(recorder.calls)}))
        return await call_next(call)

    api = install(FakeClient(), recorder, reporting)
    assert [api.run("any", "op").done() for _ in range(2)] == [True, True]
    assert [[event.fields["number"] for event, _ in call.events] for call in recorder.calls] == [[1], [2]]


def test_deferring_a_replacement_defers_the_call(call: Call) -> None:
    defer(call.replace(node="other"))

    assert is_deferred(call)
    assert not is_deferred(Call(*call))


# An immutable record


@pytest.mark.parametrize("field", ["jid", "ctype", "notes", "colour"])
def test_setting_a_field_is_refused_and_says_what_to_do(call: Call, field: str) -> None:
    with pytest.raises(AttributeError, match=rf"call\.replace\({field}="):
        setattr(call, field, "other")


def test_repr_has_everything_but_the_arguments(call: Call) -> None:
    expected = (
        "Call(xep_0054 get_vcard, jid='romeo@montague.example/orchard', node='home', "
        "ifrom='nurse@capulet.example', args: dict)"
    )

    assert repr(call) == str(call) == expected


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda call: pickle.loads(pickle.dumps(call))])
def test_copies_are_equal_and_keep_the_notes(call: Call, copied: Any) -> None:
    call.notes["cache"] = "hit"

    other = copied(call)

    assert (other, other.notes, type(other)) == (call, call.notes, Call)
