"""Which handler is slow, and who holds the loop? A profiler, a watchdog and a page, none of which changes a call.

They need the extra: `pip install 'slixmpp-pipeline[inspector]'`. Names are loaded when they are asked for, so that the
command `slixmpp-pipeline --help` need not load slixmpp.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slixmpp_inspector.holds import Hold
    from slixmpp_inspector.inspector import Inspector
    from slixmpp_inspector.profiler import Profiler
    from slixmpp_inspector.recorded import Profile, RecordedCall, Span
    from slixmpp_inspector.waiting import WaitingCall, waiting_calls
    from slixmpp_inspector.watchdog import Watchdog

__all__ = [
    "Hold",
    "Inspector",
    "Profile",
    "Profiler",
    "RecordedCall",
    "Span",
    "WaitingCall",
    "Watchdog",
    "waiting_calls",
]

_MODULES = {
    "Hold": "holds",
    "Inspector": "inspector",
    "Profile": "recorded",
    "Profiler": "profiler",
    "RecordedCall": "recorded",
    "Span": "recorded",
    "WaitingCall": "waiting",
    "Watchdog": "watchdog",
    "waiting_calls": "waiting",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
