"""Which handlers are registered, and which is an op's default?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slixmpp_pipeline.handlers.signatures import takes_only_three
from slixmpp_pipeline.handlers.table import Table

if TYPE_CHECKING:
    from slixmpp import JID

    from slixmpp_pipeline.handlers.found import Handler


class Registrations:
    """The handlers of one registry: a table for each op that was registered or called."""

    __slots__ = ("tables",)

    def __init__(self) -> None:
        self.tables: dict[tuple[str, str], Table] = {}

    def __len__(self) -> int:
        return len(self.tables)

    def table(self, ctype: str, op: str) -> Table:
        """Return the table of an op; an empty one, which is not stored, if there is none. TypeError for a bad name."""
        require_op(ctype, op)
        return self.tables.get((ctype, op)) or Table()

    def keep(self, ctype: str, op: str, table: Table) -> None:
        """Store `table` as that of an op."""
        self.tables[ctype, op] = table

    def put(
        self, handler: Handler | None, ctype: str, op: str, jid: JID | str | None, node: str | None, default: bool
    ) -> None:
        """Register `handler` for a JID and node, as the default, too, if asked to; None takes a handler away.

        At the global level None restores the default.
        """
        table = self.table(ctype, op)
        if handler is None and jid is None and node is None:
            handler = self.default(ctype, op)
        table.put(handler, jid, node)
        if default:
            table.default = handler
        self.keep(ctype, op, table)

    def put_default(self, handler: Handler | None, ctype: str, op: str) -> None:
        """Keep `handler` as the default of an op; None for no default."""
        table = self.table(ctype, op)
        if handler is not None:
            takes_only_three(handler)
        table.default = handler
        self.keep(ctype, op, table)

    def default(self, ctype: str, op: str) -> Handler:
        """Return the default handler of an op; KeyError if there is none."""
        default = self.table(ctype, op).default
        if default is None:
            raise KeyError(f"{ctype} {op} has no default handler; register one with default=True")
        return default

    def purge(self, ctype: str) -> list[tuple[str, str]]:
        """Forget the handlers and defaults of `ctype`, for calls under way, too; return its ops."""
        ops = [key for key in self.tables.copy() if key[0] == ctype]
        for key in ops:
            self.tables.pop(key).clear()
        return ops

    def answered(self) -> list[tuple[str, str]]:
        """Return the ops that have a handler."""
        return [key for key, table in self.tables.copy().items() if any(table)]


def require_op(ctype: Any, op: Any) -> None:
    """TypeError unless `ctype` and `op` are strings, as those of a call or a handler are."""
    require_text(ctype, "ctype")
    require_text(op, "op")


def require_text(value: Any, name: str) -> None:
    """TypeError unless `value` is a string."""
    if not isinstance(value, str):
        raise TypeError(f"{name}: {value!r} is {type(value).__name__}; a string is allowed")
