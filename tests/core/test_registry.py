"""What the registry does besides calls and layers: defaults that are None."""

from __future__ import annotations

import pytest

from slixmpp_pipeline import install
from slixmpp_pipeline.testing import FakeClient


def test_default_of_none_takes_the_default_away() -> None:
    api = install(FakeClient())
    api.register(lambda jid, node, ifrom, args: "default", "x", "get", default=True)

    api.register_default(None, "x", "get")

    with pytest.raises(KeyError, match="x get has no default handler"):
        api.restore_default("x", "get")
    assert api.run("x", "get").result() == "default"


def test_default_of_none_moves_over() -> None:
    xmpp = FakeClient()
    xmpp.api.register_default(None, "x", "get")

    api = install(xmpp)

    with pytest.raises(KeyError, match="x get has no default handler"):
        api.restore_default("x", "get")
