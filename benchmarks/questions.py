"""Which questions are there? In the order in which the answers are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cache_benchmark
import calls_benchmark
import handlers_benchmark
import in_flight_benchmark
import jids_benchmark
import layers_benchmark
import memory_benchmark
import parts_benchmark
import peers_benchmark
import routes_benchmark
import stanzas_benchmark
import telemetry_benchmark

if TYPE_CHECKING:
    from question import Question

QUESTIONS: dict[str, Question] = {
    module.QUESTION.name: module.QUESTION
    for module in (
        calls_benchmark,
        telemetry_benchmark,
        cache_benchmark,
        layers_benchmark,
        peers_benchmark,
        handlers_benchmark,
        in_flight_benchmark,
        jids_benchmark,
        routes_benchmark,
        memory_benchmark,
        parts_benchmark,
        stanzas_benchmark,
    )
}
