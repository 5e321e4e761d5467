"""What do tests put in the place of a client, and how do they see the calls?"""

from __future__ import annotations

import asyncio
import atexit
import functools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from slixmpp.api import APIRegistry

from slixmpp_pipeline.call import Call
from slixmpp_pipeline.handlers.registrations import require_text
from slixmpp_pipeline.jids import parse_jid

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from slixmpp_pipeline.layers.layer import CallNext


_T = TypeVar("_T")


class FakePlugin:
    """A plugin that has what a registry looks at: its `api`.

    >>> from slixmpp_pipeline import install
    >>> xmpp = FakeClient(plugins=["xep_0054"])
    >>> api = install(xmpp)
    >>> plugin = xmpp.plugin["xep_0054"]
    >>> plugin.api.register(lambda jid, node, ifrom, args: "a vCard", "get_vcard")
    >>> plugin.api["get_vcard"]().result()
    'a vCard'
    """

    def __init__(self, xmpp: FakeClient, name: str) -> None:
        if not isinstance(getattr(xmpp, "api", None), APIRegistry):
            raise TypeError(f"xmpp: {xmpp!r} is {type(xmpp).__name__}; a client with a registry as its api is allowed")
        require_text(name, "name")
        self.api = xmpp.api.wrap(name)


class FakeClient:
    """What a registry touches of a client or component, and nothing else; it starts with slixmpp's own registry.

    `plugins` are the names of plugins to make. `loop` None means the running loop, or else one that does not
    run: there plain handlers answer at once, and coroutine handlers wait for `loop.run_until_complete(future)`.

    >>> from slixmpp_pipeline import install
    >>> api = install(FakeClient("juliet@capulet.example"))
    >>> api.register(lambda jid, node, ifrom, args: str(jid), "any", "op")
    >>> api.run("any", "op").result()
    'juliet@capulet.example'
    """

    def __init__(
        self,
        jid: str = "juliet@capulet.example/balcony",
        *,
        is_component: bool = False,
        loop: asyncio.AbstractEventLoop | None = None,
        plugins: Iterable[str] = (),
    ) -> None:
        if isinstance(plugins, str) or not isinstance(plugins, Iterable):
            raise TypeError(f"plugins: {plugins!r} is {type(plugins).__name__}; a list of names is allowed")
        if not isinstance(is_component, bool):
            raise TypeError(
                f"is_component: {is_component!r} is {type(is_component).__name__}; True or False is allowed"
            )
        if loop is not None and not isinstance(loop, asyncio.AbstractEventLoop):
            raise TypeError(f"loop: {loop!r} is {type(loop).__name__}; an event loop or None is allowed")
        self.boundjid = parse_jid(jid)
        self.is_component = is_component
        self.loop = loop or _running_or_idle_loop()
        self.api: Any = cast("Any", APIRegistry)(self)
        for name in (names := list(plugins)):
            require_text(name, "plugins")
        self.plugin = {name: FakePlugin(self, name) for name in names}

    def wrap(self, awaitable: Awaitable[_T]) -> asyncio.Future[_T]:
        """Make a future of the client's loop, as slixmpp's clients do."""
        return asyncio.ensure_future(awaitable, loop=self.loop)


@dataclass(frozen=True, slots=True, eq=False)
class Recorder:
    """A layer that passes calls on and remembers them: `calls`, each with its `events`, and what it returned or raised.

    >>> from slixmpp_pipeline import install
    >>> recorder = Recorder()
    >>> api = install(FakeClient(), recorder)
    >>> future = api.run("any", "op", args=1)
    >>> [call.op for call in recorder.calls], recorder.outcomes
    (['op'], [None])
    """

    calls: list[Call] = field(default_factory=list, repr=False)
    outcomes: list[Any] = field(default_factory=list, repr=False)

    taskless: ClassVar[bool] = True
    role: ClassVar[str] = "handler"
    reads_events: ClassVar[bool] = True

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        """Pass the call on, once."""
        self.calls.append(call)
        try:
            outcome = await call_next(call)
        except BaseException as error:
            self.outcomes.append(error)
            raise
        self.outcomes.append(outcome)
        return outcome


def _running_or_idle_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return idle_loop()


@functools.cache
def idle_loop() -> asyncio.AbstractEventLoop:
    """Return the loop of all the fakes that have none: it never runs by itself, and is closed at exit."""
    loop = asyncio.new_event_loop()
    atexit.register(loop.close)
    return loop
