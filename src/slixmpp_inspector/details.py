"""What is there to see of one handler? What answers, through which layers, where its time went, its slowest calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from slixmpp_inspector.asking import Asking, NoAnswer
from slixmpp_inspector.parts import Part, main_parts
from slixmpp_inspector.recorded import OTHER, Profile, RecordedCall, Window
from slixmpp_inspector.rows import key_of
from slixmpp_pipeline import PipelineRegistry

if TYPE_CHECKING:
    from slixmpp_inspector.profiler import Profiler
    from slixmpp_inspector.rows import RowKey

_MAX_CALLS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowCall:
    """One of the slowest calls.

    `parts` are what each part took itself, and when, in the order in which they began; `others`, how many more layers
    there are, and `others_seconds`, what these took.
    """

    call: RecordedCall
    parts: Sequence[Part]
    others: int
    others_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """A handler of an op. `profile` is None if it was not called in the window; `explanation` is a `Told`."""

    profile: Profile | None
    explanation: Told
    slowest: Sequence[SlowCall]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the bot's loop told `age` seconds ago: `text` for people, and the same as `found`.

    `age` is None if it has told nothing, and then `text` says why.
    """

    text: str
    age: float | None
    found: Sequence[Mapping[str, Any]] = ()


_OTHERS: Final = Told(text="these are many handlers, each with layers of its own", age=None)


class Details:
    """Tells what is registered, and of one handler all that there is."""

    def __init__(self, api: PipelineRegistry, profiler: Profiler, asking: Asking) -> None:
        self._api = api
        self._profiler = profiler
        self._asking = asking

    async def of(self, key: RowKey, window: Window) -> Detail:
        """Return the detail of a row of the table."""
        found = [one for one in self._profiler.profiles(window) if key_of(one) == key]
        calls = [
            one for one in self._profiler.slowest("recent" if window == "minute" else "start") if key_of(one) == key
        ]
        return Detail(
            profile=found[0] if found else None,
            explanation=_OTHERS if key[0] == OTHER else await self.explain(key[0], key[1], None, None),
            slowest=list(map(_slow_call, calls[:_MAX_CALLS])),
        )

    async def explain(self, ctype: str | None, op: str | None, jid: str | None, node: str | None) -> Told:
        """Return what is registered: `api.explain()`. ValueError for a malformed JID."""
        return await self._told(("explain", ctype, op, jid, node), lambda: explained(self._api, ctype, op, jid, node))

    async def lint(self) -> Told:
        """Return the known mistakes: `api.lint()`."""
        return await self._told("lint", lambda: linted(self._api))

    async def _told(self, key: object, question: Any) -> Told:
        if not isinstance(self._api, PipelineRegistry):  # after uninstall()
            return Told(text="the pipeline is not installed any more", age=None)
        try:
            (text, found), age = await self._asking.ask(key, question)
        except NoAnswer as error:
            return Told(text=str(error), age=None)
        return Told(text=text, age=age, found=found)


def explained(
    api: PipelineRegistry, ctype: str | None, op: str | None, jid: str | None, node: str | None
) -> tuple[str, list[dict[str, Any]]]:
    """Return what `api.explain()` says, as text and as what JSON has; in the loop's thread."""
    explain: Any = api.explain  # its types do not say that an op without its ctype is a TypeError
    found = explain(ctype, op, jid, node)
    return str(found), list(map(_explained, found if isinstance(found, list) else [found]))


def linted(api: PipelineRegistry) -> tuple[str, list[dict[str, Any]]]:
    """Return what `api.lint()` says, as text and as what JSON has; in the loop's thread."""
    found = api.lint()
    return str(found), [{"reason": one.reason, "layers": one.layers, "scopes": one.scopes} for one in found]


def _slow_call(call: RecordedCall) -> SlowCall:
    parts, others, seconds = main_parts(call)
    return SlowCall(call=call, parts=parts, others=others, others_seconds=seconds)


def _explained(of: Any) -> dict[str, Any]:
    handler = of.handler
    named = handler if hasattr(handler, "__qualname__") else type(handler)  # an object that can be called
    return {
        "ctype": of.ctype,
        "op": of.op,
        "jid": str(of.jid),
        "node": of.node,
        "handler": None if handler is None else f"{named.__module__}.{named.__qualname__}",
        "tier": str(of.tier),
        "others": of.others,
        "layers": [
            {
                "layer": repr(step.placed.layer),
                "scope": str(step.placed.scope),
                "where": step.placed.where,
                "left_out": step.reason if step.layer is None else None,
            }
            for step in of.steps
        ],
    }
