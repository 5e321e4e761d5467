"""What was registered, and how specific it is."""

from __future__ import annotations

from slixmpp import JID

from slixmpp_pipeline import Tier, install
from slixmpp_pipeline.handlers.found import Legacy
from slixmpp_pipeline.testing import FakeClient, Recorder


def test_older_handler_is_what_was_registered() -> None:
    def handler(jid: JID, node: str, args: object) -> None: ...

    recorder = Recorder()
    api = install(FakeClient(), recorder)
    api.register(handler, "any", "op")
    api.run("any", "op")

    found = recorder.calls[0].found
    assert found is not None
    assert found.handler is handler
    assert isinstance(found.function, Legacy)


def test_tiers_are_words() -> None:
    assert [str(tier) for tier in Tier] == ["jid+node", "jid", "node", "global", "none"]
