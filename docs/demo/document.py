"""What does a program read at the end? One JSON document; every duration in it is in seconds."""

from __future__ import annotations

import json
import platform
from collections import Counter
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from demo.traffic import KINDS

if TYPE_CHECKING:
    from demo.outcome import Outcome

_MEASURED_WITH = (
    "slixmpp-pipeline",
    "slixmpp",
    "structlog",
    "opentelemetry-api",
    "opentelemetry-sdk",
)


def as_json(outcome: Outcome) -> str:
    """Return all that a run came to, as text that is one JSON document."""
    return json.dumps(_document(outcome), indent=2)


def _document(outcome: Outcome) -> dict[str, Any]:
    settings = outcome.settings
    return {
        "right": outcome.is_right,
        "duration": outcome.seconds,
        "settings": {"stanzas": settings.stanzas, "jids": settings.jids, "seed": settings.seed, "rate": settings.rate},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _MEASURED_WITH}},
        "stanzas": _stanzas(outcome),
        "handlers": [asdict(one) for one in outcome.profiles],
        "slowest": [asdict(one) for one in outcome.slowest],
        "log": dict(outcome.events),
        "statistics": {scope: asdict(one) for scope, one in outcome.statistics.items()},
        "explain": str(outcome.explanation),
        "lint": [asdict(one) for one in outcome.findings],
        "lint_reversed": [asdict(one) for one in outcome.findings_reversed],
        "wrong": [
            *(f"{stanza.kind}, {stanza.id}: {wrong}" for stanza, wrong in outcome.missing.items()),
            *(f"an answer that nobody waited for, {stray.id}: {stray.outcome}" for stray in outcome.strays),
            *outcome.discrepancies,
        ],
    }


def _stanzas(outcome: Outcome) -> list[dict[str, Any]]:
    sent = Counter(stanza.kind for stanza in outcome.judged)
    missing = Counter(stanza.kind for stanza in outcome.missing)
    return [
        {
            "kind": kind.name,
            "answer": kind.expected,
            "sent": sent[kind.name],
            "answered": sent[kind.name] - missing[kind.name],
        }
        for kind in KINDS
    ]
