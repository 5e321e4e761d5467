"""Keys that change or lie, copies that lose something, and errors that may pass."""

from __future__ import annotations

import asyncio
import enum
import errno
import socket
import sqlite3
import ssl
from collections import Counter, OrderedDict, UserDict, UserList, defaultdict, deque
from collections.abc import Callable, MutableSet
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from email.message import Message as Headers
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError

import pytest
from slixmpp import JID, Iq, Message
from slixmpp.exceptions import IqError, IqTimeout, XMPPError
from slixmpp.xmlstream import ElementBase, register_stanza_plugin

from slixmpp_middleware import Caching, Retry, may_pass
from slixmpp_middleware.retry.originals import NotRepeatable, original
from slixmpp_middleware.stanzas import copied_stanza
from slixmpp_pipeline import Entry, frozen, install, is_unchanging
from slixmpp_pipeline.catalogue import Key, Resource, bare_jid, full_jid
from slixmpp_pipeline.testing import FakeClient

DATA = Resource("weather", "data")


class Unhashable(enum.Enum):
    """Members that are equal by value, and have no hash."""

    ONE = 1
    TWO = 2

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = None  # type: ignore[assignment]


class Zone(tzinfo):
    """A time zone without a hash."""

    __hash__ = None  # type: ignore[assignment]

    def utcoffset(self, _when: datetime | None) -> timedelta:
        return timedelta(0)

    dst = utcoffset

    def tzname(self, _when: datetime | None) -> str:
        return "zone"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Zone)


NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
APART = [
    (0.0, -0.0),
    (True, 1),
    (1, 1.0),
    (complex(0, 0.0), complex(0, -0.0)),
    (NOON, NOON.astimezone(timezone(timedelta(hours=1)))),
    (NOON.replace(fold=0), NOON.replace(fold=1)),
    (time(12, tzinfo=UTC), time(12, tzinfo=timezone(timedelta(0), "other"))),
    (Unhashable.ONE, Unhashable.TWO),
    (Zone(), Zone()),
    (JID("a@b"), "a@b"),
    (("a", "b"), "ab"),
    (frozenset({"a"}), ("a",)),
]


@pytest.mark.parametrize(("one", "other"), APART)
def test_what_is_not_the_same_has_another_key(one: Any, other: Any) -> None:
    assert frozen(one) == frozen(one)
    assert hash(frozen((one,))) == hash(frozen((one,)))
    assert frozen(one) != frozen(other)
    assert frozen(one) != 5


@pytest.mark.parametrize("value", [[], {}, object(), bytearray(), ("a", [])])
def test_what_may_change_has_no_key(value: Any) -> None:
    with pytest.raises(TypeError, match="may change"):
        frozen(value)


def test_nan_is_one_key() -> None:
    assert frozen(float("nan")) == frozen(float("nan"))


def test_value_of_a_class_without_a_hash_may_change() -> None:
    class Meta(type):
        __hash__ = None  # type: ignore[assignment]

    class Odd(metaclass=Meta):
        """A value whose class cannot be looked up."""

    assert is_unchanging(Odd()) is False


@pytest.mark.parametrize("key", [lambda call: (call.jid, call.node), lambda call: frozenset({(call.jid,)})])
async def test_handler_that_changes_its_jid_changes_no_key(key: Key) -> None:
    data = {"n": "old"}

    async def put(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        await asyncio.sleep(0)
        jid.resource = "changed"
        data["n"] = args

    api = install(FakeClient(), Caching(60))
    api.declare("weather", "get", Entry(reads=((DATA, key),), cacheable=True))
    api.declare("weather", "set", Entry(writes=((DATA, key),)))
    api.register(lambda jid, node, ifrom, args: data[node], "weather", "get")
    api.register(put, "weather", "set")
    assert api.run("weather", "get", "a@b/r", "n").result() == "old"
    await api.run("weather", "set", "a@b/r", "n", None, "new")
    assert api.run("weather", "get", "a@b/r", "n").result() == "new"


@pytest.mark.parametrize("what", ["jid", "node", "key"])
async def test_answer_whose_key_changed_meanwhile_is_not_stored(what: str) -> None:
    asked, tenant = 0, "a"

    async def get(jid: JID, node: Any, ifrom: JID | None, args: Any) -> int:
        nonlocal asked, tenant
        asked += 1
        if what == "jid":
            jid.resource = "changed"
        elif what == "node":
            node.resource = "changed"
        else:
            tenant = "b"
        return asked

    api = install(FakeClient(), Caching(60, key=(lambda _call: tenant) if what == "key" else None))
    api.declare("weather", "get", Entry(reads=((DATA, full_jid),), cacheable=True))
    api.register(get, "weather", "get")
    for expected in (1, 2):
        tenant = "a"
        node: Any = JID("n@b/r") if what == "node" else "n"
        assert await api.run("weather", "get", "a@b/r", node) == expected


class Once(ElementBase):
    """A stanza that cannot be made of its XML."""

    name, namespace, plugin_attrib = "once", "urn:x", "once"

    def __init__(self, **given: Any) -> None:
        if given:
            raise LookupError("only once")
        super().__init__()


class Child(ElementBase):
    """A stanza that no other knows."""

    name, namespace, plugin_attrib = "child", "urn:x", "child"


class Known(ElementBase):
    """A stanza that `Parent` knows."""

    name, namespace, plugin_attrib = "known", "urn:x", "known"


class Parent(ElementBase):
    """A stanza with others inside."""

    name, namespace, plugin_attrib = "parent", "urn:x", "parent"


class KnownBetter(Known):
    """One of a class that is made of the same XML."""


register_stanza_plugin(Parent, Known)


def with_iterable() -> Parent:
    parent = Parent()
    parent.append(Child())
    return parent


def with_plugin_of_another_class() -> Parent:
    parent = Parent()
    parent.enable("known")
    parent.plugins["known", ""] = KnownBetter(xml=parent.plugins["known", ""].xml, parent=parent)
    return parent


def with_attribute() -> UserDict[str, int]:
    collection = UserDict({"a": 1})
    collection.more = []  # type: ignore[attr-defined]  # as an application may do
    return collection


@pytest.mark.parametrize("make", [Once, with_iterable, with_plugin_of_another_class, with_attribute])
async def test_what_a_second_attempt_would_not_get_as_it_was_is_not_repeated(make: Callable[[], Any]) -> None:
    attempts = 0

    def put(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        nonlocal attempts
        attempts += 1
        raise ConnectionError

    api = install(FakeClient(), Retry(3))
    api.register(put, "xep_0054", "set_vcard")
    with pytest.raises(ConnectionError):
        await api.run("xep_0054", "set_vcard", args=make())
    assert attempts == 1


async def test_stanza_with_one_inside_is_repeated_as_it_was() -> None:
    seen: list[str] = []

    async def put(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
        seen.append(str(args))
        args.xml.clear()
        if len(seen) == 1:
            raise ConnectionError

    async def no_sleep(_seconds: float) -> None: ...

    parent = Parent()
    parent.enable("known")
    api = install(FakeClient(), Retry(3, sleep=no_sleep))
    api.register(put, "xep_0054", "set_vcard")
    await api.run("xep_0054", "set_vcard", args=parent)
    assert seen == ['<parent xmlns="urn:x"><known /></parent>'] * 2


class Card(ElementBase):
    """A stanza whose class has an attribute beside its XML."""

    name, namespace, plugin_attrib, interfaces = "card", "urn:x", "card", {"FN"}
    sub_interfaces = interfaces
    more: Any

    def setup(self, xml: Any = None) -> bool:
        self.more = None
        return ElementBase.setup(self, xml)


def card(more: Any) -> Card:
    made = Card()
    made["FN"] = "Romeo"
    made.more = more
    return made


def test_copy_of_a_stanza_has_what_is_not_in_its_xml() -> None:
    copied = copied_stanza(card(b"a photo"))
    assert isinstance(copied, Card)
    assert (copied["FN"], copied.more) == ("Romeo", b"a photo")


def within(how: str, stanza: Any) -> Any:
    outer = Message()
    if how == "as an iterable":
        outer.append(stanza)
    elif how == "as an empty plugin":
        outer.plugins["card", None] = stanza
    else:
        return stanza
    return outer


@pytest.mark.parametrize("how", ["itself", "as an iterable", "as an empty plugin"])
def test_stanza_is_not_copied_if_the_copy_would_lose_what_changes(how: str) -> None:
    with pytest.raises(TypeError, match="more"):
        copied_stanza(within(how, card(["a list"])))


def test_message_is_copied_with_what_is_inside_and_draws_no_id_from_its_stream() -> None:
    class Stream:
        default_ns = stream_ns = "jabber:client"
        default_lang = None
        use_message_ids = True

        def new_id(self) -> str:
            raise AssertionError

    message = Message()
    message["body"] = "wherefore"
    message["delay"]
    vars(message)["stream"] = Stream()
    assert (copied_stanza(message)["body"], copied_stanza(message)["id"]) == ("wherefore", "")


class Pair(NamedTuple):
    """A tuple with names."""

    one: Any
    other: Any


class Tagged(dict[str, Any]):
    """A dict with an attribute."""

    tag: Any = None


COLLECTIONS: list[Callable[[Any], Any]] = [
    lambda item: {"a": item},
    lambda item: OrderedDict(a=item),
    lambda item: defaultdict(list, a=item),
    lambda item: deque([item], maxlen=3),
    lambda item: UserDict(a=item),
    lambda item: UserList([item]),
    lambda item: Pair("x", item),
    lambda item: (1, item),
    lambda item: Tagged(a=item),
]


@pytest.mark.parametrize("make", COLLECTIONS)
def test_items_of_a_collection_are_copied_and_it_stays_what_it_is(make: Callable[[Any], Any]) -> None:
    item = ["given"]
    given = make(item)
    kept = original(given)
    item.append("changed")
    assert type(kept) is type(given)
    assert kept == make(["given"])


@pytest.mark.parametrize(
    "given", [{"a"}, frozenset({"a"}), bytearray(b"a"), Counter("aab"), (1, "a"), frozenset({JID("a@b")})]
)
def test_other_collections_are_copied(given: Any) -> None:
    assert original(given) == given
    assert type(original(given)) is type(given)


def test_object_that_is_no_collection_is_given_as_it_is() -> None:
    given = object()
    assert original(given) is given


def tagged() -> Tagged:
    made = Tagged()
    made.tag = ["a list"]
    return made


class Triple(tuple[Any, ...]):
    """A tuple of another kind."""

    __slots__ = ()


async def nothing() -> None: ...


@pytest.mark.parametrize("make", [tagged, lambda: Triple([["a list"]]), lambda: iter([]), lambda: card([])])
def test_what_cannot_be_given_twice_is_not_repeatable(make: Callable[[], Any]) -> None:
    with pytest.raises(NotRepeatable):
        original(make())


def test_coroutine_cannot_be_given_twice() -> None:
    coroutine = nothing()
    with pytest.raises(NotRepeatable, match="coroutine"):
        original(coroutine)
    coroutine.close()


def test_collection_that_only_looks_like_one_is_not_repeatable() -> None:
    class Bare(MutableSet[str]):
        __slots__ = ("items",)

        def __init__(self) -> None:
            self.items: set[str] = set()

        def __contains__(self, item: object) -> bool:
            return item in self.items

        def __iter__(self) -> Any:
            return iter(self.items)

        def __len__(self) -> int:
            return len(self.items)

        def add(self, value: str) -> None:
            self.items.add(value)

        def discard(self, value: str) -> None:
            self.items.discard(value)

    with pytest.raises(NotRepeatable, match="share"):
        original(Bare())


def test_iq_is_the_request_and_is_not_copied() -> None:
    iq = Iq()
    assert original(iq) is iq
    assert original({"iq": iq})["iq"] is iq


async def test_second_attempt_has_the_requester_as_it_was() -> None:
    seen: list[Any] = []

    async def get(jid: JID, node: str, ifrom: Any, args: Any) -> str:
        seen.append(ifrom.full)
        ifrom.resource = "changed"
        if len(seen) == 1:
            raise ConnectionError
        return "answer"

    async def no_sleep(_seconds: float) -> None: ...

    api = install(FakeClient(), Retry(2, sleep=no_sleep))
    api.declare("weather", "get", Entry(reads=((DATA, bare_jid),), repeatable=True))
    api.register(get, "weather", "get")
    assert await api.run("weather", "get", ifrom=JID("juliet@capulet.example/b")) == "answer"
    assert seen == ["juliet@capulet.example/b"] * 2


def sqlite(code: int) -> Exception:
    error = sqlite3.OperationalError("sqlite")
    error.sqlite_errorcode = code
    return error


def named(name: str, module: str = "driver", **attributes: Any) -> Exception:
    error: Exception = type(name, (Exception,), {"__module__": module})()
    vars(error).update(attributes)
    return error


def of_itself() -> Exception:
    error = named("DBAPIError", "sqlalchemy.exc")
    vars(error)["orig"] = error
    return error


def os_error(name: str, **attributes: Any) -> Exception:
    error: Exception = type(name, (OSError,), {"__module__": "requests.exceptions"})()
    vars(error).update(attributes)
    return error


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (sqlite(5), True),
        (sqlite(5 | 2 << 8), True),
        (sqlite(1), False),
        (sqlite(19), False),
        (named("DeadlockDetected", sqlstate="40P01"), True),
        (named("LockNotAvailable", sqlstate="55P03"), True),
        (named("ObjectInUse", sqlstate="55006"), False),
        (named("UndefinedTable", sqlstate="42P01"), False),
        (named("ConnectionDoesNotExist", sqlstate="08003"), True),
        (named("OperationalError", sqlstate=None), True),
        (named("DataError", sqlstate=None), False),
        (named("OperationalError"), False),
        (named("InterfaceError", sqlstate="08000"), False),
        (named("ConnectionError", "redis.exceptions"), True),
        (named("BusyLoadingError", "redis.exceptions"), True),
        (named("AuthenticationError", "redis.exceptions"), False),
        (named("DBAPIError", "sqlalchemy.exc", orig=sqlite(6)), True),
        (named("DBAPIError", "sqlalchemy.exc", orig=sqlite(1)), False),
        (named("InterfaceError", "sqlalchemy.exc", orig=sqlite(5)), False),
        (ConnectionResetError(), True),
        (TimeoutError(), True),
        (FileNotFoundError(errno.ENOENT, "no such card"), False),
        (OSError(errno.ENAMETOOLONG, "a JID of 300 characters"), False),
        (IsADirectoryError(), False),
        (PermissionError(), False),
        (OSError("who knows"), False),
        (OSError(errno.ENOSPC, "full"), True),
        (BlockingIOError(), True),
        (InterruptedError(), True),
        (HTTPError("https://example.org", 404, "not found", Headers(), None), False),
        (HTTPError("https://example.org", 503, "unavailable", Headers(), None), True),
        (URLError(ConnectionRefusedError()), True),
        (URLError("unknown url type"), False),
        (URLError(ssl.SSLCertVerificationError(1, "certificate verify failed")), False),
        (socket.gaierror(socket.EAI_NONAME, "name or service not known"), False),
        (socket.gaierror(socket.EAI_AGAIN, "temporary failure in name resolution"), True),
        (named("ConnectTimeout", "requests.exceptions"), True),
        (named("SSLError", "requests.exceptions"), False),
        (os_error("HTTPError", response=SimpleNamespace(status_code=404)), False),
        (os_error("HTTPError", response=SimpleNamespace(status_code=429)), True),
        (os_error("Odd", code=True), False),
        (type("Deadlock", (Exception,), {"sqlstate": "40P01"})(), True),  # the class says it, as psycopg's do
        (type("Asked", (Exception,), {"__getattr__": lambda _error, _name: "40P01"})(), True),
        (LookupError(), False),
        (named("Odd", reason="who knows"), False),
        (of_itself(), False),
        (SystemError(), False),
        (ValueError(), False),
        (XMPPError("resource-constraint", etype="wait"), True),
        (XMPPError("internal-server-error", etype="cancel"), False),
        (IqTimeout(Iq()), True),
        (IqError(Iq()), False),
    ],
)
def test_error_may_pass_by_what_says_so(error: Exception, passes: bool) -> None:
    assert may_pass(error) is passes


async def test_on_judges_alone() -> None:
    errors = [LookupError("once"), OSError("not on"), OSError("never")]

    async def get(jid: JID, node: str, ifrom: Any, args: Any) -> None:
        raise errors.pop(0)

    async def no_sleep(_seconds: float) -> None: ...

    api = install(FakeClient(), Retry(5, on=lambda error: isinstance(error, LookupError), sleep=no_sleep))
    api.declare("weather", "get", Entry(reads=((DATA, bare_jid),), repeatable=True))
    api.register(get, "weather", "get")
    with pytest.raises(OSError, match="not on"):
        await api.run("weather", "get")


@pytest.mark.parametrize(("on", "match"), [(OSError, "OSError is a class"), (5, "a function is allowed")])
def test_on_is_a_function(on: Any, match: str) -> None:
    with pytest.raises(TypeError, match=f"Retry: on: .*{match}"):
        Retry(on=on)


def test_expired_answers_go_when_the_next_one_comes_and_time_counts_from_the_question() -> None:
    now = [0.0]
    caching = Caching(60, negative_ttl=10, clock=lambda: now[0])
    api = install(FakeClient(), caching)
    api.declare("weather", "get", Entry(reads=((DATA, bare_jid),), cacheable=True))

    def get(jid: JID, node: str, ifrom: Any, args: Any) -> Any:
        now[0] += args or 0
        return None if jid.user == "none" else "rain"

    def ask(jid: str, takes: float = 0) -> int:
        assert api.run("weather", "get", jid, args=takes).done()
        return caching.statistics(api).entries

    api.register(get, "weather", "get")
    assert [ask("none@x", 0), ask("a@x"), ask("b@x", 5)] == [1, 2, 3]
    now[0] = 10
    assert ask("c@x") == 3  # without the None
    now[0] = 60
    assert ask("d@x") == 2  # a and b, both asked for at 0, have gone
    assert ask("late@x", 61) == 0  # old when it came, as all the others
