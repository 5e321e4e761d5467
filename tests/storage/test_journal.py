"""What was put is there at once, and done when it is committed, whatever happens to the database or to the loop."""

from __future__ import annotations

import asyncio
import gc
import logging
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slixmpp_storage.journal import Journal, Statistics
from slixmpp_storage.pending import StoreFull
from slixmpp_storage.store import Change, Place, Row, StoreError
from tests.storage.stores import LONG, OWNER, ChangingStore, Client, Gate, Passing, TroubledStore

Made = Callable[..., Client]
JULIET: Place = ("xep_0054/vcard", "juliet@capulet.example")
NURSE: Place = ("xep_0054/vcard", "nurse@capulet.example")
FOREIGN: Place = ("xep_0054/vcard~", "juliet@capulet.example")


def row(text: str, expires: float | None = None) -> Row:
    return Row(text, expires)


def places(count: int) -> list[Place]:
    return [("xep_0153/hash", f"{number:04}@capulet.example") for number in range(count)]


@pytest.fixture
def made(idle_loop: asyncio.AbstractEventLoop) -> Iterator[Made]:
    """Makes clients, on the running loop or on one that is off, and ends their threads."""
    clients: list[Client] = []

    def make(**given: Any) -> Client:
        try:
            loop = given.pop("loop", None) or asyncio.get_running_loop()
        except RuntimeError:
            loop = idle_loop
        clients.append(Client(loop, **given))
        return clients[-1]

    yield make
    for client in clients:
        client.stop()


async def held(client: Client, place: Place = NURSE) -> asyncio.Future[None]:
    """Let the thread that commits be held by a write; what is put now is one batch later."""
    client.store.writing.hold()
    future = client.journal.put(place, row("held"))
    await asyncio.to_thread(client.store.writing.wait_until_reached)
    return future


# Point 1: the effect is there at the call.


async def test_what_was_put_is_got_before_it_is_committed(made: Made) -> None:
    client = made()
    client.store.rows[JULIET] = row("old")
    await held(client)
    client.journal.put(JULIET, row("new"))
    assert client.journal.get(JULIET) == row("new")
    client.journal.put(JULIET, None)
    assert client.journal.get(JULIET) is None
    assert (client.journal.pending, client.store.asked) == (3, [])


async def test_what_was_committed_is_got_from_the_store(made: Made) -> None:
    client = made()
    await client.journal.put(JULIET, row("new"))
    assert isinstance(answer := client.journal.get(JULIET), asyncio.Future)
    assert await answer == row("new")
    await client.journal.put(JULIET, None)
    assert (await client.get(JULIET), client.store.rows) == (None, {})


def test_effect_is_there_with_the_loop_off(made: Made, idle_loop: asyncio.AbstractEventLoop) -> None:
    client = made()
    future = client.journal.put(JULIET, row("new"))
    client.time.until_idle()
    assert (client.journal.pending, client.store.rows, future.done()) == (0, {JULIET: row("new")}, False)
    answer = client.journal.get(JULIET)
    assert isinstance(answer, asyncio.Future)
    assert idle_loop.run_until_complete(answer) == row("new")
    assert future.done()


async def test_first_place_where_something_is_answers(made: Made) -> None:
    client = made()
    client.store.rows = {JULIET: row("ours"), FOREIGN: row("theirs")}
    assert await client.get(JULIET, FOREIGN) == row("ours")
    assert client.store.asked == [[JULIET, FOREIGN]]
    await held(client)
    client.journal.put(JULIET, None)
    assert await client.get(JULIET, FOREIGN) == row("theirs")
    client.journal.put(FOREIGN, row("newer"))
    assert client.journal.get(JULIET, FOREIGN) == row("newer")
    assert await client.get(FOREIGN, JULIET) == row("newer")


async def test_what_has_expired_is_not_answered(made: Made) -> None:
    client = made()
    now = client.time.date
    client.store.rows = {JULIET: row("old", now), FOREIGN: row("good", now + 1)}
    assert await client.get(JULIET, FOREIGN) == row("good", now + 1)
    assert await client.get(JULIET) is None
    await held(client)
    client.journal.put(JULIET, row("pending", now + 1))
    assert client.journal.get(JULIET) == row("pending", now + 1)
    client.time.date += 1
    assert client.journal.get(JULIET) is None


# Point 2: the future is done when the transaction is committed.


async def test_future_is_done_when_it_is_committed(made: Made) -> None:
    client = made()
    first = await held(client)
    second = client.journal.put(JULIET, row("second"))
    await asyncio.sleep(0)
    assert (first.done(), second.done(), client.store.batches) == (False, False, [])
    client.store.writing.release()
    await asyncio.gather(first, second)
    assert client.store.batches == [[Change(NURSE, row("held"))], [Change(JULIET, row("second"))]]


async def test_what_is_queued_is_one_transaction_of_the_last_of_each_place_in_order(made: Made) -> None:
    client = made()
    await held(client)
    futures = [client.journal.put(place, row(text)) for text in "ab" for place in (NURSE, FOREIGN, JULIET)]
    client.store.writing.release()
    await asyncio.gather(*futures)
    assert client.store.batches[1] == [Change(place, row("b")) for place in (JULIET, NURSE, FOREIGN)]
    assert client.journal.statistics() == Statistics(0, 0, commits=2, written=7, failed=0, reads=0)
    assert len(client.commits) == 2


async def test_at_most_2000_are_one_transaction(made: Made) -> None:
    client = made()
    await held(client)
    futures = [client.journal.put(place, row("x")) for place in places(2_001)]
    client.store.writing.release()
    await asyncio.gather(*futures)
    assert [len(batch) for batch in client.store.batches] == [1, 2_000, 1]


async def test_future_that_is_thrown_away_is_committed(made: Made) -> None:
    client = made()
    client.journal.put(JULIET, row("new"))
    assert await client.journal.drain() == 0
    assert client.store.rows == {JULIET: row("new")}


async def test_failure_that_nobody_asks_for_is_not_logged_by_asyncio(made: Made) -> None:
    said: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    client = made()
    client.store.bad = {JULIET}
    client.journal.put(JULIET, row("new"))
    client.journal.get(JULIET)
    await client.journal.drain()
    client.journal.get(JULIET)
    await client.journal.close()
    gc.collect()
    assert said == []


class Counted(asyncio.SelectorEventLoop):
    """A loop that counts how often other threads come to it."""

    told = 0

    def call_soon_threadsafe(self, *args: Any, **kwargs: Any) -> asyncio.Handle:  # type: ignore[override]  # any
        self.told += 1
        return super().call_soon_threadsafe(*args, **kwargs)


def test_batch_is_told_in_one_call_and_200_a_turn(made: Made) -> None:
    loop = Counted()
    client = made(loop=loop)
    ended: list[int] = []

    async def turns() -> None:
        await held(client)
        futures = [client.journal.put(place, row("x")) for place in places(450)]
        client.store.bad = {places(450)[300]}
        loop.told = 0
        client.store.writing.release()
        client.time.until_idle()  # both batches are told now, the loop has not heard it
        assert loop.told == 1
        while not all(future.done() for future in futures):
            await asyncio.sleep(0)
            ended.append(sum(future.done() for future in futures))

    loop.run_until_complete(turns())
    loop.close()
    steps = [after - before for before, after in zip([0, *ended], ended, strict=False)]
    assert max(steps) <= 200
    assert sum(step > 0 for step in steps) == 3


# Point 3: order, patience, and what was lost.


async def test_first_write_fails_and_the_second_of_its_key_is_stored(made: Made) -> None:
    client = made()
    client.store.failures += [ValueError("no")]
    first = await held(client, JULIET)
    second = client.journal.put(JULIET, row("second"))
    client.store.writing.release()
    with pytest.raises(StoreError):
        await first
    assert await client.get(JULIET) == row("second")
    await second
    assert (client.store.rows, client.failed) == ({JULIET: row("second")}, [])


def test_what_was_written_again_is_pending_still_when_the_first_has_failed(made: Made) -> None:
    client = made()
    client.store.failures += [ValueError("no")]
    client.loop.run_until_complete(held(client, JULIET))
    client.journal.put(JULIET, row("second"))
    gate, client.store.writing = client.store.writing, Gate()
    client.store.writing.hold()
    gate.release()
    client.store.writing.wait_until_reached()
    assert (client.journal.get(JULIET), client.journal.pending) == (row("second"), 1)


async def test_nothing_overtakes_a_write_that_is_repeated(made: Made) -> None:
    client = made()
    client.store.failures += [Passing("locked")] * 3
    later: list[asyncio.Future[None]] = []
    first = client.journal.put(JULIET, row("first"))
    client.time.paused = lambda: client.loop.call_soon_threadsafe(
        lambda: later.append(client.journal.put(JULIET, row("later")))
    )
    await first
    await client.journal.drain()
    assert client.store.batches[0] == [Change(JULIET, row("first"))]
    assert client.store.rows == {JULIET: row("later")}
    assert client.time.pauses == [0.02, 0.04, 0.08]


async def test_failure_that_does_not_pass_is_told_when_patience_is_at_its_end(made: Made) -> None:
    client = made(patience=5.0)
    client.store.is_down = True
    first, again = client.journal.put(JULIET, row("a")), client.journal.put(JULIET, row("b"))
    errors = await asyncio.gather(first, again, return_exceptions=True)
    assert sum(client.time.pauses) == pytest.approx(5.0)
    assert client.time.pauses[:9] == pytest.approx([0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1, 1, 1])
    assert len({id(error) for error in errors}) == 2
    for error in errors:
        assert isinstance(error, StoreError)
        told = f"{OWNER}: xep_0054/vcard 'juliet@capulet.example' was not stored: the database is down"
        assert (str(error), error.condition, error.etype, error.text) == (told, "internal-server-error", "wait", "")
        assert isinstance(error.__cause__, Passing)
    assert set(client.failed) == {JULIET}
    assert client.journal.statistics()[:4] == (0, 0, 0, 0)
    assert client.journal.statistics().failed == 2
    client.store.is_down = False
    assert await client.get(JULIET) is None


async def test_what_is_lost_is_told_although_its_call_ended_long_ago(made: Made) -> None:
    client = made()
    heard: list[bool] = []
    future = await held(client, JULIET)
    future.add_done_callback(lambda _: heard.append(client.failed == [JULIET]))
    future.cancel()
    other = client.journal.put(NURSE, row("other"))
    client.store.failures += [ValueError("no")]
    client.store.writing.release()
    await other
    assert client.failed == [JULIET]


async def test_who_hears_of_a_failure_finds_the_cache_emptied(made: Made) -> None:
    client = made()
    client.store.bad = {JULIET}
    heard: list[list[Place]] = []
    future = client.journal.put(JULIET, row("x"))
    future.add_done_callback(lambda _: heard.append(list(client.failed)))
    await asyncio.wait([future])
    await asyncio.sleep(0)
    assert heard == [[JULIET]]


async def test_who_is_told_may_fail_and_the_next_is_told(made: Made) -> None:
    said: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context["exception"]))

    def fails(_: object) -> None:
        raise KeyError("cache")

    client = made(failed=fails)
    client.store.bad = {JULIET}
    with pytest.raises(StoreError):
        await client.journal.put(JULIET, row("x"))
    assert [type(error) for error in said] == [KeyError]


# Point 4: one bad value.


async def test_one_bad_value_takes_no_other_with_it(made: Made, caplog: pytest.LogCaptureFixture) -> None:
    client = made()
    await held(client)
    client.store.bad = {places(10)[4]}
    futures = [client.journal.put(place, row("x")) for place in places(10)]
    client.store.writing.release()
    ends = await asyncio.gather(*futures, return_exceptions=True)
    assert [type(end) for end in ends] == [*[type(None)] * 4, StoreError, *[type(None)] * 5]
    assert client.failed == [places(10)[4]]
    assert client.time.pauses == []
    assert client.store.attempts == 12
    assert caplog.messages == ["1 of 10 places were not stored: ValueError"]
    assert client.journal.statistics() == Statistics(0, 0, commits=10, written=10, failed=1, reads=0)


async def test_outage_between_the_changes_of_a_batch_is_waited_for_once(made: Made) -> None:
    client = made(patience=1.0)
    await held(client)
    client.store.bad = {places(10)[1]}
    futures = [client.journal.put(place, row("x")) for place in places(10)]

    write = client.store.write

    def counted(owner: str, changes: Any) -> None:
        client.store.is_down = client.store.attempts >= 5  # the held one, the batch, and three of its changes
        write(owner, changes)

    client.store.write = counted  # type: ignore[method-assign]  # the store goes down by itself
    client.store.writing.release()
    ends = await asyncio.gather(*futures, return_exceptions=True)
    assert [end is None for end in ends] == [True, False, True, *[False] * 7]
    assert sum(client.time.pauses) == pytest.approx(1.0)


# Point 5: no more than so much waits.


async def test_more_writes_than_may_wait_are_refused_at_the_call(made: Made) -> None:
    client = made(max_pending=2)
    await held(client)
    client.journal.put(JULIET, row("1"))
    with pytest.raises(StoreFull, match="2 writes wait to be committed; 2 may") as caught:
        client.journal.put(JULIET, row("2"))
    assert (caught.value.condition, caught.value.etype) == ("resource-constraint", "wait")
    assert (client.journal.get(JULIET), client.journal.pending) == (row("1"), 2)
    client.store.writing.release()
    assert await client.journal.drain() == 0
    assert client.store.rows[JULIET] == row("1")
    await client.journal.put(JULIET, row("2"))


async def test_more_text_than_may_wait_is_refused_at_the_call(made: Made) -> None:
    client = made(max_bytes=10)
    await held(client)
    client.journal.put(JULIET, row("éé"))
    assert client.journal.statistics()[:2] == (2, 8)
    with pytest.raises(StoreFull, match="8 bytes wait to be committed, and 3 more would; 10 may"):
        client.journal.put(JULIET, row("abc"))
    client.journal.put(JULIET, row("ab"))
    client.journal.put(JULIET, None)
    client.store.writing.release()
    assert await client.journal.drain() == 0
    assert client.journal.statistics().bytes == 0


async def test_nothing_is_kept_of_what_is_committed(made: Made) -> None:
    client = made()
    await asyncio.gather(*(client.journal.put(place, row("x")) for place in places(20)))
    assert client.journal._pending._newest == {}
    client.store.rows[JULIET] = row("of another process")
    assert await client.get(JULIET) == row("of another process")


# Point 6: reads.


async def test_what_is_asked_is_one_read(made: Made) -> None:
    client = made()
    client.store.rows = {place: row(place[1]) for place in places(3)}
    client.store.reading.hold()
    first = client.journal.get(JULIET)
    await asyncio.to_thread(client.store.reading.wait_until_reached)
    asked = [client.journal.get(place) for place in [*places(3), places(3)[0]]]
    client.store.reading.release()
    answers = [await answer for answer in [first, *asked] if isinstance(answer, asyncio.Future)]
    assert answers == [None, *(row(place[1]) for place in [*places(3), places(3)[0]])]
    assert client.store.asked == [[JULIET], places(3)]
    assert client.journal.statistics().reads == 2


async def test_who_asks_after_a_write_joins_no_read_that_began_before_it(made: Made) -> None:
    client = made()
    client.store.rows[JULIET] = row("old")
    client.store.reading.hold()
    before = client.journal.get(JULIET)
    await asyncio.to_thread(client.store.reading.wait_until_reached)
    await client.journal.put(JULIET, row("new"))
    after = client.journal.get(JULIET)
    client.store.reading.release()
    assert isinstance(before, asyncio.Future)
    assert isinstance(after, asyncio.Future)
    assert (await before, await after) == (row("old"), row("new"))


async def test_read_that_began_before_a_write_and_ends_while_it_waits_answers_it(made: Made) -> None:
    client = made()
    client.store.rows[JULIET] = row("old")
    client.store.reading.hold()
    before = client.journal.get(JULIET)
    await asyncio.to_thread(client.store.reading.wait_until_reached)
    await held(client)
    client.journal.put(JULIET, row("new"))
    client.store.reading.release()
    assert isinstance(before, asyncio.Future)
    assert await before == row("new")


async def test_read_fails_at_once_and_what_waits_is_answered(made: Made) -> None:
    client = made()
    client.store.read_failure = Passing("the database is down")
    client.store.reading.hold()
    first, other = client.journal.get(JULIET), client.journal.get(NURSE)
    await asyncio.to_thread(client.store.reading.wait_until_reached)
    await held(client)
    client.journal.put(JULIET, row("new"))
    client.store.reading.release()
    assert isinstance(first, asyncio.Future)
    assert isinstance(other, asyncio.Future)
    assert (await first, await other) == (row("new"), row("held"))
    message = r"romeo@montague.example: xep_0054/vcard~ 'juliet@capulet.example' was not read: the database is down"
    with pytest.raises(StoreError, match=message) as caught:
        await client.get(FOREIGN)
    assert caught.value.__cause__ is client.store.read_failure
    assert client.time.pauses == []


async def test_one_bad_key_leaves_the_others_their_answers(made: Made) -> None:
    client = made()
    client.store.rows = {place: row(place[1]) for place in places(3)}
    client.store.bad = {places(3)[1]}
    client.store.reading.hold()
    client.journal.get(JULIET)
    await asyncio.to_thread(client.store.reading.wait_until_reached)
    asked = [client.journal.get(place) for place in places(3)]
    client.store.reading.release()
    ends = await asyncio.gather(*(one for one in asked if isinstance(one, asyncio.Future)), return_exceptions=True)
    assert [type(end) for end in ends] == [Row, StoreError, Row]


# Point 7: each put has a future of its own.


async def test_cancelling_one_of_five_gives_up_waiting_and_not_the_write(
    made: Made, caplog: pytest.LogCaptureFixture
) -> None:
    client = made()
    await held(client)
    futures = [client.journal.put(place, row("x")) for place in places(5)]
    assert len({id(future) for future in futures}) == 5
    futures[2].cancel()
    client.store.writing.release()
    ends = await asyncio.gather(*futures, return_exceptions=True)
    assert [type(end) for end in ends] == [type(None)] * 2 + [asyncio.CancelledError] + [type(None)] * 2
    assert set(client.store.rows) == {NURSE, *places(5)}
    assert caplog.records == []


async def test_read_may_be_cancelled(made: Made, caplog: pytest.LogCaptureFixture) -> None:
    client = made()
    client.store.reading.hold()
    given_up, other = client.journal.get(JULIET), client.journal.get(JULIET)
    assert isinstance(given_up, asyncio.Future)
    assert isinstance(other, asyncio.Future)
    given_up.cancel()
    client.store.reading.release()
    assert await other is None
    assert caplog.records == []


# The loop may be off, stopped, closed, or another.


def test_loop_that_is_closed_is_told_nothing_and_all_is_committed(made: Made, caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.new_event_loop()
    client = made(loop=loop)
    loop.run_until_complete(held(client))
    client.journal.put(JULIET, row("new"))
    loop.close()
    client.journal.put(FOREIGN, row("put on a closed loop"))
    client.store.writing.release()
    client.time.until_idle()
    assert (set(client.store.rows), client.journal.pending) == ({NURSE, JULIET, FOREIGN}, 0)
    assert client.journal._telling._waiting == {}
    assert caplog.records == []


def test_loop_that_is_closed_between_two_batches_is_forgotten(made: Made) -> None:
    loop = asyncio.new_event_loop()
    client = made(loop=loop)
    client.journal.put(JULIET, row("1"))
    client.time.until_idle()
    loop.close()
    client.journal.put(JULIET, row("2"))
    client.time.until_idle()
    assert client.journal._telling._waiting == {}


def test_client_gets_another_loop(made: Made) -> None:
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
    client = made(loop=first)
    first.run_until_complete(client.journal.put(JULIET, row("1")))
    first.close()
    client.loop = second
    second.run_until_complete(client.journal.put(JULIET, row("2")))
    assert second.run_until_complete(client.get(JULIET)) == row("2")
    second.run_until_complete(asyncio.sleep(0))
    assert client.changed == [None]  # what the first loop was told last may not have been heard
    second.close()


# Draining and closing.


async def test_drain_says_how_many_are_left_after_its_timeout(made: Made) -> None:
    client = made()
    await held(client)
    client.journal.put(JULIET, row("new"))
    assert await client.journal.drain(0) == 2
    assert await client.journal.drain(0.001) == 2
    assert client.journal._pending._draining == []
    client.store.writing.release()
    assert await client.journal.drain(LONG) == 0
    assert client.store.rows[JULIET] == row("new")


async def test_drain_waits_for_those_that_come_meanwhile_and_until_all_are_told(made: Made) -> None:
    client = made()
    first = await held(client)
    later: list[asyncio.Future[None]] = []

    def more(_: object) -> None:
        later.extend(client.journal.put(place, row("x")) for place in places(500))

    first.add_done_callback(more)
    draining = asyncio.create_task(client.journal.drain())
    await asyncio.sleep(0)
    client.store.writing.release()
    assert await draining == 0
    assert len(later) == 500
    assert all(future.done() for future in later)


async def test_drain_may_be_cancelled(made: Made) -> None:
    client = made()
    await held(client)
    draining = asyncio.create_task(client.journal.drain())
    await asyncio.sleep(0)
    assert len(client.journal._pending._draining) == 1
    draining.cancel()
    await asyncio.wait([draining])
    assert (draining.cancelled(), client.journal._pending._draining) == (True, [])


async def test_drain_of_nothing_waits_for_those_who_are_told_still(made: Made) -> None:
    client = made()
    await held(client)
    futures = [client.journal.put(place, row("x")) for place in places(450)]
    client.store.writing.release()
    client.time.until_idle()
    assert client.journal.pending == 0
    assert await client.journal.drain() == 0
    assert all(future.done() for future in futures)


async def test_close_commits_answers_and_closes_the_store(made: Made) -> None:
    client = made()
    write, read = client.journal.put(JULIET, row("new")), client.journal.get(NURSE)
    assert await client.journal.close() == 0
    assert isinstance(read, asyncio.Future)
    assert (write.done(), await read) == (True, None)
    assert client.store.rows == {JULIET: row("new")}
    assert len(client.store.closed_by) == 1
    assert client.store.closed_by[0].startswith("slixmpp-storage ")
    assert await client.journal.close() == 0
    assert len(client.store.closed_by) == 1


async def test_calls_after_close_are_an_error(made: Made) -> None:
    client = made()
    await client.journal.close()
    calls: list[Callable[[], object]] = [
        lambda: client.journal.put(JULIET, None),
        lambda: client.journal.get(JULIET),
        client.journal.expire,
    ]
    for call in calls:
        with pytest.raises(StoreError, match=r"romeo@montague\.example: the storage is closed"):
            call()
    assert await client.journal.drain() == 0


async def test_close_says_how_many_are_left_and_lets_none_hang(made: Made) -> None:
    client = made()
    first = await held(client)
    second = client.journal.put(JULIET, row("new"))
    assert await client.journal.close(0) == 2
    client.store.is_down = True
    client.store.writing.release()
    ends = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(end) for end in ends] == [StoreError, StoreError]
    assert client.time.pauses == []  # nobody has patience any more
    assert client.failed == [NURSE, JULIET]


async def test_what_is_put_when_the_threads_have_ended_is_an_error(made: Made) -> None:
    client = made()
    client.stop()  # as when the program ends
    with pytest.raises(StoreError, match="the storage is closed"):
        client.journal.put(JULIET, None)
    with pytest.raises(StoreError, match="the storage is closed"):
        client.journal.get(JULIET)


@pytest.mark.parametrize("failure", [OSError, KeyboardInterrupt])
async def test_store_that_cannot_be_closed_is_logged(
    made: Made, caplog: pytest.LogCaptureFixture, failure: type[BaseException]
) -> None:
    client = made()
    client.store.close_failure = failure("gone")
    assert await client.journal.close() == 0
    assert caplog.messages == [f"the store could not be closed: {failure.__name__}"]


# A driver may raise what ends a thread.


@pytest.mark.parametrize("death", [KeyboardInterrupt, SystemExit, GeneratorExit])
async def test_writing_thread_that_dies_leaves_nobody_waiting(
    made: Made, caplog: pytest.LogCaptureFixture, death: type[BaseException]
) -> None:
    client = made()
    client.store.rows[FOREIGN] = row("good")
    client.store.failures += [death("now")]
    first = await held(client)
    second = client.journal.put(JULIET, row("new"))
    draining = asyncio.create_task(client.journal.drain())
    await asyncio.sleep(0)
    client.store.writing.release()
    async with asyncio.timeout(LONG):
        ends = await asyncio.gather(first, second, return_exceptions=True)
    assert [(type(end), type(end.__cause__)) for end in ends if end] == [(StoreError, death)] * 2
    assert await draining == 0
    assert client.failed == [NURSE, JULIET]
    with pytest.raises(StoreError, match=f"a thread of the storage has died: {death.__name__}"):
        client.journal.put(JULIET, row("later"))
    assert await client.get(FOREIGN) == row("good")
    assert [record.levelno for record in caplog.records] == [logging.CRITICAL]
    assert caplog.messages == ["the thread 'slixmpp-storage writes' has died"]
    assert await client.journal.close() == 0


async def test_reading_thread_that_dies_leaves_nobody_waiting(made: Made, caplog: pytest.LogCaptureFixture) -> None:
    client = made()
    client.store.read_failure = KeyboardInterrupt()
    client.store.reading.hold()
    first = client.journal.get(JULIET)
    await asyncio.to_thread(client.store.reading.wait_until_reached)
    second = client.journal.get(NURSE)
    client.store.reading.release()
    for answer in (first, second):
        assert isinstance(answer, asyncio.Future)
        with pytest.raises(StoreError, match="was not read: KeyboardInterrupt"):
            await asyncio.wait_for(answer, LONG)
    with pytest.raises(StoreError, match="a thread of the storage has died"):
        client.journal.get(JULIET)
    await client.journal.put(JULIET, row("new"))
    assert client.store.rows == {JULIET: row("new")}
    assert caplog.messages == ["the thread 'slixmpp-storage reads' has died"]


# What the writing thread does besides.


def turn(client: Client) -> None:
    client.loop.run_until_complete(asyncio.sleep(0))


def test_what_others_have_changed_is_told(made: Made) -> None:
    client = made(store=(store := ChangingStore()), poll=0.05)
    client.time.until_idle()
    assert 0.05 in [round(idle, 3) for idle in client.time.idles if idle is not None]
    store.news += [iter([JULIET]), None]
    client.time.passes(0.04)
    assert store.looks == 1
    client.time.passes(0.02)
    client.time.passes(0.05)
    client.time.passes(0.05)
    turn(client)
    assert client.changed == [(JULIET,), None]
    assert store.looks == 4


def test_store_that_cannot_be_asked_for_changes_is_logged_once_and_all_is_old_then(
    made: Made, caplog: pytest.LogCaptureFixture
) -> None:
    client = made(store=(store := ChangingStore()))
    store.news += [(), OSError("down"), OSError("down"), [JULIET], [NURSE]]
    for _ in range(6):
        client.time.passes(0.05)
    turn(client)
    assert client.changed == [None, (NURSE,)]
    assert caplog.messages == ["the store could not be asked for changes: OSError"]


def test_what_has_expired_is_deleted_every_ten_minutes_and_when_told(made: Made) -> None:
    client = made(keep=7)
    client.time.passes(599)
    assert client.store.expiries == []
    assert client.time.idles[-2:].count(1.0) == 1
    client.time.passes(1)
    client.journal.expire()
    client.time.until_idle()
    client.time.passes(599)
    assert client.store.expiries == [(OWNER, client.time.date, 7)] * 2
    client.time.passes(2)
    assert len(client.store.expiries) == 3


def test_failure_to_delete_is_logged_once_until_it_is_over(made: Made, caplog: pytest.LogCaptureFixture) -> None:
    client = made()
    for failure in (OSError("full"), OSError("full"), None, OSError("full")):
        client.store.expire_failure = failure
        client.time.passes(600)
    assert caplog.messages == ["the store could not be rid of what has expired: OSError"] * 2
    turn(client)


# The process may end or fork.

_PROGRAM = """
import asyncio, atexit, os, sys, time, warnings
sys.path.insert(0, {path!r})
warnings.simplefilter("ignore")
from slixmpp_storage.journal import Journal
from slixmpp_storage.store import Row, StoreError
from tests.storage.stores import OWNER, TroubledStore
class Slow(TroubledStore):
    def write(self, owner, changes):
        time.sleep(0.05)
        super().write(owner, changes)
    def close(self):
        print(len(self.rows), "rows", flush=True)
loop = asyncio.new_event_loop()
journal = Journal(Slow(), OWNER, loop_of=lambda: loop)
"""


def output(program: str) -> str:
    start = _PROGRAM.format(path=str(__file__).rsplit("/tests/", 1)[0])
    done = subprocess.run(
        [sys.executable, "-c", start + program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_program_that_ends_without_closing_loses_nothing() -> None:
    assert output("for n in range(5000): journal.put(('r', str(n)), Row('x', None))") == "5000 rows\n"
    assert output("loop.run_until_complete(journal.close())\nloop.close()") == "0 rows\n"


def test_call_in_a_forked_process_is_an_error_that_says_so() -> None:
    program = """
if not os.fork():
    for call in (lambda: journal.put(("r", "k"), None), lambda: journal.get(("r", "k")), journal.expire):
        try:
            call()
        except StoreError as error:
            print(error, flush=True)
    for ends in (journal.drain, journal.close):
        try:
            asyncio.run(ends())
        except StoreError as error:
            print(error, flush=True)
    atexit._run_exitfuncs()
    os._exit(0)  # without closing the loop: that would take the pipe from the parent's, they share an epoll
os.wait()
loop.run_until_complete(journal.put(("r", "k"), Row("x", None)))
"""
    told = f"{OWNER}: the threads of the storage stayed in the process that forked; attach one in this process\n"
    assert output(program) == told * 5 + "1 rows\n"


async def test_what_cannot_be_committed_when_the_program_ends_is_logged(
    made: Made, caplog: pytest.LogCaptureFixture
) -> None:
    client = made()
    await held(client)
    client.journal._threads._at_exit(0)
    assert caplog.messages == ["the program ends, and 1 writes are not committed"]
    client.store.writing.release()
    client.journal._threads._at_exit(LONG)
    assert len(caplog.messages) == 1


def test_process_that_was_forked_commits_nothing_when_it_ends(made: Made) -> None:
    client = made()
    client.journal._threads._process += 1
    client.journal._threads._at_exit()
    with pytest.raises(StoreError, match="stayed in the process that forked"):
        client.journal.put(JULIET, None)
    client.journal._threads._process -= 1
    assert client.journal.pending == 0


def test_it_waits_by_the_clock_of_the_machine_unless_told(idle_loop: asyncio.AbstractEventLoop) -> None:
    async def used() -> None:
        journal = Journal(store := ChangingStore(), OWNER, loop_of=lambda: idle_loop, poll=0.0001)
        store.failures += [Passing("locked")]
        store.bad = {NURSE}
        await journal.put(JULIET, row("new"))
        with pytest.raises(StoreError):
            await journal.put(NURSE, row("new"))
        assert await journal.close() == 0
        assert store.rows == {JULIET: row("new")}

    idle_loop.run_until_complete(used())


# All of it together.

_KEYS = st.sampled_from(places(3))
_STEP = st.one_of(
    st.tuples(st.just("put"), _KEYS),
    st.tuples(st.just("put"), _KEYS),
    st.tuples(st.just("delete"), _KEYS),
    st.tuples(st.just("get"), _KEYS),
    st.tuples(st.just("fail"), st.lists(st.sampled_from([Passing, ValueError]), min_size=1, max_size=3)),
    st.tuples(st.sampled_from(["hold", "release", "turn", "drain"]), st.none()),
)


class Model:
    """What each place must hold, by the puts of it and their futures."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.puts: dict[Place, list[tuple[Row | None, asyncio.Future[None]]]] = defaultdict(list)
        self.number = 0

    def put(self, place: Place, *, is_delete: bool) -> None:
        self.number += 1
        value = None if is_delete else row(str(self.number))
        self.puts[place].append((value, self.client.journal.put(place, value)))

    def expected(self, place: Place) -> Row | None:
        """The last that has not failed."""
        good = [value for value, future in self.puts[place] if not (future.done() and future.exception())]
        return good[-1] if good else None

    def check_order(self) -> None:
        for place, puts in self.puts.items():
            written = [change.row for batch in self.client.store.batches for change in batch if change.place == place]
            calls = iter([value for value, future in puts if not future.exception()])
            assert all(any(value == call for call in calls) for value in written), (written, puts)

    async def step(self, step: str, what: Any) -> None:
        store = self.client.store
        if step in ("put", "delete"):
            self.put(what, is_delete=step == "delete")
        elif step == "get":
            answer = await self.client.get(what)
            assert answer == self.expected(what)
        elif step == "fail":
            store.failures.extend(kind("no") for kind in what)
        elif step == "hold":
            store.writing.hold()
        elif step == "turn":
            await asyncio.sleep(0)
        else:
            store.writing.release()
            if step == "drain":
                assert await self.client.journal.drain() == 0


@given(st.lists(_STEP, max_size=25))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_this_process_wrote_it_reads_and_what_is_acknowledged_is_stored(steps: list[tuple[str, Any]]) -> None:
    loop = asyncio.new_event_loop()
    client = Client(loop, TroubledStore())

    async def go() -> None:
        model = Model(client)
        for step, what in steps:
            await model.step(step, what)
        client.store.writing.release()
        assert await client.journal.close() == 0
        for place in model.puts:
            assert client.store.rows.get(place) == model.expected(place)
        model.check_order()

    try:
        loop.run_until_complete(go())
    finally:
        client.stop()
        loop.close()
