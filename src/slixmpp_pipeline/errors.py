"""Which errors does the pipeline raise, and what does a peer see of them?

```
slixmpp.exceptions.XMPPError
└── PipelineError
    ├── CallTimeout   (TimeoutError)   remote-server-timeout, wait
    ├── CallAborted   (RuntimeError)   internal-server-error, cancel
    └── CallRefused   (RuntimeError)   internal-server-error, cancel
```

Each is an `XMPPError`, so that slixmpp turns an unhandled one into the right error stanza (RFC 6120, section 8.3).
slixmpp sends `text` to the peer: it stays empty, and the details are in `str()`. A wrong argument is a TypeError or
ValueError, as everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from slixmpp.exceptions import XMPPError

if TYPE_CHECKING:
    from slixmpp.types import ErrorConditions, ErrorTypes

    from slixmpp_pipeline.call import Call


class PipelineError(XMPPError):
    """What the pipeline itself raises; `call` is the call it ended, `condition` and `etype` what a peer sees.

    A layer's own error inherits it, and may set `peer_condition` and `peer_type`. A pickled error carries the call
    without what need not be picklable: its arguments and handler.

    >>> from slixmpp import JID
    >>> from slixmpp_pipeline import Call
    >>> class Denied(PipelineError, PermissionError):
    ...     peer_condition = "forbidden"
    ...     peer_type = "auth"
    >>> call = Call("xep_0054", "get_vcard", JID("romeo@montague.example"), "", None, None)
    >>> error = Denied(call)
    >>> print(error, "->", error.condition)
    xep_0054 get_vcard failed -> forbidden
    """

    peer_condition: ErrorConditions = "internal-server-error"
    peer_type: ErrorTypes = "cancel"

    def __init__(self, call: Call) -> None:
        super().__init__(condition=self.peer_condition, etype=self.peer_type)
        self.call = call

    def __str__(self) -> str:
        return f"{self.call.ctype} {self.call.op} failed"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        bare = self.call._replace(args=None, found=None)
        return _restore, (type(self), {**self.__dict__, "call": bare})

    def __copy__(self) -> Self:
        copied: Self = _restore(type(self), self.__dict__)
        return copied


class CallTimeout(PipelineError, TimeoutError):
    """The call did not end within `seconds`.

    >>> from slixmpp import JID
    >>> from slixmpp_pipeline import Call
    >>> call = Call("xep_0054", "get_vcard", JID("romeo@montague.example"), "", None, None)
    >>> error = CallTimeout(call, 0.5)
    >>> print(error, "->", error.condition)
    xep_0054 get_vcard did not end within 0.5 s -> remote-server-timeout
    """

    peer_condition: ErrorConditions = "remote-server-timeout"
    peer_type: ErrorTypes = "wait"

    def __init__(self, call: Call, seconds: float) -> None:
        super().__init__(call)
        self.seconds = seconds

    def __str__(self) -> str:
        return f"{self.call.ctype} {self.call.op} did not end within {self.seconds:g} s"


class CallAborted(PipelineError, RuntimeError):
    """The call ended in a `CancelledError` that nobody had asked for.

    slixmpp calls the API inside its outgoing filters, where a `CancelledError` would stop the client's send queue for
    good. The original is the `__cause__`. Never worth a retry.

    >>> import asyncio
    >>> from slixmpp_pipeline import install
    >>> from slixmpp_pipeline.testing import FakeClient
    >>> def get_vcard(jid, node, ifrom, args):
    ...     raise asyncio.CancelledError
    >>> api = install(FakeClient())
    >>> api.register(get_vcard, "xep_0054", "get_vcard")
    >>> try:
    ...     api.run("xep_0054", "get_vcard")
    ... except CallAborted as error:
    ...     print(error)
    xep_0054 get_vcard ended in a CancelledError that nobody asked for
    """

    def __str__(self) -> str:
        return f"{self.call.ctype} {self.call.op} ended in a CancelledError that nobody asked for"


class CallRefused(PipelineError, RuntimeError):
    """The call needs the client's loop, and that runs in another thread.

    >>> import asyncio
    >>> from slixmpp_pipeline import install
    >>> from slixmpp_pipeline.testing import FakeClient
    >>> async def get_vcard(jid, node, ifrom, args): ...
    >>> async def main():
    ...     api = install(FakeClient())
    ...     api.register(get_vcard, "xep_0054", "get_vcard")
    ...     await asyncio.to_thread(api.run, "xep_0054", "get_vcard")
    >>> asyncio.run(main())  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    slixmpp_pipeline.errors.CallRefused: xep_0054 get_vcard has to wait, ...
    """

    def __str__(self) -> str:
        return (
            f"{self.call.ctype} {self.call.op} has to wait, and the client's loop runs in another thread; "
            "make the call there, with loop.call_soon_threadsafe()"
        )


def _restore(kind: type[PipelineError], attributes: dict[str, Any]) -> Any:
    error = kind.__new__(kind)
    error.__dict__.update(attributes)
    return error
