"""A `Timeout` with one timer for many calls does what one made of `asyncio.timeout` does: at the same time, to all."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from slixmpp_middleware import Timeout
from tests.middleware.programs import ModelTimeout, Player, make

PROGRAMS = 400


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::RuntimeWarning")
def test_random_programs_go_as_with_asyncios_own() -> None:
    seen: Counter[str] = Counter()
    for seed in range(PROGRAMS):
        program = make(Random(seed))
        ours = Player(program, lambda seconds, clock: Timeout(seconds, clock=clock)).play()
        assert ours == Player(program, ModelTimeout).play(), seed
        seen.update(
            one[0].partition(" ")[0] if isinstance(one, list) else str(one).partition(" ")[0] for one in ours[1]
        )
    assert min(seen[one] for one in ("CallTimeout", "cancelled", "call", "LookupError", "CallAborted")) > PROGRAMS / 40
