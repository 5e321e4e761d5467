"""How is a call written to a file, and read from it? One JSON object a line (docs/reference/lines.md)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Final, Literal, TypeAlias

import msgspec

from slixmpp_inspector.recorded import RecordedCall, Span

if TYPE_CHECKING:
    from slixmpp_inspector.holds import Hold

VERSION: Final = 1


_Seconds: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
_Time: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=253_402_300_799)]  # the year 9999
_Times: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=10**9)]


class Line(msgspec.Struct, omit_defaults=True, frozen=True):
    """A line: a call if it has `seconds`, a hold if it has `hold`; or it tells how many calls were `dropped` before."""

    v: Literal[1]
    at: _Time = 0.0
    ctype: str | None = None
    op: str | None = None
    handler: str | None = None
    tier: str | None = None
    outcome: str = ""
    error: str | None = None
    seconds: _Seconds | None = None
    held: _Seconds | None = None
    cache: str | None = None
    attempts: _Times = 1
    weight: _Times = 1
    spans: tuple[tuple[str, float, float], ...] = ()
    jid: str | None = None
    ifrom: str | None = None
    hold: tuple[_Time, _Time] | None = None
    stack: tuple[str, ...] = ()
    dropped: int = 0


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Line).decode


def of_call(call: RecordedCall, weight: int) -> Line:
    """Return the line of a call, which stands for `weight` of them."""
    return Line(
        v=VERSION,
        at=call.began,
        ctype=call.ctype,
        op=call.op,
        handler=call.handler,
        tier=call.tier,
        outcome=call.outcome,
        error=call.error,
        seconds=call.seconds,
        held=call.held or None,
        cache=call.cache,
        attempts=call.attempts,
        weight=weight,
        spans=call.spans,
        jid=call.jid,
        ifrom=call.ifrom,
    )


def of_hold(hold: Hold) -> Line:
    """Return the line of a hold that is over."""
    return Line(
        v=VERSION,
        ctype=hold.ctype,
        op=hold.op,
        handler=hold.handler,
        tier=hold.tier,
        hold=(hold.began, hold.began + hold.seconds),
        stack=hold.stack,
    )


def encoded(line: Line) -> bytes:
    """Return a line as it stands in a file. What is no text, such as a file's name in another encoding, is escaped."""
    try:
        return _encode(line) + b"\n"
    except UnicodeEncodeError:
        return _encode(_in_utf8(msgspec.structs.asdict(line))) + b"\n"


def _in_utf8(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        default = Line(v=VERSION)
        return {name: _in_utf8(one) for name, one in value.items() if name == "v" or one != getattr(default, name)}
    return [_in_utf8(one) for one in value] if isinstance(value, tuple) else value


def call_of(line: Line, held: float = 0.0) -> RecordedCall:
    """Return the call of a line that has `seconds`; `held` are those in which others held the loop."""
    return RecordedCall(
        began=line.at,
        ctype=line.ctype or "",
        op=line.op or "",
        handler=line.handler,
        tier=line.tier or "",
        seconds=line.seconds or 0.0,
        held=held,
        outcome=line.outcome,
        error=line.error,
        cache=line.cache,
        attempts=line.attempts,
        spans=tuple(Span(*one) for one in line.spans),
        jid=line.jid,
        ifrom=line.ifrom,
    )


def read(file: BinaryIO) -> Iterator[tuple[int, Line | str]]:
    """Iterate over the lines of a file with their numbers, from 1: each as a `Line`, or what is wrong with it.

    An empty line is left out, and so is half a line at the end: somebody is writing it.
    """
    for number, text in enumerate(file, 1):
        if not text.endswith(b"\n"):
            try:
                yield number, _decode(text)
            except (msgspec.DecodeError, UnicodeDecodeError):
                return
        elif text != b"\n":
            try:
                yield number, _decode(text)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                yield number, str(error)
