"""The layers: what an application puts in front of slixmpp's handlers."""

from slixmpp_middleware.caching import Caching, Statistics
from slixmpp_middleware.retry import Retry, may_pass
from slixmpp_middleware.telemetry.context import CallContext, CallFilter, add_call, add_trace
from slixmpp_middleware.telemetry.logging import Logging
from slixmpp_middleware.telemetry.metrics import Metrics
from slixmpp_middleware.telemetry.outcomes import Jids, outcome_of, shown
from slixmpp_middleware.telemetry.tracing import Tracing
from slixmpp_middleware.timeout import Timeout

__all__ = [
    "Caching",
    "CallContext",
    "CallFilter",
    "Jids",
    "Logging",
    "Metrics",
    "Retry",
    "Statistics",
    "Timeout",
    "Tracing",
    "add_call",
    "add_trace",
    "may_pass",
    "outcome_of",
    "shown",
]
