"""Durable storage behind slixmpp's plugins. It is being built: nothing of it is public yet."""

__all__: list[str] = []
