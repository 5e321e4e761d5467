"""Which handler is slow? A profiler for the calls of a registry, which is no layer and changes none of them.

It needs the extra: `pip install 'slixmpp-pipeline[inspector]'`.
"""

from slixmpp_inspector.holds import Hold
from slixmpp_inspector.profiler import Profiler
from slixmpp_inspector.recorded import Profile, RecordedCall, Span
from slixmpp_inspector.waiting import WaitingCall, waiting_calls
from slixmpp_inspector.watchdog import Watchdog

__all__ = ["Hold", "Profile", "Profiler", "RecordedCall", "Span", "WaitingCall", "Watchdog", "waiting_calls"]
