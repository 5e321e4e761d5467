"""What is a call? One `api.run()`, as layers pass it on."""

from __future__ import annotations

from time import time_ns
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from slixmpp import JID

from slixmpp_pipeline.handlers.found import Found, Tier
from slixmpp_pipeline.jids import parse_jid

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slixmpp_pipeline.events import Event

_REPLACEABLE = frozenset({"jid", "node", "ifrom", "args"})


class Reached(NamedTuple):
    """A call that reached the handler.

    `jid` is the full JID as a string, `node` the node. `ifrom` is the full JID of the requester as a string; None, or
    whatever was given, if that is no JID. `args` is the very object that was given.

    >>> from slixmpp_pipeline import install
    >>> from slixmpp_pipeline.testing import FakeClient
    >>> class Watch:
    ...     role = "cache"
    ...     async def __call__(self, call, call_next):
    ...         answer = await call_next(call)
    ...         print(call.reached)
    ...         return answer
    >>> api = install(FakeClient("juliet@capulet.example"), Watch())
    >>> future = api.run("weather", "get", node="Verona")
    [Reached(jid='juliet@capulet.example', node='Verona', ifrom=None, args=None)]
    """

    jid: str
    node: str
    ifrom: Any
    args: Any


class _Fields(NamedTuple):
    ctype: str
    op: str
    jid: JID
    node: str
    ifrom: JID | None
    args: Any
    found: Found | None = None


class Call(_Fields):
    """One `api.run()`: an immutable record.

    - `jid`: whose data, as the handler gets it: the registry's settings are applied, and it is never None.
    - `node`: the node, `''` for None.
    - `ifrom`: the requester, as the plugin gave it. None where it gave none: for the program itself, and for some
      stanzas of peers (docs/explanation/security.md has a table).
    - `args`: the arguments of the op.
    - `found`: the handler found for the call as it was given, None if nothing is registered.

    >>> from slixmpp import JID
    >>> call = Call("xep_0054", "get_vcard", JID("romeo@montague.example"), "", None, None)
    >>> call.replace(node="home").node
    'home'
    """

    is_bypassing: ClassVar[bool] = False

    # No __slots__: the instance dict, made when first needed, holds what changes. Replacements share it.
    @property
    def name(self) -> str:
        """The ctype and the op: the name of tasks and spans."""
        return f"{self.ctype} {self.op}"

    @property
    def tier(self) -> Tier:
        """How specific the handler is that was found for the call as it was given."""
        return self.found.tier if self.found is not None else Tier.NONE

    @property
    def answered_by(self) -> Found | None:
        """The handler that answered: `found`, unless a layer replaced the call, or handlers changed."""
        found: Found | None = self.__dict__.get("answered_by", self.found)
        return found

    @property
    def answered_tier(self) -> Tier:
        """How specific that handler is."""
        found = self.answered_by
        return found.tier if found is not None else Tier.NONE

    @property
    def notes(self) -> dict[str, Any]:
        """Notes of the application's layers about this `api.run()`: one dict, made when first asked for.

        Replacements share it, and `Logging` prints it. What telemetry is to count or trace is reported as an event.
        """
        notes: dict[str, Any] = self.__dict__.setdefault("notes", {})
        return notes

    @property
    def events(self) -> list[tuple[Event, int]]:
        """The events that layers have reported since this was first asked for, in this `api.run()`.

        Each comes with its time, in nanoseconds since 1970. A layer that reads events asks for them before it calls
        `call_next`. Nothing is recorded if no layer asks.

        >>> from slixmpp_pipeline import Event, install
        >>> from slixmpp_pipeline.testing import FakeClient
        >>> async def watch(call, call_next):
        ...     events = call.events
        ...     answer = await call_next(call)
        ...     print([event for event, _ in events])
        ...     return answer
        >>> async def breaker(call, call_next):
        ...     call.report(Event("breaker", {"state": "closed"}))
        ...     return await call_next(call)
        >>> future = install(FakeClient(), watch, breaker).run("weather", "get")
        [Event(what='breaker', fields={'state': 'closed'})]
        """
        own = self.__dict__
        if "events" not in own:
            own["events"] = []
        return own["events"]  # type: ignore[no-any-return]  # an instance's dict holds anything

    @property
    def is_observed(self) -> bool:
        """Whether a layer reads the events of this `api.run()`; asked where it would cost something to make one."""
        return "events" in self.__dict__

    def report(self, event: Event) -> None:
        """Report an event to the layers that read `events`; without any, nothing is recorded."""
        if "events" in self.__dict__:
            self.__dict__["events"].append((event, time_ns()))

    def replace(self, **changes: Any) -> Call:
        """Return this call with another `jid`, `node`, `ifrom` or `args`; notes and events are shared.

        `jid` is a JID or a string; `node` None means `''`. TypeError for any other field: a call never changes its
        ctype or op. ValueError for a malformed JID.
        """
        if wrong := changes.keys() - _REPLACEABLE:
            allowed = ", ".join(sorted(_REPLACEABLE))
            raise TypeError(f"replace() cannot change {', '.join(sorted(wrong))}; it changes {allowed}")
        if "jid" in changes:
            changes["jid"] = parse_jid(changes["jid"])
        if changes.get("node", "") is None:
            changes["node"] = ""
        other = self._replace(**changes)
        object.__setattr__(other, "__dict__", self.__dict__)
        return other

    @property
    def reached(self) -> list[Reached]:
        """The calls that reached the handler in this `api.run()`: a layer may replace a call, or make several of it.

        Kept only where a layer of role `"cache"` is on the route: it must not store the answer to another question.
        """
        reached: list[Reached] = self.__dict__.setdefault("reached", [])
        return reached

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a call is immutable; use call.replace({name}=...)")

    def __repr__(self) -> str:
        """Everything but the arguments, which may be private, or a large stanza."""
        return (
            f"Call({self.ctype} {self.op}, jid={str(self.jid)!r}, node={self.node!r}, "
            f"ifrom={self.ifrom and str(self.ifrom)!r}, args: {type(self.args).__name__})"
        )


class Given(Call):
    """A call as `run()` made it. `replace()` returns a `Call`, so the class tells whether a layer replaced the call."""

    @classmethod
    def _make(cls, iterable: Iterable[Any]) -> Call:  # type: ignore[override]  # `_replace` uses it
        return Call._make(iterable)


class Observed(Call):
    """A call on a chain with a layer that always reads events, and the replacements of it.

    That the class tells so costs nothing: to ask for `events` at each call takes 2,000 instructions, a tenth of a call.
    """

    @property
    def is_observed(self) -> bool:
        """Whether a layer reads the events: always."""
        return True

    def report(self, event: Event) -> None:
        """Report an event."""
        self.__dict__.setdefault("events", []).append((event, time_ns()))


class ObservedGiven(Observed):
    """An observed call as `run()` made it; `replace()` returns an `Observed`."""

    @classmethod
    def _make(cls, iterable: Iterable[Any]) -> Call:  # type: ignore[override]  # `_replace` uses it
        return Observed._make(iterable)


class Bypassing(Observed):
    """A call that bypasses layers, and the replacements of it. There are few, so their events are always recorded."""

    is_bypassing: ClassVar[bool] = True


def defer(call: Call) -> None:
    """Remember, for `run()`, that a plain function returned an awaitable: errors come through the future."""
    call.__dict__["is_deferred"] = True


def is_deferred(call: Call) -> bool:
    """Whether a plain function answered `call`, or a replacement of it, with an awaitable."""
    return "is_deferred" in call.__dict__


def note_answered_by(call: Call, found: Found | None) -> None:
    """Remember the handler that answers instead of `call.found`."""
    call.__dict__["answered_by"] = found


def note_reached(call: Call) -> None:
    """Remember that `call` reaches the handler, with the text of its JIDs, which are mutable."""
    ifrom = call.ifrom.full if isinstance(call.ifrom, JID) else call.ifrom
    call.reached.append(Reached(call.jid.full, call.node, ifrom, call.args))
