"""When is a read answered from memory?

Read `layer` first (the settings), then `route` (what happens at a call). `keys` tells answers apart, `store` keeps
them, `copies` copies them, and `single_flight` lets one call ask for all that ask the same at once.
"""

from slixmpp_middleware.caching.layer import Caching
from slixmpp_middleware.caching.store import Statistics

__all__ = ["Caching", "Statistics"]
