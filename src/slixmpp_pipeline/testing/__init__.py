"""Layers, and code that uses the registry, are tested with a fake client, a recorder and the layers' laws."""

from slixmpp_pipeline.testing.fakes import FakeClient, FakePlugin, Recorder
from slixmpp_pipeline.testing.laws import LawBroken, check_layer

__all__ = ["FakeClient", "FakePlugin", "LawBroken", "Recorder", "check_layer"]
