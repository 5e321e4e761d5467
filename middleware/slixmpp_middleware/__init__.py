"""The layers: what an application puts in front of slixmpp's handlers."""

from slixmpp_middleware.logging import Logging
from slixmpp_middleware.retry import Retry
from slixmpp_middleware.timeout import Timeout

__all__ = ["Logging", "Retry", "Timeout"]
