"""The table: each case is an act on a registry, and how it comes out with slixmpp's registry and with ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.contract.stage import Stage

UNAWAITED = "a coroutine that nobody awaited"
FUTURE = "a future"

DIFFERENCES = {
    "node only": "node-only handlers are found",
    "global": "unregister and restore_default work at the global level",
    "inner TypeError": "a TypeError from inside a handler is not masked by a second call with shifted arguments",
    "three arguments": "three-argument handlers answer with a future",
    "awaitable": "whatever is awaitable is awaited",
    "first step": "a coroutine handler's first step may run inside run()",
    "falsy": "a callable that is falsy is still a handler",
    "text": "a JID given as text finds what the JID finds",
    "copied": "keys are copied, since a JID is mutable and hashes by value",
    "left behind": "unregister leaves nothing behind",
    "purge": "purging what is unknown is no error",
    "aborted": "a CancelledError that nobody asked for becomes CallAborted",
    "unchanged": "an error changes nothing",
    "another thread": "a coroutine op that another thread calls is refused",
    "refused": "a handler that cannot be called, or never found, is refused when it is registered",
}


class Outcome(NamedTuple):
    """How a case comes out: in which way, with what, and what its handlers had done when the act returned."""

    way: str
    what: object
    seen: tuple[object, ...] = ()


def answered(value: object, *seen: object) -> Outcome:
    """A future that is done when it comes back."""
    return Outcome("answered", value, seen)


def answered_later(value: object, *seen: object) -> Outcome:
    """A future that is pending when it comes back."""
    return Outcome("answered later", value, seen)


def failed(error: type[BaseException], *seen: object) -> Outcome:
    """A future that holds an error when it comes back."""
    return Outcome("failed", error, seen)


def failed_later(error: type[BaseException], *seen: object) -> Outcome:
    """A future that is pending when it comes back, and fails."""
    return Outcome("failed later", error, seen)


def raised(error: type[BaseException], *seen: object) -> Outcome:
    """An error at the call."""
    return Outcome("raised", error, seen)


def bare(value: object, *seen: object) -> Outcome:
    """A value that is no future."""
    return Outcome("bare", value, seen)


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    act: Callable[[Stage], object]
    slixmpp: Outcome
    ours: Outcome
    ours_off: Outcome
    because: str | None

    def expected(self, registry: str, *, running: bool) -> Outcome:
        """How this case comes out with a registry, the loop running or off."""
        if registry == "slixmpp":
            return self.slixmpp
        return self.ours if running else self.ours_off


TABLE: list[Case] = []


def same(outcome: Outcome, each: Mapping[str, object] | None = None) -> Callable[[Callable[..., object]], None]:
    """Add a case that comes out the same with slixmpp's registry and with ours; `each` gives it an argument."""
    return _add(outcome, outcome, outcome, None, each or {})


def differs(
    *,
    slixmpp: Outcome,
    ours: Outcome,
    ours_off: Outcome | None = None,
    because: str,
    each: Mapping[str, object] | None = None,
) -> Callable[[Callable[..., object]], None]:
    """Add a case in which slixmpp's registry and ours differ on purpose; `ours_off` is for the loop being off."""
    return _add(slixmpp, ours, ours if ours_off is None else ours_off, because, each or {})


def _add(
    slixmpp: Outcome, ours: Outcome, ours_off: Outcome, because: str | None, each: Mapping[str, object]
) -> Callable[[Callable[..., object]], None]:
    def decorate(act: Callable[..., object]) -> None:
        if not each:
            TABLE.append(Case(act.__name__, act, slixmpp, ours, ours_off, because))
        for label, given in each.items():
            one = _given(act, given)
            TABLE.append(Case(f"{act.__name__}, {label}", one, slixmpp, ours, ours_off, because))

    return decorate


def _given(act: Callable[..., object], given: object) -> Callable[[Stage], object]:
    return lambda stage: act(stage, given)
