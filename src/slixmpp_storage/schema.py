"""How does a database get its table? By steps: the number of those that were made is its version."""

from __future__ import annotations

from typing import Final

from slixmpp_storage.store import StoreError

# A step is one statement, and is never changed: what is to be different is a new step. `{text}` is the type of a text
# that is compared by its code points, so that keys have one order in all databases.
STEPS: Final = (
    (
        "CREATE TABLE slixmpp_entry (owner {text} NOT NULL, resource {text} NOT NULL, key {text} NOT NULL,"
        " value TEXT NOT NULL, expires DOUBLE PRECISION, PRIMARY KEY (owner, resource, key))"
    ),
    # Most rows never expire: to look for those that do is not to read all.
    "CREATE INDEX slixmpp_entry_expires ON slixmpp_entry (owner, expires) WHERE expires IS NOT NULL",
)


class SchemaTooNew(StoreError):
    """A newer release has changed the database, and this one does not know how it looks.

    >>> missing(9, "bot.db", text="TEXT")
    Traceback (most recent call last):
        ...
    slixmpp_storage.schema.SchemaTooNew: bot.db has schema 9, and this release knows 2: update slixmpp-pipeline, or ...
    """


def missing(version: int, where: str, *, text: str, steps: tuple[str, ...] = STEPS) -> list[str]:
    """Return the statements that a database of `version` needs. `SchemaTooNew`, which names `where`, if that is newer.

    `text` is the type of a text that is compared by its code points.

    >>> len(missing(0, "bot.db", text="TEXT")), missing(2, "bot.db", text="TEXT")
    (2, [])
    """
    if version > len(steps):
        raise SchemaTooNew(
            f"{where} has schema {version}, and this release knows {len(steps)}:"
            " update slixmpp-pipeline, or take another database"
        )
    return [step.format(text=text) for step in steps[version:]]
