"""Which questions are there? In the order in which the answers are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cases import (
    cache,
    calls,
    handlers,
    in_flight,
    jids,
    layers,
    memory,
    parts,
    peers,
    routes,
    stanzas,
    telemetry,
    waits,
)

if TYPE_CHECKING:
    from cases.question import Question

QUESTIONS: dict[str, Question] = {
    module.QUESTION.name: module.QUESTION
    for module in (
        waits,
        calls,
        telemetry,
        cache,
        layers,
        peers,
        handlers,
        in_flight,
        jids,
        routes,
        memory,
        parts,
        stanzas,
    )
}
