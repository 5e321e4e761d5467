"""When is a failed call made again?

Read `layer` first. `passing` judges the error, and `originals` keeps what a call was given, for the attempts after the
first.
"""

from slixmpp_middleware.retry.layer import Retry
from slixmpp_middleware.retry.passing import may_pass

__all__ = ["Retry", "may_pass"]
