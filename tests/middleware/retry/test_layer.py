"""Retry makes a call again when that may help, and only then."""

from __future__ import annotations

import asyncio
import errno
import gc
import traceback
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slixmpp import JID, Iq, Message
from slixmpp.exceptions import IqError, IqTimeout, XMPPError

from slixmpp_middleware import Retry, Timeout
from slixmpp_pipeline import Call, CallAborted, CallNext, CallTimeout, Event, Layer, install
from slixmpp_pipeline.testing import FakeClient, Recorder, check_layer
from tests.layers import passing
from tests.middleware.retry.attempts import (
    KINDS,
    OP,
    Failing,
    Waits,
    coroutine,
    outcome,
    plain,
    retried,
    returning,
    waiting,
)

# Alone, Retry is driven by hand in front of a plain function; a user's layer makes the whole call a Task.
AROUND = pytest.mark.parametrize("around", [pytest.param([], id="alone"), pytest.param([passing], id="in a layer")])


def time() -> float:
    """Return the loop's time, which is virtual in these tests and starts at 0."""
    return asyncio.get_running_loop().time()


def notes_of(error: BaseException) -> list[str]:
    return list(getattr(error, "__notes__", []))


class Held(ConnectionError):
    """Unlike the standard library's own, one that weak references can point to."""


class Typed(XMPPError, ConnectionError):
    """An error of the operating system of which XMPP says what to do."""

    def __init__(self, etype: Any) -> None:
        super().__init__(etype=etype)


def iq_error(etype: str) -> IqError:
    iq = Iq()
    iq["error"]["type"] = etype
    return IqError(iq)


CALL = Call(*OP, JID("a@b"), "", None, None)

PASSING: list[Exception] = [
    XMPPError(etype="wait"),
    XMPPError("recipient-unavailable"),
    iq_error("wait"),
    IqTimeout(Iq()),
    CallTimeout(CALL, 1),
    TimeoutError(),
    ConnectionResetError(),
    OSError(errno.ENOSPC, "no space left on the disk"),
    Typed("wait"),
]
LASTING: list[Exception] = [
    XMPPError(etype="auth"),
    XMPPError(etype="cancel"),
    XMPPError(etype="modify"),
    XMPPError("item-not-found"),
    iq_error("cancel"),
    CallAborted(CALL),
    Typed("auth"),
    Typed("cancel"),
    LookupError(),
    ValueError(),
    ExceptionGroup("several", [ConnectionError()]),
]


def error_id(error: object) -> str:
    return f"{type(error).__name__} {getattr(error, 'etype', '')}"


@AROUND
@KINDS
class TestCall:
    async def test_that_fails_for_a_while_is_answered(self, kind: Any, around: tuple[Layer, ...]) -> None:
        failing = Failing([ConnectionError(), TimeoutError()])
        assert await outcome(retried(kind(failing), around=tuple(around))) == "answer"
        assert len(failing.attempts) == 3

    async def test_that_succeeds_is_made_once(self, kind: Any, around: tuple[Layer, ...]) -> None:
        failing, waits = Failing([]), Waits()
        assert await outcome(retried(kind(failing), around=tuple(around), sleep=waits)) == "answer"
        assert (len(failing.attempts), waits.seconds) == (1, [])

    async def test_that_goes_on_failing_raises_the_last_error_itself(
        self, kind: Any, around: tuple[Layer, ...]
    ) -> None:
        first, second, last = errors = [ConnectionError(1), ConnectionError(2), ConnectionError(3)]
        error = await outcome(retried(kind(Failing(list(errors))), around=tuple(around)))
        assert error is last
        assert notes_of(last) == ["xep_0054 get_vcard failed in 3 attempts"]
        assert notes_of(first) == notes_of(second) == []
        assert last.__context__ is None

    @pytest.mark.parametrize("lasting", LASTING, ids=error_id)
    async def test_is_not_repeated_after_an_error_that_lasts(
        self, kind: Any, around: tuple[Layer, ...], lasting: Exception
    ) -> None:
        failing, waits = Failing([lasting]), Waits()
        assert await outcome(retried(kind(failing), around=tuple(around), sleep=waits)) is lasting
        assert (len(failing.attempts), waits.seconds, notes_of(lasting)) == (1, [], [])

    @pytest.mark.parametrize("error", PASSING, ids=error_id)
    async def test_is_repeated_after_an_error_that_passes(
        self, kind: Any, around: tuple[Layer, ...], error: Exception
    ) -> None:
        assert await outcome(retried(kind(Failing([error])), around=tuple(around))) == "answer"

    async def test_ends_with_an_error_that_lasts(self, kind: Any, around: tuple[Layer, ...]) -> None:
        lasting = LookupError()
        failing = Failing([ConnectionError(), lasting])
        assert await outcome(retried(kind(failing), 5, tuple(around))) is lasting
        assert len(failing.attempts) == 2
        assert notes_of(lasting) == ["xep_0054 get_vcard failed in 2 attempts"]

    async def test_with_one_attempt_is_never_repeated(self, kind: Any, around: tuple[Layer, ...]) -> None:
        error = ConnectionError()
        failing = Failing([error])
        assert await outcome(retried(kind(failing), 1, tuple(around))) is error
        assert (len(failing.attempts), notes_of(error)) == (1, [])


async def test_layer_that_is_called_without_a_route_repeats_as_well() -> None:
    failing, waits = Failing([ConnectionError(), ConnectionError()]), Waits()

    async def call_next(call: Call) -> Any:
        return failing.act(call.jid, call.node, call.ifrom, call.args)

    call = Call("any", "op", JID("romeo@montague.example"), "", None, None)
    assert await Retry(3, sleep=waits)(call, call_next) == "answer"
    assert len(failing.attempts) == 3


class TestAttempts:
    @pytest.mark.parametrize("failures", [0, 1, 2])
    async def test_after_the_first_are_reported_with_the_error_before_them(self, failures: int) -> None:
        recorder = Recorder()
        api = retried(plain(Failing([ConnectionError() for _ in range(failures)])), around=(recorder,))
        assert await outcome(api) == "answer"
        assert [event for event, _ in recorder.calls[0].events] == [
            Event("retry", {"attempt": attempt, "error_type": "ConnectionError"}) for attempt in range(2, failures + 2)
        ]

    async def test_are_reported_as_they_begin(self) -> None:
        seen: list[Any] = []

        async def watching(call: Call, call_next: CallNext, /) -> Any:
            seen.append([event.fields["attempt"] for event, _ in call.events])
            return await call_next(call)

        api = retried(plain(Failing([ConnectionError(), ConnectionError()])), around=(Recorder(),))
        api.use(watching)
        assert await outcome(api) == "answer"
        assert seen == [[], [2], [2, 3]]

    async def test_go_through_the_layers_inside_and_not_outside(self) -> None:
        outside, inside = Recorder(), Recorder()
        errors: list[Exception] = [ConnectionError(), ConnectionError()]
        api = retried(plain(Failing(list(errors))), around=(outside,))
        api.use(inside)
        assert await outcome(api) == "answer"
        assert (outside.outcomes, inside.outcomes) == (["answer"], [*errors, "answer"])

    async def test_of_a_layer_inside_that_fails_are_made_again(self) -> None:
        errors = [ConnectionError(), ConnectionError()]

        async def limited(call: Call, call_next: CallNext, /) -> Any:
            if errors:
                raise errors.pop()
            return await call_next(call)

        failing = Failing([])
        api = retried(plain(failing))
        api.use(limited)
        assert await outcome(api) == "answer"
        assert len(failing.attempts) == 1

    async def test_go_to_the_handler_that_is_there_by_then(self) -> None:
        async def sleep(seconds: float) -> None:
            api.register(lambda jid, node, ifrom, args: "another", *OP)

        api = retried(plain(Failing([ConnectionError()])), sleep=sleep)
        assert await outcome(api) == "another"


class TestError:
    async def test_object_raised_again_and_again_has_one_note(self) -> None:
        error = ConnectionError()
        for _ in range(3):
            assert await outcome(retried(plain(Failing([error] * 3)))) is error
        assert notes_of(error) == ["xep_0054 get_vcard failed in 3 attempts"]

    async def test_that_takes_no_note_comes_out_all_the_same(self) -> None:
        @dataclass(frozen=True)
        class Frozen(ConnectionError):
            reason: str

        error = Frozen("disk")
        assert await outcome(retried(plain(Failing([error] * 3)))) is error

    @AROUND
    @pytest.mark.parametrize("failures", [1, 3])
    async def test_has_one_frame_of_this_layer(self, failures: int, around: list[Layer]) -> None:
        errors: list[Exception] = [LookupError()] if failures == 1 else [ConnectionError() for _ in range(3)]
        last = errors[-1]
        assert await outcome(retried(plain(Failing(errors)), around=tuple(around))) is last
        frames = [
            frame
            for frame in traceback.extract_tb(last.__traceback__)
            if Path(frame.filename).parts[-3:-1] == ("slixmpp_middleware", "retry")
        ]
        assert len(frames) == 1

    async def test_is_gone_when_nobody_holds_it(self) -> None:
        """A reference cycle would keep what the frames of the traceback hold until the collector runs."""
        gone: list[weakref.ref[Exception]] = []

        async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            error = Held()
            gone.append(weakref.ref(error))
            try:
                raise error
            finally:
                del error

        api = retried(handler)
        gc.collect()
        gc.disable()
        try:
            assert type(await outcome(api)) is Held
            for _ in range(2):  # the loop's own handles of what has ended
                await asyncio.sleep(0)
            assert [error() for error in gone] == [None, None, None]
        finally:
            gc.enable()

    async def test_of_a_plain_function_that_lasts_leaves_at_the_call(self) -> None:
        error = LookupError()
        with pytest.raises(LookupError) as raised:
            _ = retried(plain(Failing([error]))).run(*OP)
        assert raised.value is error

    @pytest.mark.looptime
    async def test_of_a_plain_function_that_had_to_wait_leaves_through_the_future(self) -> None:
        last = ConnectionError()
        api = retried(plain(Failing([ConnectionError(), last])), 2, sleep=asyncio.sleep)
        future = api.run(*OP)
        assert not future.done()
        await asyncio.wait([future])
        assert future.exception() is last
        assert api.pending == 0


def generated() -> Iterator[int]:
    yield 1


async def generated_asynchronously() -> Any:
    yield 1


class Unruly(dict[str, Any]):
    def __copy__(self) -> Any:
        raise RuntimeError("no copies")


def tagged() -> Message:
    message = Message()
    vars(message)["tags_of_the_application"] = ["not in the XML"]
    return message


class TestArgs:
    @pytest.mark.parametrize("make", [Unruly, tagged, lambda: [tagged()]])
    async def test_that_cannot_be_copied_are_not_sent_again(self, make: Callable[[], Any]) -> None:
        error, args = ConnectionError(), make()
        failing = Failing([error])
        assert await outcome(retried(plain(failing)), args=args) is error
        assert [attempt[3] for attempt in failing.attempts] == [args]

    @pytest.mark.parametrize("wrap", [lambda it: it, lambda it: {"data": it}, lambda it: {"a": 1, "data": it, "z": 2}])
    @pytest.mark.parametrize(
        "make", [generated, generated_asynchronously, lambda: iter([1]), lambda: zip([1], [2], strict=True)]
    )
    async def test_that_are_used_up_are_not_sent_again(
        self, make: Callable[[], Any], wrap: Callable[[Any], Any]
    ) -> None:
        error = ConnectionError()
        failing = Failing([error])
        assert await outcome(retried(plain(failing)), args=wrap(make())) is error
        assert len(failing.attempts) == 1

    @pytest.mark.parametrize("args", [None, "text", 5, [1], (1,), {"a": [1]}, {}, Iq(), {"iq": Iq()}], ids=repr)
    async def test_that_are_not_used_up_are_sent_again(self, args: Any) -> None:
        failing = Failing([ConnectionError()])
        assert await outcome(retried(plain(failing)), args=args) == "answer"
        assert [attempt[3] == args for attempt in failing.attempts] == [True, True]
        assert failing.attempts[0][3] is args


class TestOp:
    @pytest.mark.parametrize(
        ("ctype", "op", "reason"),
        [
            ("xep_0047", "authorized_sid", "may not be repeated"),
            ("xep_0065", "authorized_sid", "may not be repeated"),
            ("xep_0128", "add_extended_info", "may not be repeated"),
            ("weather", "get", "not in the catalogue"),
            ("xep_0054", "unknown", "not in the catalogue"),
        ],
    )
    async def test_that_may_not_be_repeated_is_not(self, ctype: str, op: str, reason: str) -> None:
        error = ConnectionError()
        failing = Failing([error])
        api = install(FakeClient(), Retry(sleep=Waits()))
        api.register(failing.act, ctype, op)
        with pytest.raises(ConnectionError) as raised:
            _ = api.run(ctype, op)
        assert raised.value is error
        assert len(failing.attempts) == 1
        assert f"left out: {reason}" in str(api.explain(ctype, op))

    def test_that_may_be_repeated_is_explained_with_the_settings(self) -> None:
        api = install(FakeClient(), Retry(5))
        assert "1. Retry(attempts=5) [everywhere]" in str(api.explain(*OP))

    def test_with_retries_in_retries_is_named_by_lint(self) -> None:
        api = install(FakeClient(), Retry(), Retry(2))
        api.register(lambda jid, node, ifrom, args: None, *OP)
        reasons = {finding.reason for finding in api.lint()}
        assert reasons == {"retries nested in retries multiply the attempts"}

    async def test_with_retries_in_retries_multiplies_the_attempts(self) -> None:
        failing = Failing([ConnectionError() for _ in range(6)])
        api = retried(plain(failing), 2, around=(Retry(3, sleep=Waits()),))
        assert isinstance(await outcome(api), ConnectionError)
        assert len(failing.attempts) == 6


fractions = st.floats(0, 1)
seconds = st.floats(1e-6, 1e6)


class TestDelay:
    @given(st.lists(fractions, min_size=1, max_size=12), seconds, st.floats(1, 1e6))
    def test_is_full_jitter(self, drawn: list[float], base: float, factor: float) -> None:
        waits, numbers, maximum = Waits(), iter(drawn), base * factor

        async def main() -> None:
            settings: dict[str, Any] = {
                "sleep": waits,
                "random": lambda: next(numbers),
                "base": base,
                "maximum": maximum,
            }
            error = await outcome(retried(plain(Failing([ConnectionError()] * 20)), len(drawn) + 1, **settings))
            assert isinstance(error, ConnectionError)

        asyncio.run(main())
        windows = [min(maximum, base * 2**n) for n in range(len(drawn))]
        expected = [number * window for number, window in zip(drawn, windows, strict=True)]
        assert waits.seconds == pytest.approx(expected, rel=1e-9)
        assert all(0 <= waited <= maximum for waited in waits.seconds)

    async def test_does_not_overflow(self) -> None:
        waits = Waits()
        failing = Failing([ConnectionError() for _ in range(1200)])
        assert await outcome(retried(plain(failing), 1200, sleep=waits, random=lambda: 1.0)) is not None
        assert waits.seconds[-1] == max(waits.seconds) == 2

    async def test_is_random_unless_told_otherwise(self) -> None:
        waits = Waits()
        for _ in range(20):
            assert (
                await outcome(retried(plain(Failing([ConnectionError(), ConnectionError()])), sleep=waits)) == "answer"
            )
        assert len(set(waits.seconds)) == 40
        assert all(0 <= waited < 0.05 for waited in waits.seconds[::2])
        assert all(0 <= waited < 0.1 for waited in waits.seconds[1::2])
        assert max(waits.seconds[1::2]) > 0.05  # fails once in a million runs

    async def test_is_the_same_for_the_same_randomness(self) -> None:
        first, second = Waits(), Waits()
        for waits in (first, second):
            api = retried(plain(Failing([ConnectionError()] * 9)), 9, sleep=waits, random=Random(7).random)
            assert isinstance(await outcome(api), ConnectionError)
        assert first == second
        assert len(set(first.seconds)) == 8

    @AROUND
    @KINDS
    @pytest.mark.looptime
    async def test_passes_between_the_attempts(self, kind: Any, around: list[Layer]) -> None:
        times: list[float] = []

        def act(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            times.append(time())
            raise ConnectionError

        failing: Any = Failing([])
        failing.act = act
        api = retried(kind(failing), 8, around=tuple(around), sleep=asyncio.sleep, random=lambda: 1.0)
        assert isinstance(await outcome(api), ConnectionError)
        assert times == pytest.approx([0, 0.05, 0.15, 0.35, 0.75, 1.55, 3.15, 5.15], abs=1e-6)
        assert api.pending == 0

    @pytest.mark.parametrize("failures", [1, 2])
    async def test_that_fails_itself_shows_the_error_before_it_too(self, failures: int) -> None:
        errors: list[Exception] = [ConnectionError(str(index)) for index in range(failures)]
        last = errors[-1]

        async def sleep(seconds: float) -> None:
            if not failing.errors:
                raise ZeroDivisionError

        failing = Failing(errors)
        error = await outcome(retried(plain(failing), sleep=sleep))
        assert isinstance(error, ZeroDivisionError)
        assert error.__context__ is last


@AROUND
@pytest.mark.looptime
class TestTimeout:
    async def test_outside_ends_the_call(self, around: list[Layer]) -> None:
        api = install(FakeClient(), *around, Timeout(5, clock=time), Retry(100, random=lambda: 1.0))
        failing = Failing([ConnectionError() for _ in range(100)])
        api.register(failing.act, *OP)
        error = await outcome(api)
        assert isinstance(error, CallTimeout)
        assert error.seconds == 5
        assert (time(), len(failing.attempts)) == (5, 7)

    @pytest.mark.parametrize("failures", [0, 1])
    async def test_outside_ends_the_call_when_the_handler_makes_its_own_error_of_that(
        self, around: list[Layer], failures: int
    ) -> None:
        attempts: list[float] = []

        async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            attempts.append(time())
            if len(attempts) <= failures:
                raise ConnectionError
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                raise ConnectionError from None

        api = install(FakeClient(), *around, Timeout(5, clock=time), Retry(random=lambda: 1.0))
        api.register(handler, *OP)
        assert isinstance(await outcome(api), ConnectionError)
        assert (time(), len(attempts)) == (5, failures + 1)

    async def test_inside_ends_one_attempt(self, around: list[Layer]) -> None:
        api = install(FakeClient(), *around, Retry(random=lambda: 1.0), Timeout(2, clock=time))
        attempts: list[float] = []

        async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
            attempts.append(time())
            if len(attempts) < 3:
                await asyncio.sleep(10)
            return "answer"

        api.register(handler, *OP)
        assert await outcome(api) == "answer"
        assert attempts == pytest.approx([0, 2.05, 4.15])


@AROUND
@pytest.mark.looptime
class TestCancellation:
    @KINDS
    async def test_while_it_sleeps_ends_the_call(self, kind: Any, around: list[Layer]) -> None:
        failing = Failing([ConnectionError() for _ in range(3)])
        settings: dict[str, Any] = {"sleep": asyncio.sleep, "random": lambda: 1.0, "base": 10, "maximum": 10}
        api = retried(kind(failing), around=tuple(around), **settings)
        future = api.run(*OP)
        await asyncio.sleep(3)
        future.cancel()
        await asyncio.wait([future])
        assert future.cancelled()
        assert (time(), len(failing.attempts), api.pending) == (3, 1, 0)

    @pytest.mark.parametrize("turns", [0, 1, 2])
    async def test_at_any_time_ends_the_call(self, around: list[Layer], turns: int) -> None:
        failing = Failing([ConnectionError() for _ in range(3)])
        api = retried(waiting(failing), around=tuple(around), sleep=asyncio.sleep, random=lambda: 1.0)
        future = api.run(*OP)
        for _ in range(turns):
            await asyncio.sleep(0)
        future.cancel()
        await asyncio.wait([future])
        assert future.cancelled()
        assert len(failing.attempts) <= 1

    async def test_of_which_the_handler_makes_its_own_error_is_not_repeated(self, around: list[Layer]) -> None:
        attempts: list[float] = []

        async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            attempts.append(time())
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                raise ConnectionError from None

        api = retried(handler, around=tuple(around))
        future = api.run(*OP)
        await asyncio.sleep(1)
        future.cancel()
        await asyncio.wait([future])
        assert isinstance(future.exception(), ConnectionError)
        assert attempts == [0]

    async def test_of_the_caller_does_not_keep_its_cleaning_up_from_being_repeated(self, around: list[Layer]) -> None:
        failing = Failing([ConnectionError(), ConnectionError()])
        api = retried(plain(failing), around=tuple(around))
        answers: list[Any] = []

        async def caller() -> None:
            try:
                await asyncio.sleep(10)
            finally:
                answers.append(await api.run(*OP))

        task = asyncio.create_task(caller())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        assert answers == ["answer"]


@AROUND
class TestLoopOff:
    def test_plain_functions_error_comes_out_at_once(
        self, around: list[Layer], idle_loop: asyncio.AbstractEventLoop
    ) -> None:
        error, waits = ConnectionError(), Waits()
        failing = Failing([error])
        api = install(FakeClient(loop=idle_loop), *around, Retry(sleep=waits))
        api.register(failing.act, *OP)
        with pytest.raises(ConnectionError) as raised:
            _ = api.run(*OP)
        assert raised.value is error
        assert (len(failing.attempts), waits.seconds, notes_of(error), api.pending) == (1, [], [], 0)

    async def test_and_another_one_running_repeats_nothing(
        self, around: list[Layer], idle_loop: asyncio.AbstractEventLoop
    ) -> None:
        failing = Failing([ConnectionError()])
        api = install(FakeClient(loop=idle_loop), *around, Retry(sleep=Waits()))
        api.register(failing.act, *OP)
        with pytest.raises(ConnectionError):
            _ = api.run(*OP)
        assert len(failing.attempts) == 1

    def test_plain_functions_answer_is_there_at_once(
        self, around: list[Layer], idle_loop: asyncio.AbstractEventLoop
    ) -> None:
        api = install(FakeClient(loop=idle_loop), *around, Retry())
        api.register(Failing([]).act, *OP)
        assert api.run(*OP).result() == "answer"

    @pytest.mark.parametrize("kind", [coroutine, waiting, returning])
    def test_what_begins_with_the_loop_is_repeated_then(
        self, around: list[Layer], kind: Any, idle_loop: asyncio.AbstractEventLoop
    ) -> None:
        waits = Waits()
        failing = Failing([ConnectionError(), ConnectionError()])
        api = install(FakeClient(loop=idle_loop), *around, Retry(sleep=waits))
        api.register(kind(failing), *OP)
        future = api.run(*OP)
        assert waits.seconds == []
        assert idle_loop.run_until_complete(future) == "answer"
        assert (len(failing.attempts), len(waits.seconds)) == (3, 2)


class TestTask:
    async def test_of_a_plain_function_is_the_callers_until_it_fails(self) -> None:
        tasks: list[Any] = []

        def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            tasks.append(asyncio.current_task())
            raise ConnectionError

        assert isinstance(await outcome(retried(handler)), ConnectionError)
        assert tasks[0] is asyncio.current_task()
        assert tasks[1] is tasks[2] is not tasks[0]
        assert tasks[1].get_name() == "xep_0054 get_vcard"

    async def test_of_the_sleep_is_the_calls_own(self) -> None:
        tasks: list[Any] = []

        async def sleep(seconds: float) -> None:
            tasks.append(asyncio.current_task())

        assert await outcome(retried(plain(Failing([ConnectionError()])), sleep=sleep)) == "answer"
        assert [task.get_name() for task in tasks] == ["xep_0054 get_vcard"]


class TestLaws:
    def test_are_kept(self) -> None:
        check_layer(Retry)
        check_layer(Retry, ctype="xep_0054", op="get_vcard")


class TestSettings:
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"attempts": "3"}, "Retry: attempts: '3' is str; a whole number is allowed"),
            ({"attempts": 2.5}, "Retry: attempts: 2.5 is float; a whole number is allowed"),
            ({"attempts": True}, "Retry: attempts: True is bool; a whole number is allowed"),
            ({"attempts": None}, "Retry: attempts: None is NoneType; a whole number is allowed"),
            ({"base": "1"}, "Retry: base: '1' is str; a number of seconds is allowed"),
            ({"maximum": None}, "Retry: maximum: None is NoneType; a number of seconds is allowed"),
            ({"sleep": 1}, "Retry: sleep: 1 is int; a function is allowed"),
            ({"random": 0.5}, "Retry: random: 0.5 is float; a function is allowed"),
        ],
    )
    def test_of_the_wrong_type_are_refused(self, settings: Any, message: str) -> None:
        with pytest.raises(TypeError) as raised:
            Retry(**settings)
        assert str(raised.value) == message

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"attempts": 0}, "Retry: attempts: 0 is not allowed; a whole number of 1 or more is"),
            ({"attempts": -1}, "Retry: attempts: -1 is not allowed; a whole number of 1 or more is"),
            ({"base": 0}, "Retry: base: 0 is not allowed; a finite number above 0 is"),
            ({"maximum": float("inf")}, "Retry: maximum: inf is not allowed; a finite number above 0 is"),
            ({"maximum": 0.01}, "Retry: maximum: 0.01 is not allowed; base, 0.05, or more is"),
        ],
    )
    def test_out_of_range_are_refused(self, settings: Any, message: str) -> None:
        with pytest.raises(ValueError, match="is not allowed") as raised:
            Retry(**settings)
        assert str(raised.value) == message

    def test_show_in_the_repr(self) -> None:
        assert repr(Retry(5, base=1, maximum=1)) == "Retry(attempts=5, base=1, maximum=1)"

    def test_cannot_be_changed(self) -> None:
        retry: Any = Retry(5)
        with pytest.raises(AttributeError):
            retry.attempts = 6
