"""Caching: a read that was answered is answered again from memory."""

from slixmpp_middleware.caching.layer import Caching, Statistics

__all__ = ["Caching", "Statistics"]
