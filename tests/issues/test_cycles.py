"""What failed is gone when nobody holds it, without the garbage collector."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from slixmpp.exceptions import XMPPError

from slixmpp_middleware import Caching, Logging, Metrics, Retry, Timeout, Tracing
from slixmpp_pipeline import Entry, Layer, install
from slixmpp_pipeline.catalogue import Resource, bare_jid
from slixmpp_pipeline.testing import FakeClient

READ = Entry(reads=((Resource("weather", "data"), bare_jid),), cacheable=True, repeatable=True)


class Held:
    """What a handler has in its hands when it fails."""


async def no_sleep(_seconds: float) -> None:
    await asyncio.sleep(0)


def logged() -> Layer:
    return Logging(logger=structlog.wrap_logger(None, processors=[structlog.testing.LogCapture()]))


def all_layers() -> list[Layer]:
    providers: list[Layer] = [Tracing(TracerProvider()), Metrics(MeterProvider())]
    return [logged(), *providers, Caching(60), Timeout(0.05), Retry(2, sleep=no_sleep), Timeout(0.01)]


STACKS: dict[str, Callable[[], list[Layer]]] = {
    "no layer": list,
    "Logging": lambda: [logged()],
    "Tracing": lambda: [Tracing(TracerProvider())],
    "Metrics": lambda: [Metrics(MeterProvider())],
    "Caching": lambda: [Caching(60)],
    "Timeout": lambda: [Timeout(0.01)],
    "Retry": lambda: [Retry(3, sleep=no_sleep)],
    "all of them": all_layers,
}
ENDS = ["at once", "in a coroutine", "after a wait", "an XMPPError", "too late", "cancelled", "a stray cancellation"]


@pytest.fixture(autouse=True)
def collector_is_off() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


class Failing:
    """A handler that fails in some way, and what it held then."""

    def __init__(self, end: str) -> None:
        self.end = end
        self.held: list[weakref.ref[Held]] = []

    def hold(self) -> Held:
        held = Held()
        self.held.append(weakref.ref(held))
        return held

    def plain(self, jid: Any, node: Any, ifrom: Any, args: Any) -> None:
        held = self.hold()
        raise OSError(str(held is None))

    async def coroutine(self, jid: Any, node: Any, ifrom: Any, args: Any) -> None:
        held = self.hold()
        match self.end:
            case "after a wait":
                await asyncio.sleep(0)
            case "an XMPPError":
                await asyncio.sleep(0)
                raise XMPPError("resource-constraint", etype="wait")
            case "too late" | "cancelled":
                await asyncio.get_running_loop().create_future()
            case "a stray cancellation":
                future = asyncio.get_running_loop().create_future()
                future.cancel()
                await future
        raise OSError(str(held is None))


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("end", ENDS)
async def test_what_a_failed_handler_held_is_gone(stack: str, end: str) -> None:
    if end == "too late" and "Timeout" not in stack and stack != "all of them":
        pytest.skip("no layer would end it")
    failing = Failing(end)
    api = install(FakeClient(), *STACKS[stack]())
    api.declare("weather", "get", READ)
    api.register(failing.plain if end == "at once" else failing.coroutine, "weather", "get")

    async def ask() -> None:
        future = None
        try:
            future = api.run("weather", "get")
            if end == "cancelled":
                await asyncio.sleep(0)
                future.cancel()
            await future
        except (Exception, asyncio.CancelledError):
            pass
        finally:
            del future

    task = asyncio.create_task(ask())
    await asyncio.wait([task])
    del task
    for _ in range(6):
        await asyncio.sleep(0)

    assert failing.held
    assert [one() for one in failing.held] == [None] * len(failing.held)


async def test_ended_flight_keeps_no_arguments_of_its_leader() -> None:
    """A task that the handler started goes on, in the context of the flight."""
    gate = asyncio.Event()
    started: list[asyncio.Task[Any]] = []
    given: list[weakref.ref[Held]] = []

    async def get(jid: Any, node: Any, ifrom: Any, args: Any) -> str:
        started.append(asyncio.create_task(gate.wait()))
        await asyncio.sleep(0)
        return "rain"

    api = install(FakeClient(), Caching(60, key=lambda call: "key"))
    api.register(get, "weather", "get")
    held = Held()
    given.append(weakref.ref(held))
    await api.run("weather", "get", args=held)
    del held
    await asyncio.sleep(0)

    assert given[0]() is None
    gate.set()
    await started[0]
