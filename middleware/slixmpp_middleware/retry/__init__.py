"""Retry: a call that failed for a passing reason is made again."""

from slixmpp_middleware.retry.layer import Retry

__all__ = ["Retry"]
