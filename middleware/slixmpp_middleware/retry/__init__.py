"""When is a failed call made again?

Read `layer` first. `originals` keeps what a call was given, for the attempts after the first.
"""

from slixmpp_middleware.retry.layer import Retry

__all__ = ["Retry"]
