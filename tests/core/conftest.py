"""What the tests of the core share: a registry that no layer is in yet."""

from __future__ import annotations

import pytest

from slixmpp_pipeline import PipelineRegistry, install
from slixmpp_pipeline.testing import FakeClient


@pytest.fixture
def api() -> PipelineRegistry:
    """A registry without layers, its client's loop off."""
    return install(FakeClient())
