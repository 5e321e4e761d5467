"""What users test their layers with: a fake client, a recorder, and the laws."""

from __future__ import annotations

import asyncio
import copy
import types
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from typing import Any, ClassVar

import pytest
from slixmpp import JID

from slixmpp_middleware import Timeout
from slixmpp_pipeline import Call, CallAborted, CallNext, Layer, OptedOut, PipelineError, Route, Suspended
from slixmpp_pipeline.testing import LawBroken, Recorder, check_layer
from tests.layers import passing

SAME_RESULT = "the handler's own result object comes out"
SAME_ERROR = "the handler's own exception object comes out"
DONE = "the future is done if nothing suspends"
CANCELLED = "cancelling the future ends the call, cancelled"
CANCELLATION_REACHES = "a cancellation reaches the handler"
ABORTED = "CallAborted, for a cancellation that nobody asked for, passes"
CONTEXT = "a context variable set outside is seen inside"
NO_TASK = "no task is left behind"
LOOP_OFF = "a plain handler has acted when run() returns, the loop off"


class TestBrokenLayers:
    def test_swallowing_the_result(self) -> None:
        async def layer(call: Call, call_next: CallNext, /) -> Any:
            await call_next(call)

        broken(layer, SAME_RESULT)

    def test_copying_the_result(self) -> None:
        async def layer(call: Call, call_next: CallNext, /) -> Any:
            return copy.copy(await call_next(call))

        broken(layer, SAME_RESULT)

    def test_answering_without_the_handler(self) -> None:
        async def layer(call: Call, call_next: CallNext, /) -> Any:
            return "mine"

        broken(layer, SAME_RESULT)

    def test_wrapping_the_error(self) -> None:
        async def layer(call: Call, call_next: CallNext, /) -> Any:
            try:
                return await call_next(call)
            except Exception as error:
                raise PipelineError(call) from error

        broken(layer, SAME_ERROR)

    def test_raising_an_error_of_the_same_type(self) -> None:
        async def layer(call: Call, call_next: CallNext, /) -> Any:
            try:
                return await call_next(call)
            except Exception as error:
                raise type(error) from None

        broken(layer, SAME_ERROR)

    def test_swallowing_the_error(self) -> None:
        async def layer(call: Call, call_next: CallNext, /) -> Any:
            try:
                return await call_next(call)
            except Exception:
                return None

        broken(layer, SAME_ERROR)

    def test_returning_the_error(self) -> None:
        async def layer(call: Call, call_next: CallNext, /) -> Any:
            try:
                return await call_next(call)
            except Exception as error:
                return error

        broken(layer, SAME_ERROR)

    def test_suspending_before_the_call(self) -> None:
        async def layer(call: Call, call_next: CallNext, /) -> Any:
            await asyncio.sleep(0)
            return await call_next(call)

        broken(layer, DONE)

    def test_suspending_after_the_call(self) -> None:
        async def layer(call: Call, call_next: CallNext, /) -> Any:
            result = await call_next(call)
            await asyncio.sleep(0)
            return result

        broken(layer, DONE)

    def test_running_the_call_as_a_task_of_its_own(self) -> None:
        async def layer(call: Call, call_next: CallNext, /) -> Any:
            return await asyncio.create_task(call_next(call))

        broken(layer, DONE)

    def test_swallowing_cancellation(self) -> None:
        async def layer(call: Call, call_next: CallNext, /) -> Any:
            try:
                return await call_next(call)
            except asyncio.CancelledError:
                return None

        broken(layer, CANCELLED)

    def test_making_an_error_of_cancellation(self) -> None:
        async def layer(call: Call, call_next: CallNext, /) -> Any:
            try:
                return await call_next(call)
            except asyncio.CancelledError:
                raise TimeoutError from None

        broken(layer, CANCELLED)

    def test_keeping_cancellation_from_the_handler(self) -> None:
        async def layer(call: Call, call_next: CallNext, /) -> Any:
            inside = call_next(call)
            try:
                waits_for = inside.send(None)
            except StopIteration as stop:
                return stop.value
            return await asyncio.shield(Suspended(inside, waits_for))

        broken(layer, CANCELLATION_REACHES)

    def test_missing_a_cancellation_that_comes_at_once(self) -> None:
        async def layer(call: Call, call_next: CallNext, /) -> Any:
            inside = call_next(call)
            try:
                waits_for = inside.send(None)
            except StopIteration as stop:
                return stop.value
            await asyncio.sleep(0)  # cancelled here, the handler never hears of it
            return await Suspended(inside, waits_for)

        broken(layer, CANCELLATION_REACHES)

    def test_repeating_a_cancelled_call(self) -> None:
        async def layer(call: Call, call_next: CallNext, /) -> Any:
            while True:
                try:
                    return await call_next(call)
                except asyncio.CancelledError:
                    continue

        broken(layer, CANCELLED)

    def test_swallowing_call_aborted(self) -> None:
        async def layer(call: Call, call_next: CallNext, /) -> Any:
            try:
                return await call_next(call)
            except CallAborted:
                return None

        broken(layer, ABORTED)

    def test_making_another_error_of_call_aborted(self) -> None:
        async def layer(call: Call, call_next: CallNext, /) -> Any:
            try:
                return await call_next(call)
            except CallAborted as error:
                raise RuntimeError from error

        broken(layer, ABORTED)

    def test_making_a_cancellation_of_call_aborted(self) -> None:
        """As such it leaves the call as CallAborted again, but not as the one that the handler's end made."""

        async def layer(call: Call, call_next: CallNext, /) -> Any:
            try:
                return await call_next(call)
            except CallAborted:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
                raise asyncio.CancelledError from None

        broken(layer, ABORTED)

    def test_losing_context_variables(self) -> None:
        async def layer(call: Call, call_next: CallNext, /) -> Any:
            return await elsewhere(call_next(call))

        broken(layer, CONTEXT)

    def test_leaving_a_task_behind(self) -> None:
        tasks: list[asyncio.Task[bool]] = []

        async def layer(call: Call, call_next: CallNext, /) -> Any:
            tasks.append(asyncio.create_task(asyncio.Event().wait()))
            return await call_next(call)

        broken(layer, NO_TASK)

    def test_leaving_a_task_behind_after_an_error(self) -> None:
        tasks: list[asyncio.Task[bool]] = []

        async def layer(call: Call, call_next: CallNext, /) -> Any:
            try:
                return await call_next(call)
            except Exception:
                tasks.append(asyncio.create_task(asyncio.Event().wait()))
                raise

        broken(layer, NO_TASK)

    def test_not_running_the_handler_while_the_loop_is_off(self) -> None:
        async def layer(call: Call, call_next: CallNext, /) -> Any:
            try:
                asyncio.get_running_loop()
            except RuntimeError:
                return None
            return await call_next(call)

        broken(layer, LOOP_OFF)

    def test_needing_a_task_while_the_loop_is_off(self) -> None:
        async def layer(call: Call, call_next: CallNext, /) -> Any:
            async with asyncio.timeout(1000):
                return await call_next(call)

        broken(layer, LOOP_OFF)

    def test_that_let_only_some_calls_pass_says_how_to_ask_for_those(self) -> None:
        async def layer(call: Call, call_next: CallNext, /) -> Any:
            raise PermissionError

        broken(
            layer,
            SAME_RESULT,
            "; if the layer lets only some calls pass, say which: check_layer(..., op=..., ifrom=...)",
        )

    def test_that_forgot_to_return_or_to_await_says_so(self) -> None:
        async def unreturned(call: Call, call_next: CallNext, /) -> Any:
            await call_next(call)

        async def unawaited(call: Call, call_next: CallNext, /) -> Any:
            inside: Any = call_next(call)
            left.append(inside)
            return inside

        left: list[Any] = []
        for layer in (unreturned, unawaited):
            broken(layer, SAME_RESULT, "; return await call_next(call)")
        for inside in left:
            inside.close()

    def test_that_answers_by_itself_gets_no_advice(self) -> None:
        async def layer(call: Call, call_next: CallNext, /) -> Any:
            return "mine"

        broken(layer, SAME_RESULT, "'mine' came out")

    def test_that_breaks_its_promise_to_need_no_task_is_told_of_it(self) -> None:
        class Promising:
            taskless = True

            async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
                async with asyncio.timeout(1000):
                    return await call_next(call)

        broken(Promising(), LOOP_OFF, "promises `taskless` asks for none before own_task()")

    def test_of_which_only_the_specialised_form_is_broken(self) -> None:
        async def special(call: Call, call_next: CallNext, /) -> Any:
            await call_next(call)

        class Layered:
            def for_route(self, route: Route) -> Layer:
                return special if route.op == "get_vcard" else passing

            async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
                raise AssertionError("the specialised layer runs")

        check_layer(Layered)
        with pytest.raises(LawBroken, match=SAME_RESULT):
            check_layer(Layered, ctype="xep_0054", op="get_vcard")

    def test_that_is_no_layer_at_all(self) -> None:
        wrong: Any = lambda call, call_next: None  # noqa: E731  as one would pass it
        with pytest.raises(TypeError, match="not async"):
            check_layer(lambda: wrong)


class Good:
    """A layer with everything that a layer may have."""

    taskless: ClassVar[bool] = True
    role: ClassVar[str] = "telemetry"

    def for_route(self, route: Route) -> Good:
        return self

    async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
        call.notes["seen"] = True
        try:
            return await call_next(call.replace(node="other"))
        finally:
            call.notes["left"] = True


class TestGoodLayers:
    def test_pass(self) -> None:
        check_layer(lambda: passing)
        check_layer(Good)
        check_layer(Recorder)

    def test_that_opt_out_pass(self) -> None:
        class Never:
            def for_route(self, route: Route) -> OptedOut:
                return route.opt_out("never")

            async def __call__(self, call: Call, call_next: CallNext, /) -> Any:
                raise AssertionError("never on a route")

        check_layer(Never)

    def test_are_made_anew_for_each_law(self) -> None:
        made: list[Layer] = []

        def make() -> Layer:
            made.append(Good())
            return made[-1]

        check_layer(make)
        assert len(made) >= 6

    def test_are_asked_about_the_op_that_was_given(self) -> None:
        seen: set[str] = set()

        async def layer(call: Call, call_next: CallNext, /) -> Any:
            seen.add(call.name)
            return await call_next(call)

        check_layer(lambda: layer)
        assert seen == {"law get"}
        seen.clear()
        check_layer(lambda: layer, ctype="xep_0054", op="get_vcard")
        assert seen == {"xep_0054 get_vcard"}

    def test_that_care_about_one_op_are_only_checked_there(self) -> None:
        async def layer(call: Call, call_next: CallNext, /) -> Any:
            result = await call_next(call)
            return result if call.op == "get" else None

        check_layer(lambda: layer)
        with pytest.raises(LawBroken, match=SAME_RESULT):
            check_layer(lambda: layer, op="set")


def test_broken_law_is_an_assertion_for_pytest() -> None:
    assert issubclass(LawBroken, AssertionError)


def broken(layer: Layer, law: str, end: str = "") -> None:
    """Check that `layer` is found to break `law`, in a message that ends in `end`."""
    with pytest.raises(LawBroken) as raised:
        check_layer(lambda: layer)
    assert str(raised.value).startswith(f"{law}: ")
    assert str(raised.value).endswith(end)


@types.coroutine
def elsewhere(inside: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Run every step of `inside` in an empty context."""
    context = Context()
    step: Callable[[], Any] = lambda: context.run(inside.send, None)  # noqa: E731  replaced after an error
    while True:
        try:
            waits_for = step()
        except StopIteration as stop:
            return stop.value
        try:
            yield waits_for
        except BaseException as error:
            step = thrown(context, inside, error)
        else:
            step = lambda: context.run(inside.send, None)  # noqa: E731  replaced after an error


def thrown(context: Context, inside: Coroutine[Any, Any, Any], error: BaseException) -> Callable[[], Any]:
    return lambda: context.run(inside.throw, error)


class TestCheckLayerItself:
    def test_given_a_layer_says_what_it_wants(self) -> None:
        wrong: Any = passing
        with pytest.raises(TypeError, match=r"passing.* is no function that makes a layer; write lambda"):
            check_layer(wrong)

    def test_given_a_class_that_wants_arguments_says_what_it_wants(self) -> None:
        wrong: Any = Timeout
        with pytest.raises(TypeError, match=r"Timeout is no function that makes a layer"):
            check_layer(wrong)

    async def test_in_a_running_loop_is_refused(self) -> None:
        with pytest.raises(RuntimeError, match="plain `def` test"):
            check_layer(lambda: passing)

    def test_makes_its_calls_with_the_arguments_given(self) -> None:
        async def only_the_nurse(call: Call, call_next: CallNext, /) -> Any:
            if call.ifrom != "nurse@capulet.example" or call.node != "n" or call.args != 1:
                raise PermissionError(call.jid)
            return await call_next(call)

        check_layer(lambda: only_the_nurse, jid="a@b", node="n", ifrom=JID("nurse@capulet.example"), args=1)
        with pytest.raises(LawBroken, match=SAME_RESULT):
            check_layer(lambda: only_the_nurse)

    def test_finds_a_layer_that_runs_the_handler_twice(self) -> None:
        async def layer(call: Call, call_next: CallNext, /) -> Any:
            await call_next(call)
            return await call_next(call)

        broken(layer, "the handler runs once")
