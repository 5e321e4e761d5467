"""Durable storage behind slixmpp's plugins: two lines, and what was published is there after a restart."""

from slixmpp_storage.store import Change, Place, Row, Store, StoreError

__all__ = ["Change", "Place", "Row", "Store", "StoreError"]
