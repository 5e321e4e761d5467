"""What do tests of handlers and layers need?

Read `fakes` first (a client, a plugin, a recorder), then `laws` (what every layer that passes calls on must keep).
"""

from slixmpp_pipeline.testing.fakes import FakeClient, FakePlugin, Recorder
from slixmpp_pipeline.testing.laws import LawBroken, check_layer

__all__ = ["FakeClient", "FakePlugin", "LawBroken", "Recorder", "check_layer"]
