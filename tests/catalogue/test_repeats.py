"""What the catalogue calls repeatable leaves the same data, and gives the same answer, when it runs twice."""

from __future__ import annotations

from typing import Any

import pytest

from slixmpp_pipeline import Call
from slixmpp_pipeline.catalogue.slixmpp_ops import SLIXMPP_OPS
from tests.catalogue.clients import HAS_COMMAND_OPS, run, show
from tests.catalogue.universe import STATES, look, make_client, make_state, reads, writes, written_ops

WRITES = [
    key
    for key, entry in SLIXMPP_OPS.items()
    if entry.writes and key[0] != "xep_0100" and (HAS_COMMAND_OPS or key[0] != "xep_0050")
]
REPEATABLE = [key for key in WRITES if SLIXMPP_OPS[key].repeatable]
# Not to be repeated for what a short run cannot show: a clock, a presence that is sent, a used token that comes back.
CAUTION = {
    ("xep_0012", "set_last_activity"),
    ("xep_0047", "preauthorize_sid"),
    ("xep_0065", "preauthorize_sid"),
    ("xep_0077", "user_validate"),
    ("xep_0128", "del_extended_info"),
    ("xep_0153", "reset_hash"),
}


async def twice_differs_from_once(ctype: str, op: str) -> bool:
    """Run each write of an op once and twice from the same state, and compare the answers and all data."""
    xmpp = make_client(component=ctype == "xep_0077")
    assert (ctype, op) in written_ops(xmpp)
    for state in STATES:
        await make_state(xmpp, state)
        asked = reads(xmpp)
        for number in range(len(writes(xmpp, ctype, op, jids=["j@x/r1"]))):
            outcomes = [await outcome(xmpp, state, (ctype, op), number, asked, times) for times in (1, 2)]
            if outcomes[0] != outcomes[1]:
                return True
    return False


async def outcome(
    xmpp: Any, state: str, op: tuple[str, str], number: int, asked: list[Call], times: int
) -> tuple[Any, list[Any]]:
    await make_state(xmpp, state)
    write = writes(xmpp, *op, jids=["j@x/r1"])[number]
    answers = [show(await run(xmpp, write)) for _ in range(times)]
    return answers[-1], await look(xmpp, asked)


@pytest.mark.parametrize(("ctype", "op"), REPEATABLE)
async def test_repeatable_write_run_twice_is_as_good_as_once(ctype: str, op: str) -> None:
    assert not await twice_differs_from_once(ctype, op)


@pytest.mark.parametrize(("ctype", "op"), [key for key in WRITES if key not in {*REPEATABLE, *CAUTION}])
async def test_write_that_is_not_repeatable_is_seen_to_differ(ctype: str, op: str) -> None:
    assert await twice_differs_from_once(ctype, op)


@pytest.mark.parametrize("component", [False, True], ids=["client", "component"])
@pytest.mark.parametrize("state", STATES)
async def test_repeatable_read_answers_twice_the_same_and_changes_nothing(state: str, component: bool) -> None:
    xmpp = make_client(component)
    await make_state(xmpp, state)
    asked = [call for call in reads(xmpp) if SLIXMPP_OPS[call.ctype, call.op].repeatable]

    first = await look(xmpp, asked)

    assert await look(xmpp, asked) == first


def test_caution_is_about_ops_that_are_not_repeatable() -> None:
    assert CAUTION.isdisjoint(REPEATABLE)
