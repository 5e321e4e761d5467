"""What can be said of an op: what it reads and writes, and whether it may be cached and repeated?

Each entry of slixmpp's ops is derived from the plugin's default handler, which the comment above the entry names; the
tests run those handlers to prove it. A wrong entry corrupts data. So in doubt an op is neither cacheable nor
repeatable, and an op that is not listed is neither. The entries are of slixmpp 1.17; no default handler differs in
releases back to 1.13.

An application's own ops, or its own reading of slixmpp's, are declared with `api.declare(ctype, op, Entry(...))`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from slixmpp_pipeline.catalogue.keys import Key, every


class Resource(NamedTuple):
    """Data that ops share, by the plugin that keeps it and a word for it."""

    ctype: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What an op reads and writes.

    `reads` are the resources that its answer depends on, and `writes` those that it touches, each with its key.
    `repeatable` says that running it twice is as good as once, for the data and for the answer. It speaks of a call
    alone: where others write between the two, a retry has to see to it that nothing newer is undone. `cacheable` says
    that its answer may be stored. `vary_by` is the part of `args` that tells answers apart; None means all of `args`,
    since an application's handler may look at what the default one does not.

    >>> from slixmpp_pipeline.catalogue import bare_jid
    >>> forecast = Resource("weather", "forecast")
    >>> entry = Entry(reads=((forecast, bare_jid),), repeatable=True, cacheable=True)
    >>> entry.writes, entry.vary_by
    ((), None)
    """

    reads: tuple[tuple[Resource, Key], ...] = ()
    writes: tuple[tuple[Resource, Key], ...] = ()
    repeatable: bool = False
    cacheable: bool = False
    vary_by: Key | None = None

    def __post_init__(self) -> None:
        for name in ("reads", "writes"):
            _require_touched(getattr(self, name), name)
        for name in ("repeatable", "cacheable"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name}: {getattr(self, name)!r} is no truth value; True or False is allowed")
        if self.vary_by is not None and not callable(self.vary_by):
            raise TypeError(f"vary_by: {self.vary_by!r} is no function; a key or None is allowed")
        if self.cacheable and (self.writes or not self.reads):
            raise ValueError("cacheable: True is not allowed here; a cacheable op reads something and writes nothing")


def unlisted(ctype: str, op: str) -> Entry:
    """Return the entry of an op that is not in the catalogue: its answers depend on data of its own."""
    return Entry(reads=((Resource(ctype, op), every),))


def _require_touched(touched: object, name: str) -> None:
    for one in touched if isinstance(touched, tuple) else [touched]:
        match one:
            case (Resource(), key) if isinstance(touched, tuple) and callable(key):
                continue
        raise TypeError(f"{name}: {touched!r} is not allowed; pairs (Resource, key) in a tuple are: ((resource, key),)")
