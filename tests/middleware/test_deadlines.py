"""What has to end by when: a queue for each loop, and nothing that has ended stays in it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from slixmpp_middleware.deadlines import Deadlines


async def hang() -> None:
    await asyncio.Event().wait()


async def started(count: int) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(hang()) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


@pytest.mark.looptime
async def test_tasks_are_cancelled_each_at_its_time() -> None:
    loop, deadlines, ended = asyncio.get_running_loop(), Deadlines(), {}
    tasks = await started(3)
    began = loop.time()
    for number, task in enumerate(tasks):
        task.add_done_callback(lambda _, number=number: ended.update({number: loop.time() - began}))  # type: ignore[misc]
        deadlines.put(number, task, 2)
        await asyncio.sleep(0.5)
    await asyncio.wait(tasks)
    assert ended == pytest.approx({0: 2.0, 1: 2.5, 2: 3.0})


@pytest.mark.looptime
async def test_one_that_is_taken_out_is_left_alone_and_the_others_are_not() -> None:
    deadlines = Deadlines()
    left, ended = await started(2)
    queue = deadlines.put("left", left, 1)
    assert deadlines.put("ended", ended, 1) is queue
    del queue.tasks["left"]
    await asyncio.wait([ended])
    assert not left.done()
    assert queue.tasks == {}
    left.cancel()


@pytest.mark.looptime
async def test_time_that_is_over_already_ends_in_the_next_turn() -> None:
    (task,) = await started(1)
    Deadlines().put("late", task, -1)
    assert not task.cancelling()
    await asyncio.sleep(0)
    assert task.cancelling()


@pytest.mark.parametrize(("sooner", "is_same"), [(0.0005, True), (0.5, False)])
@pytest.mark.looptime
async def test_one_out_of_order_waits_for_the_last_or_in_a_queue_of_its_own(sooner: float, is_same: bool) -> None:
    loop, deadlines = asyncio.get_running_loop(), Deadlines()
    first, second = await started(2)
    began = loop.time()
    before = deadlines.put("first", first, 2)
    assert (deadlines.put("second", second, 2 - sooner) is before) is is_same
    await asyncio.wait([second])
    assert loop.time() - began == pytest.approx(2 if is_same else 1.5)
    await asyncio.wait([first])
    assert loop.time() - began == pytest.approx(2)


def test_loops_that_were_closed_are_forgotten() -> None:
    deadlines: Any = Deadlines()

    async def begin() -> None:
        (task,) = await started(1)
        deadlines.put("one", task, 1000)

    for _ in range(3):
        asyncio.run(begin())
    assert len(deadlines._queues) == 1
