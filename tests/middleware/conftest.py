"""What the tests of the layers share: a clock that they turn themselves, and vCards behind a cache."""

from __future__ import annotations

import pytest

from slixmpp_middleware import Caching
from slixmpp_pipeline import PipelineRegistry
from tests.middleware.cards import NURSE, ROMEO, Cards, serve
from tests.middleware.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def caching(clock: Clock) -> Caching:
    return Caching(ttl=60, clock=clock)


@pytest.fixture
def cards() -> Cards:
    return Cards({ROMEO: "Romeo", NURSE: "the nurse"})


@pytest.fixture
async def api(caching: Caching, cards: Cards) -> PipelineRegistry:
    return serve(caching, cards)
