"""The pipeline's errors: kin of the standard library's and slixmpp's, and what a peer sees of them."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from slixmpp import JID, ComponentXMPP, Iq
from slixmpp.exceptions import IqError, IqTimeout, XMPPError
from slixmpp.xmlstream import ET

from slixmpp_pipeline import Call, CallAborted, CallRefused, CallTimeout, PipelineError

CALL = Call("xep_0054", "get_vcard", JID("romeo@montague.example/orchard"), "home", None, {"secret": "42"})
REFUSED = (
    "has to wait, and the client's loop runs in another thread; make the call there, with loop.call_soon_threadsafe()"
)
ERRORS: list[PipelineError] = [PipelineError(CALL), CallTimeout(CALL, 0.5), CallAborted(CALL), CallRefused(CALL)]
each_error = pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)


@each_error
def test_error_is_slixmpps_and_the_pipelines(error: PipelineError) -> None:
    assert isinstance(error, PipelineError)
    assert isinstance(error, XMPPError)
    assert not isinstance(error, IqError | IqTimeout)  # slixmpp answers these in ways of its own


@pytest.mark.parametrize(
    ("kind", "kin"),
    [(CallTimeout, TimeoutError), (CallTimeout, OSError), (CallAborted, RuntimeError), (CallRefused, RuntimeError)],
)
def test_error_is_the_standard_librarys_kin(kind: type[PipelineError], kin: type[Exception]) -> None:
    assert issubclass(kind, kin)


def test_aborted_and_refused_calls_are_no_timeouts() -> None:
    assert not issubclass(CallAborted, OSError)
    assert not issubclass(CallRefused, OSError)


@pytest.mark.parametrize(
    ("error", "condition", "etype"),
    [
        (PipelineError(CALL), "internal-server-error", "cancel"),
        (CallTimeout(CALL, 5), "remote-server-timeout", "wait"),
        (CallAborted(CALL), "internal-server-error", "cancel"),
        (CallRefused(CALL), "internal-server-error", "cancel"),
    ],
)
def test_error_has_the_condition_that_a_peer_should_see(error: PipelineError, condition: str, etype: str) -> None:
    assert (error.condition, error.etype) == (condition, etype)


@each_error
def test_error_tells_a_peer_nothing_more(error: PipelineError) -> None:
    assert error.text == ""
    assert error.extension is None
    assert error.by is None


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (PipelineError(CALL), "xep_0054 get_vcard failed"),
        (CallTimeout(CALL, 0.5), "xep_0054 get_vcard did not end within 0.5 s"),
        (CallTimeout(CALL, 60), "xep_0054 get_vcard did not end within 60 s"),
        (CallAborted(CALL), "xep_0054 get_vcard ended in a CancelledError that nobody asked for"),
        (CallRefused(CALL), f"xep_0054 get_vcard {REFUSED}"),
    ],
)
def test_text_for_people_says_what_happened(error: PipelineError, text: str) -> None:
    assert str(error) == text
    assert repr(error) == f"{type(error).__name__}({text!r})"


@each_error
def test_text_for_people_has_no_jid_and_no_arguments(error: PipelineError) -> None:
    shown = str(error) + repr(error)

    assert "romeo" not in shown
    assert "42" not in shown


def test_error_carries_the_call_and_the_limit() -> None:
    error = CallTimeout(CALL, 0.5)

    assert error.call is CALL
    assert error.seconds == 0.5


def test_timeout_has_no_errno() -> None:
    error = CallTimeout(CALL, 0.5)

    assert (error.errno, error.strerror) == (None, None)


# Copies


def pickled(error: PipelineError) -> Any:
    return pickle.loads(pickle.dumps(error))


@each_error
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled])
def test_copy_says_the_same(error: PipelineError, copied: Any) -> None:
    other = copied(error)

    assert type(other) is type(error)
    assert other is not error
    assert (str(other), other.condition, other.etype, other.text) == (str(error), error.condition, error.etype, "")
    assert {**other.__dict__, "call": None} == {**error.__dict__, "call": None}


def test_copy_has_the_very_call() -> None:
    assert copy.copy(CallTimeout(CALL, 0.5)).call is CALL


def test_copy_is_changed_without_changing_the_error() -> None:
    error = CallTimeout(CALL, 0.5)

    copy.copy(error).seconds = 7

    assert error.seconds == 0.5


def test_copy_keeps_what_was_added() -> None:
    error = CallTimeout(CALL, 0.5)
    error.add_note("third attempt")

    assert copy.copy(error).__notes__ == pickled(error).__notes__ == ["third attempt"]


def test_pickled_error_carries_the_call_without_arguments() -> None:
    other = pickled(CallTimeout(CALL, 0.5))

    assert other.call == CALL._replace(args=None)
    assert type(other.call) is Call


@pytest.mark.parametrize("copied", [copy.deepcopy, pickled])
def test_error_of_a_call_that_does_not_pickle_does(copied: Any) -> None:
    stubborn = Call("any", "op", JID("romeo@montague.example"), "", None, (number for number in [1]))
    stubborn.notes["lock"] = lambda: None

    other = copied(CallAborted(stubborn))

    assert other.call.name == "any op"


def test_error_of_ones_own_copies_too() -> None:
    other = pickled(Overflow(CALL, 3))

    assert (str(other), other.limit, other.condition) == ("over 3", 3, "resource-constraint")


class Overflow(PipelineError, ValueError):
    """What a layer of one's own may raise."""

    peer_condition = "resource-constraint"
    peer_type = "wait"

    def __init__(self, call: Call, limit: int) -> None:
        super().__init__(call)
        self.limit = limit

    def __str__(self) -> str:
        return f"over {self.limit}"


# What becomes of one that nobody handles


class Stream(ComponentXMPP):
    """A component that keeps what it sends."""

    def __init__(self) -> None:
        super().__init__("capulet.example", "secret")  # type: ignore[no-untyped-call]  # slixmpp's own
        self.sent: list[ET.Element] = []

    def send(self, data: Any, use_filters: bool = True) -> None:
        """Keep a stanza."""
        self.sent.append(data.xml)


@pytest.mark.parametrize(
    ("error", "condition", "etype"),
    [
        (CallTimeout(CALL, 5), "remote-server-timeout", "wait"),
        (CallAborted(CALL), "internal-server-error", "cancel"),
        (CallRefused(CALL), "internal-server-error", "cancel"),
    ],
)
async def test_unhandled_error_becomes_the_right_stanza(error: PipelineError, condition: str, etype: str) -> None:
    stream = Stream()
    query = ET.fromstring(
        '<iq xmlns="jabber:component:accept" type="get" id="7" from="romeo@montague.example/orchard" '
        'to="capulet.example"><vCard xmlns="vcard-temp"/></iq>'
    )
    iq = Iq(stream, query)

    iq.exception(error)

    (answer,) = (Iq(stream, sent) for sent in stream.sent)
    assert (answer["type"], answer["id"], answer["to"]) == ("error", "7", "romeo@montague.example/orchard")
    assert (answer["error"]["condition"], answer["error"]["type"]) == (condition, etype)
    assert answer["error"]["text"] == ""
    assert answer.xml.findall(".//{urn:ietf:params:xml:ns:xmpp-stanzas}text") == []
