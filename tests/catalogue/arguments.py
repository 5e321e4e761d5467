"""What the ops of the small universe are called with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from tests.catalogue.clients import bob, form, info, registration, vcard

ACCOUNTS: Final = ("j@x/r1", "j@x/r2", "j@x", "k@x/r1")

_CAPS_VERSIONS: Final = ("v1", "v2")
_CIDS: Final = ("c1", "c2")
_TIMES: Final = {"old": datetime(2023, 1, 1, tzinfo=UTC), "new": datetime(2024, 1, 1, tzinfo=UTC)}
_SECONDS: Final = {"old": 50_000, "new": 1000}


def arguments(xmpp: Any, op: str, word: str) -> list[Any]:
    """Return the args to call an op with; `word`, old or new, is in what a write writes."""
    return _ARGUMENTS[op](xmpp, word) if op in _ARGUMENTS else [None]


_ARGUMENTS: Final[Mapping[str, Callable[[Any, str], list[Any]]]] = {
    "set_last_activity": lambda _, word: [{"seconds": _SECONDS[word], "status": word}],
    "set_keyid": lambda _, word: [word],
    "set_info": lambda _, word: [info(word)],
    "cache_info": lambda _, word: [info(word)],
    "add_feature": lambda _, word: [{"feature": word}],
    "del_feature": lambda *_: [{"feature": "old"}],
    "set_features": lambda _, word: [{"features": {word}}],
    "del_features": lambda *_: [{}],
    "add_identity": lambda _, word: [{"category": "client", "itype": word}],
    "del_identity": lambda *_: [{"category": "client", "itype": "old"}],
    "set_identities": lambda _, word: [{"identities": {("client", word, None, None)}}],
    "del_identities": lambda *_: [{}],
    "set_items": lambda _, word: [{"items": {("i@x", "q", word)}}],
    "del_items": lambda *_: [{}],
    "add_item": lambda _, word: [{"ijid": f"{word}@x", "inode": "q", "name": word}],
    "del_item": lambda *_: [{"ijid": "old@x", "inode": "q"}],
    "set_stream": lambda _, word: [f"stream {word}"],
    "set_command": lambda _, word: [(word, print, None, 0.0)],
    "set_vcard": lambda _, word: [vcard(word)],
    "add_pending": lambda _, word: [{"response_id": word}],
    "cache_caps": lambda _, word: [{"verstring": ver, "info": info(word, ver)} for ver in _CAPS_VERSIONS],
    "get_caps": lambda xmpp, _: [
        {"verstring": ver} for ver in dict.fromkeys((*_CAPS_VERSIONS, *xmpp.plugin["xep_0115"].cache.cache))
    ],
    "assign_verstring": lambda _, word: [{"verstring": word}],
    "add_extended_info": lambda xmpp, word: [{"data": form(xmpp, word)}],
    "set_extended_info": lambda xmpp, word: [{"data": form(xmpp, word)}],
    "del_extended_info": lambda *_: [{}],
    "set_hash": lambda _, word: [word],
    "set_bob": lambda _, word: [bob(cid, word.encode()) for cid in _CIDS],
    "get_bob": lambda *_: list(_CIDS),
    "del_bob": lambda *_: list(_CIDS),
    "set_idle": lambda _, word: [_TIMES[word]],
    "user_get": lambda xmpp, _: [registration(xmpp, jid) for jid in ACCOUNTS],
    "user_remove": lambda xmpp, _: [registration(xmpp, jid) for jid in ACCOUNTS],
    "user_validate": lambda xmpp, word: [registration(xmpp, "j@x", word)["register"]],
}
