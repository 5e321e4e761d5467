"""What tells one answer from another?"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from slixmpp import JID

from slixmpp_middleware.caching.copies import is_unchanging


def still(value: Any) -> Hashable:
    """Return what `value` is by now, for a key: a JID may be changed, and True is no 1.

    TypeError for what is not known to stay as it is.

    >>> still(True) == still(1), still((1, "a")) == still((1, "a")), still(None)
    (False, True, None)
    """
    if value is None or type(value) is str:
        return value
    if isinstance(value, JID):
        return JID, value.full
    if type(value) is tuple:
        return tuple(map(still, value))
    if type(value) is frozenset:
        return frozenset(map(still, value))
    if is_unchanging(value):
        return type(value), value
    raise TypeError(f"{type(value).__name__} may change, and tells no answers apart")
