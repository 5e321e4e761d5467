"""What has to end by when? One timer of the loop for all that get the same time: what begins first is over first.

A timer for each call would be put on the loop's heap and taken off again, twice as dear as all the rest of a timeout.
Here a call that ends in time costs a place in a dict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Hashable

_RESOLUTION: Final = 0.001  # seconds; asyncio's timers on Linux wait for whole milliseconds


class Deadlines:
    """The deadlines of one layer: a queue for each loop."""

    __slots__ = ("_queues",)

    def __init__(self) -> None:
        self._queues: dict[asyncio.AbstractEventLoop, Queue] = {}

    def put(self, key: Hashable, task: asyncio.Task[Any], seconds: float) -> Queue:
        """Cancel `task` in so many seconds of its loop, unless `key` is taken out of the queue's `tasks` by then.

        Deadlines come in order, but for the calls that a call makes through the same layer before it suspends itself:
        its own came first. One that is out of order by no more than a timer's resolution takes the last deadline. For
        any other there is a new queue, and the one before goes on with what it has.
        """
        loop = task.get_loop()
        deadline = loop.time() + seconds
        queue = self._queues.get(loop)
        if queue is None or deadline < queue.last - _RESOLUTION:
            for closed in [one for one in self._queues if one.is_closed()]:
                del self._queues[closed]
            queue = self._queues[loop] = Queue(loop, deadline)
        queue.last = deadline = max(deadline, queue.last)
        queue.tasks[key] = deadline, task
        if not queue.has_timer:
            queue.look(deadline)
        return queue


class Queue:
    """Tasks with their deadlines, the first to be over first; `last` is the last deadline."""

    __slots__ = ("has_timer", "last", "loop", "tasks")

    def __init__(self, loop: asyncio.AbstractEventLoop, last: float) -> None:
        self.loop = loop
        self.tasks: dict[Hashable, tuple[float, asyncio.Task[Any]]] = {}
        self.last = last
        self.has_timer = False

    def look(self, deadline: float) -> None:
        """Look at the tasks at `deadline`; in the next turn of the loop if that is over, as asyncio's timeouts do."""
        self.has_timer = True
        if deadline <= self.loop.time():
            self.loop.call_soon(self._cancel_due, deadline)
        else:
            self.loop.call_at(deadline, self._cancel_due, deadline)

    def _cancel_due(self, looked_for: float) -> None:
        now = max(looked_for, self.loop.time())  # a loop may be early by its clock's resolution
        self.has_timer = False
        due = []
        for key, (deadline, _) in self.tasks.items():
            if deadline > now:
                self.look(deadline)
                break
            due.append(key)
        # That a key is gone says that its time is over. Taken out before any is cancelled: a task may end others.
        for task in [self.tasks.pop(key)[1] for key in due]:
            task.cancel()
