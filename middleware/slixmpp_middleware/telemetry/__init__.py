"""What do calls do, and how long do they take?

Read `logging`, `tracing` and `metrics` for a layer each. `outcomes` has the words they share, `instruments` what
measurements go to.
"""

from slixmpp_middleware.telemetry.logging import Logging
from slixmpp_middleware.telemetry.metrics import Metrics
from slixmpp_middleware.telemetry.tracing import Tracing

__all__ = ["Logging", "Metrics", "Tracing"]
