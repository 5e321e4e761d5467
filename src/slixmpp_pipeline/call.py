"""A call is one `run()`, as layers pass it on, with what the resolver found for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from slixmpp import JID

from slixmpp_pipeline.handlers.found import Found, Tier
from slixmpp_pipeline.jids import parse_jid

if TYPE_CHECKING:
    from collections.abc import Iterable

_REPLACEABLE = frozenset({"jid", "node", "ifrom", "args"})


class Reached(NamedTuple):
    """What reached the handler.

    `jid` is the full JID as a string, `node` the node. `ifrom` is the full JID of who asks as a string, or what was
    given if that is no JID, None included; `args` are the arguments, the object itself.

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

    `jid` is what the handler gets (the registry's settings applied, never None) and `node` is `''` for None. `found`
    is what the resolver found for the call as it was given; None where nothing is registered. `ifrom` is who asks, as
    the caller gave it: None for the program itself, and not every plugin passes it.

    >>> from slixmpp import JID
    >>> call = Call("xep_0054", "get_vcard", JID("romeo@montague.example"), "", None, None)
    >>> call.replace(node="home").node
    'home'
    """

    is_bypassing: ClassVar[bool] = False

    # No __slots__: the instance dict, made when first needed and shared by replacements, holds what changes.
    @property
    def name(self) -> str:
        """The ctype and the op, as tasks and spans are named."""
        return f"{self.ctype} {self.op}"

    @property
    def tier(self) -> Tier:
        """How specific the handler found for the call as given is."""
        return self.found.tier if self.found is not None else Tier.NONE

    @property
    def notes(self) -> dict[str, Any]:
        """What layers have to say of this `api.run()`: one dict, shared by replacements, made when first asked for.

        It starts with the tier.
        """
        own = self.__dict__
        if "notes" not in own:
            found = self.found
            own["notes"] = {"tier": found.tier._value_ if found is not None else "none"}  # str() costs more
        return own["notes"]  # type: ignore[no-any-return]  # an instance's dict holds anything

    def replace(self, **changes: Any) -> Call:
        """Return this call with another `jid`, `node`, `ifrom` or `args`; the notes are shared.

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
        """What has reached the handler in this `api.run()`, each time that something did, layers and retries included.

        Only where a layer of role `"cache"` is on the route: it must not keep an answer to another question.
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
    """A call as `run()` made it; what `replace()` makes of it is a `Call`. That is cheap to ask."""

    @classmethod
    def _make(cls, iterable: Iterable[Any]) -> Call:  # type: ignore[override]  # what `_replace` goes by
        return Call._make(iterable)


class Bypassing(Call):
    """A call that leaves layers out, and what layers make of it."""

    is_bypassing: ClassVar[bool] = True


def defer(call: Call) -> None:
    """Remember, for `run()`, that a plain function answered `call` with an awaitable: errors go through the future."""
    call.__dict__["is_deferred"] = True


def is_deferred(call: Call) -> bool:
    """Whether a plain function answered `call`, or what a layer made of it, with an awaitable."""
    return "is_deferred" in call.__dict__


def note_reached(call: Call) -> None:
    """Remember that `call` reaches the handler: the JIDs as they are now, since they may be changed."""
    ifrom = call.ifrom.full if isinstance(call.ifrom, JID) else call.ifrom
    call.reached.append(Reached(call.jid.full, call.node, ifrom, call.args))
