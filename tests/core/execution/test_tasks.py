"""Which task is running, and is it being cancelled?"""

from __future__ import annotations

from slixmpp_pipeline import being_cancelled


def test_nothing_is_being_cancelled_where_no_loop_runs() -> None:
    assert not being_cancelled()
