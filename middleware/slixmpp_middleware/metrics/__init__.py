"""Metrics: how many calls there are, how long they take and how they end."""

from slixmpp_middleware.metrics.layer import Metrics

__all__ = ["Metrics"]
