"""Which handler is slow? A profiler for the calls of a registry, which is no layer and changes none of them.

It needs the extra: `pip install 'slixmpp-pipeline[inspector]'`.
"""

from slixmpp_inspector.profiler import Profiler
from slixmpp_inspector.recorded import Profile, RecordedCall, Span

__all__ = ["Profile", "Profiler", "RecordedCall", "Span"]
