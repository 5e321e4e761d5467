"""What the tests of the layers share: a clock that they turn themselves."""

from __future__ import annotations

import pytest

from tests.middleware.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()
