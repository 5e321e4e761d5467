"""Logging says how each call ended, and nothing that is private."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from logging import CRITICAL, DEBUG, INFO, WARNING
from typing import Any

import pytest
import structlog
from slixmpp import JID
from slixmpp.exceptions import IqError, IqTimeout, XMPPError
from slixmpp.stanza import Iq

from slixmpp_middleware import Logging
from slixmpp_pipeline import Call, CallNext, CallTimeout, Event, PipelineRegistry, install
from slixmpp_pipeline.testing import FakeClient, Recorder
from tests.layers import Noting, Reporting
from tests.middleware.aborted import abort
from tests.middleware.clock import Clock

ROMEO = "romeo@montague.example/orchard"
SECRET = "wherefore art thou"


@dataclass(frozen=True)
class Book:
    """A structlog logger at a level, and the events that went through it."""

    level: int = DEBUG
    capture: structlog.testing.LogCapture = field(default_factory=structlog.testing.LogCapture)

    @property
    def logger(self) -> Any:
        kind = structlog.make_filtering_bound_logger(self.level)
        return structlog.wrap_logger(object(), processors=[self.capture], wrapper_class=kind)

    @property
    def events(self) -> list[Any]:
        return self.capture.entries


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def api() -> PipelineRegistry:
    return install(FakeClient())


class TestOutcome:
    def test_of_an_answer_is_ok(self, api: PipelineRegistry, book: Book, clock: Clock) -> None:
        def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
            clock.now += 0.25
            return "answer"

        api.use(Logging(logger=book.logger, clock=clock))
        api.register(handler, "xep_0054", "get_vcard")

        assert api.run("xep_0054", "get_vcard").result() == "answer"
        assert book.events == [
            {
                "event": "call.finished",
                "log_level": "debug",
                "ctype": "xep_0054",
                "op": "get_vcard",
                "tier": "global",
                "outcome": "ok",
                "duration": 0.25,
            }
        ]

    def test_of_no_handler_is_ok_with_tier_none(self, api: PipelineRegistry, book: Book, clock: Clock) -> None:
        api.use(Logging(logger=book.logger, clock=clock))
        assert api.run("c", "x").result() is None
        assert [(event["tier"], event["outcome"]) for event in book.events] == [("none", "ok")]

    def test_of_a_failure_is_error_with_the_name_of_its_type_and_not_its_text(
        self, api: PipelineRegistry, book: Book, clock: Clock
    ) -> None:
        error = XMPPError("internal-server-error", text=SECRET)

        def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            clock.now += 0.5
            raise error

        api.use(Logging(logger=book.logger, clock=clock))
        api.register(handler, "c", "x", jid=ROMEO)

        with pytest.raises(XMPPError) as raised:
            _ = api.run("c", "x", ROMEO)

        assert raised.value is error
        assert book.events == [
            {
                "event": "call.failed",
                "log_level": "warning",
                "ctype": "c",
                "op": "x",
                "tier": "jid",
                "outcome": "error",
                "error": "XMPPError",
                "condition": "internal-server-error",
                "duration": 0.5,
                "handler": f"{__name__}.{handler.__qualname__}",
            }
        ]

    @pytest.mark.parametrize(
        ("error", "outcome"),
        [
            (TimeoutError(), "timeout"),
            (IqTimeout(Iq()), "timeout"),
            (CallTimeout(Call("c", "y", JID(ROMEO), "", None, None), 5), "timeout"),
            (IqError(Iq()), "error"),
            (LookupError(), "error"),
            (OSError(), "error"),
        ],
    )
    async def test_tells_timeouts_from_other_failures(
        self, book: Book, clock: Clock, error: Exception, outcome: str
    ) -> None:
        async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            raise error

        api = install(FakeClient(), Logging(logger=book.logger, clock=clock))
        api.register(handler, "c", "x")

        with pytest.raises(type(error)) as raised:
            await api.run("c", "x")

        assert raised.value is error
        assert [(event["event"], event["outcome"], event["error"]) for event in book.events] == [
            ("call.failed", outcome, type(error).__name__)
        ]

    async def test_of_a_cancelled_call_is_cancelled(self, book: Book, clock: Clock) -> None:
        xmpp = FakeClient()
        api = install(xmpp, Logging(logger=book.logger, clock=clock))
        api.register(lambda jid, node, ifrom, args: xmpp.loop.create_future(), "c", "x")

        future = api.run("c", "x")
        await asyncio.sleep(0)
        clock.now += 2
        future.cancel()
        await asyncio.wait([future])

        assert future.cancelled()
        assert book.events == [
            {
                "event": "call.cancelled",
                "log_level": "debug",
                "ctype": "c",
                "op": "x",
                "tier": "global",
                "outcome": "cancelled",
                "duration": 2,
            }
        ]

    async def test_of_a_call_aborted_by_somebody_elses_cancellation_is_error(self, book: Book, clock: Clock) -> None:
        def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            raise asyncio.CancelledError

        api = install(FakeClient(), Logging(logger=book.logger, clock=clock))
        api.register(handler, "c", "x")
        with pytest.raises(RuntimeError):
            _ = api.run("c", "x")
        assert [(event["outcome"], event["error"]) for event in book.events] == [("error", "CallAborted")]

    async def test_of_a_call_that_waits_is_known_when_it_ends(self, book: Book, clock: Clock) -> None:
        xmpp = FakeClient()
        gate = xmpp.loop.create_future()
        api = install(xmpp, Logging(logger=book.logger, clock=clock))

        async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
            return await gate

        api.register(handler, "c", "x")
        future = api.run("c", "x")
        assert book.events == []
        clock.now += 3
        gate.set_result("answer")
        assert await future == "answer"
        assert [(event["event"], event["duration"]) for event in book.events] == [("call.finished", 3)]

    def test_of_the_end_of_the_program_is_not_logged(self, api: PipelineRegistry, book: Book, clock: Clock) -> None:
        def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            raise SystemExit

        api.use(Logging(logger=book.logger, clock=clock))
        api.register(handler, "c", "x")
        with pytest.raises(SystemExit):
            _ = api.run("c", "x")
        assert book.events == []

    @pytest.mark.parametrize("loop", ["on", "off"])
    async def test_of_a_cancellation_that_nobody_asked_for_is_error(self, book: Book, clock: Clock, loop: str) -> None:
        await abort(Logging(logger=book.logger, clock=clock), loop=loop)

        assert [(event["event"], event["outcome"], event["error"]) for event in book.events] == [
            ("call.failed", "error", "CancelledError")
        ]


class TestSlow:
    @pytest.mark.parametrize(
        ("seconds", "event", "level"),
        [(0.0, "call.finished", "debug"), (1.5, "call.finished", "debug"), (2.0, "call.slow", "warning")],
    )
    def test_is_from_the_threshold_up(
        self, api: PipelineRegistry, book: Book, clock: Clock, seconds: float, event: str, level: str
    ) -> None:
        def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            clock.now += seconds

        api.use(Logging(slow=2, logger=book.logger, clock=clock))
        api.register(handler, "c", "x")
        assert api.run("c", "x").done()
        assert [(one["event"], one["log_level"], one["duration"], one["outcome"]) for one in book.events] == [
            (event, level, seconds, "ok")
        ]

    def test_is_never_without_a_threshold(self, api: PipelineRegistry, book: Book, clock: Clock) -> None:
        def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            clock.now += 1e9

        api.use(Logging(logger=book.logger, clock=clock))
        api.register(handler, "c", "x")
        assert api.run("c", "x").done()
        assert [event["event"] for event in book.events] == ["call.finished"]

    def test_is_no_word_for_a_failure(self, api: PipelineRegistry, book: Book, clock: Clock) -> None:
        def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            clock.now += 10
            raise LookupError

        api.use(Logging(slow=1, logger=book.logger, clock=clock))
        api.register(handler, "c", "x")
        with pytest.raises(LookupError):
            _ = api.run("c", "x")
        assert [event["event"] for event in book.events] == ["call.failed"]

    def test_is_logged_where_finished_is_filtered(self, api: PipelineRegistry, clock: Clock) -> None:
        book = Book(level=WARNING)

        def handler(jid: JID, node: str, ifrom: JID | None, args: float) -> None:
            clock.now += args

        api.use(Logging(slow=1, logger=book.logger, clock=clock))
        api.register(handler, "c", "x")
        assert api.run("c", "x", args=0.5).done()
        assert api.run("c", "x", args=1.5).done()
        assert [event["duration"] for event in book.events] == [1.5]


class TestPrivacy:
    @pytest.mark.parametrize(
        ("jids", "expected"),
        [
            ("omit", {}),
            ("domain", {"jid": "montague.example", "ifrom": "capulet.example"}),
            ("bare", {"jid": "romeo@montague.example", "ifrom": "nurse@capulet.example"}),
            ("full", {"jid": ROMEO, "ifrom": "nurse@capulet.example/kitchen"}),
        ],
    )
    def test_jids_are_shown_as_asked_for(
        self, api: PipelineRegistry, book: Book, jids: Any, expected: dict[str, str]
    ) -> None:
        api.use(Logging(jids=jids, logger=book.logger))
        assert api.run("c", "x", ROMEO, ifrom=JID("nurse@capulet.example/kitchen")).done()
        (event,) = book.events
        assert {name: event[name] for name in ("jid", "ifrom") if name in event} == expected
        assert ("montague" in repr(event), "nurse" in repr(event)) == (jids != "omit", jids in {"bare", "full"})

    def test_nobody_asking_is_shown_as_none(self, api: PipelineRegistry, book: Book) -> None:
        api.use(Logging(jids="bare", logger=book.logger))
        assert api.run("c", "x").done()
        (event,) = book.events
        assert (event["jid"], event["ifrom"]) == ("juliet@capulet.example", None)

    @pytest.mark.parametrize("jids", ["omit", "full"])
    def test_args_node_result_and_error_text_are_never_there(
        self, api: PipelineRegistry, book: Book, clock: Clock, jids: Any
    ) -> None:
        def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
            if args["fail"]:
                raise LookupError(SECRET)
            return SECRET

        api.use(Logging(slow=1, jids=jids, logger=book.logger, clock=clock))
        api.register(handler, "c", "x")
        assert api.run("c", "x", args={"fail": False, "text": SECRET}).result() == SECRET
        with pytest.raises(LookupError):
            _ = api.run("c", "x", args={"fail": True, "text": SECRET})
        assert len(book.events) == 2
        assert SECRET not in repr(book.events)

    def test_requester_that_is_no_jid_is_left_out_and_nothing_breaks(self, api: PipelineRegistry, book: Book) -> None:
        wrong: Any = "a@b@c"
        api.use(Logging(jids="full", logger=book.logger))
        assert api.run("c", "x", "romeo@montague.example", ifrom=wrong).done()
        assert [(event["jid"], event["ifrom"]) for event in book.events] == [("romeo@montague.example", None)]


class TestHandler:
    def test_that_is_slow_or_fails_is_named(self, api: PipelineRegistry, book: Book) -> None:
        def of_romeo(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            raise LookupError

        def of_all(jid: JID, node: str, ifrom: JID | None, args: Any) -> None: ...

        times = iter((0.0, 1.0, 1.0, 1.0, 2.0, 2.0))
        api.use(Logging(slow=0.5, logger=book.logger, clock=lambda: next(times)))
        api.register(of_romeo, "c", "x", jid=ROMEO)
        api.register(of_all, "c", "x")
        assert api.run("c", "x").done()
        with pytest.raises(LookupError):
            _ = api.run("c", "x", ROMEO)
        slow, failed = book.events
        assert slow["handler"].endswith("of_all")
        assert failed["handler"].endswith("of_romeo")

    def test_is_not_there_if_none_is_registered_or_the_call_is_quick(self, api: PipelineRegistry, book: Book) -> None:
        times = iter((0.0, 1.0))
        api.use(Logging(slow=0.5, logger=book.logger, clock=lambda: next(times)))
        assert api.run("c", "nothing").done()
        (slow,) = book.events
        assert "handler" not in slow


class TestNotes:
    def test_of_layers_inside_are_fields(self, api: PipelineRegistry, book: Book, clock: Clock) -> None:
        api.use(Logging(logger=book.logger, clock=clock), Noting({"seat": 7, "row": "b"}))
        assert api.run("c", "x").done()
        (event,) = book.events
        assert (event["seat"], event["row"], event["tier"]) == (7, "b", "none")

    def test_are_there_also_if_the_call_was_replaced_inside(self, api: PipelineRegistry, book: Book) -> None:
        async def replacing(call: Call, call_next: CallNext, /) -> Any:
            return await call_next(call.replace(jid=ROMEO))

        api.use(Logging(logger=book.logger), replacing, Noting({"seat": 7}))
        api.register(lambda jid, node, ifrom, args: None, "c", "x", jid=ROMEO)
        assert api.run("c", "x").done()
        (event,) = book.events
        assert (event["seat"], event["tier"]) == (7, "jid")

    def test_are_there_also_if_the_call_fails(self, api: PipelineRegistry, book: Book) -> None:
        async def failing(call: Call, call_next: CallNext, /) -> Any:
            raise LookupError

        api.use(Logging(logger=book.logger), Noting({"seat": 7}), failing)
        with pytest.raises(LookupError):
            _ = api.run("c", "x")
        assert [event["seat"] for event in book.events] == [7]

    def test_do_not_change_what_logging_says_itself(self, api: PipelineRegistry, book: Book, clock: Clock) -> None:
        own = {"outcome": "mine", "duration": "mine", "event": "mine", "ctype": "mine", "op": "mine", "jid": "mine"}
        own |= {"tier": "mine"}
        api.use(Logging(jids="bare", logger=book.logger, clock=clock), Noting(own))
        assert api.run("c", "x").done()
        (event,) = book.events
        assert {name: event[name] for name in own} == {
            "outcome": "ok",
            "duration": 0,
            "event": "call.finished",
            "ctype": "c",
            "op": "x",
            "jid": "juliet@capulet.example",
            "tier": "none",
        }

    @pytest.mark.parametrize(
        "name", ["module", "args", "stacklevel", "name", "message", "asctime", "taskName", "extra"]
    )
    def test_break_no_logger_of_the_standard_library(
        self, api: PipelineRegistry, name: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        logger = structlog.wrap_logger(
            logging.getLogger("test_break_no_logger_of_the_standard_library"),
            processors=[structlog.stdlib.render_to_log_kwargs],
            wrapper_class=structlog.stdlib.BoundLogger,
        )
        api.use(Logging(logger=logger), Noting({name: "mine", "seat": 7}))
        api.register(lambda jid, node, ifrom, args: "answer", "c", "x")

        with caplog.at_level(DEBUG):
            assert api.run("c", "x").result() == "answer"

        assert [vars(record)["seat"] for record in caplog.records] == [7]

    @pytest.mark.parametrize(
        "name", ["event", "self", "method_name", "level", "name", "args", "message", "exc_info", "stack_info", "key", 5]
    )
    @pytest.mark.parametrize("kind", ["filtering", "stdlib", "generic"])
    def test_of_any_name_break_nothing(self, api: PipelineRegistry, name: Any, kind: str) -> None:
        book = Book()
        wrapper: Any = {
            "filtering": structlog.make_filtering_bound_logger(DEBUG),
            "stdlib": structlog.stdlib.BoundLogger,
            "generic": structlog.BoundLogger,
        }[kind]
        inner = logging.getLogger("test_of_any_name_break_nothing")
        inner.setLevel(DEBUG)
        logger = structlog.wrap_logger(inner, processors=[book.capture], wrapper_class=wrapper)
        api.use(Logging(slow=1e9, logger=logger), Noting({name: "mine"}))
        api.register(lambda jid, node, ifrom, args: "answer", "c", "x")

        assert api.run("c", "x").result() == "answer"

        assert [(event["event"], event["op"]) for event in book.events] == [("call.finished", "x")]


class TestEvents:
    def test_of_layers_inside_are_listed_in_order_and_a_verdict_is_a_field(
        self, api: PipelineRegistry, book: Book
    ) -> None:
        reporting = Reporting(
            Event("cache", {"verdict": "miss"}), Event("retry", {"attempt": 2, "error_type": "OSError"}), Event("mine")
        )
        api.use(Logging(logger=book.logger), reporting)
        assert api.run("c", "x").done()
        (event,) = book.events
        assert event["cache"] == "miss"
        assert event["events"] == [{"what": "retry", "attempt": 2, "error_type": "OSError"}, {"what": "mine"}]

    def test_are_no_field_if_there_are_none(self, api: PipelineRegistry, book: Book) -> None:
        api.use(Logging(logger=book.logger), Reporting(Event("cache", {"verdict": "hit"})))
        assert api.run("c", "x").done()
        (event,) = book.events
        assert "events" not in event

    def test_are_there_if_the_call_fails(self, api: PipelineRegistry) -> None:
        async def failing(call: Call, call_next: CallNext, /) -> Any:
            raise LookupError

        book = Book(level=INFO)
        api.use(Logging(logger=book.logger), Reporting(Event("breaker", {"state": "open"})), failing)
        with pytest.raises(LookupError):
            _ = api.run("c", "x")
        assert [event["events"] for event in book.events] == [[{"what": "breaker", "state": "open"}]]


class TestFilteredLevel:
    def test_logs_and_collects_nothing(self, api: PipelineRegistry, clock: Clock) -> None:
        book, recorder = Book(level=INFO), Recorder()
        api.use(Logging(logger=book.logger, clock=clock), recorder)
        assert api.run("c", "x").done()  # binds the logger
        clock.asked = 0
        assert api.run("c", "x").done()
        assert book.events == []
        assert clock.asked == 1  # when the call began; how long it took was not asked
        assert "notes" not in vars(recorder.calls[0])  # they are made when first asked for

    def test_still_logs_failures(self, api: PipelineRegistry, clock: Clock) -> None:
        async def failing(call: Call, call_next: CallNext, /) -> Any:
            raise LookupError

        book = Book(level=INFO)
        api.use(Logging(logger=book.logger, clock=clock), failing)
        with pytest.raises(LookupError):
            _ = api.run("c", "x")
        assert [event["event"] for event in book.events] == ["call.failed"]


class TestLogger:
    def test_that_cannot_be_bound_is_refused(self) -> None:
        with pytest.raises(
            TypeError, match=r"Logging: logger: <RootLogger root .* a structlog logger or None is allowed"
        ):
            Logging(logger=logging.getLogger())

    def test_of_the_standard_library_works(self, api: PipelineRegistry, caplog: pytest.LogCaptureFixture) -> None:
        logger = structlog.wrap_logger(
            logging.getLogger("test_logging.stdlib"),
            processors=[structlog.stdlib.filter_by_level, structlog.processors.JSONRenderer(sort_keys=True)],
            wrapper_class=structlog.stdlib.BoundLogger,
        )
        api.use(Logging(logger=logger, clock=lambda: 0.0))
        with caplog.at_level(DEBUG, "test_logging.stdlib"):
            assert api.run("c", "x").done()
        assert [(record.levelname, record.message) for record in caplog.records] == [
            (
                "DEBUG",
                '{"ctype": "c", "duration": 0.0, "event": "call.finished", "op": "x", "outcome": "ok", "tier": "none"}',
            )
        ]

    def test_of_the_standard_library_may_change_its_level(
        self, api: PipelineRegistry, caplog: pytest.LogCaptureFixture, clock: Clock
    ) -> None:
        name = "test_logging.changing"
        logger = structlog.wrap_logger(
            logging.getLogger(name),
            processors=[structlog.stdlib.render_to_log_kwargs],
            wrapper_class=structlog.stdlib.BoundLogger,
        )
        api.use(Logging(logger=logger, clock=clock))
        with caplog.at_level(INFO, name):
            assert api.run("c", "x").done()
            assert caplog.messages == []
        with caplog.at_level(DEBUG, name):
            assert api.run("c", "x").done()
            assert caplog.messages == ["call.finished"]

    def test_that_cannot_tell_its_level_gets_everything(self, api: PipelineRegistry) -> None:
        book = Book()
        logger = structlog.wrap_logger(
            structlog.PrintLogger(), processors=[book.capture], wrapper_class=structlog.BoundLogger
        )
        api.use(Logging(logger=logger))
        assert api.run("c", "x").done()
        assert [event["event"] for event in book.events] == ["call.finished"]

    def test_generic_over_the_standard_librarys_gets_everything(self, api: PipelineRegistry) -> None:
        book = Book()
        logger = structlog.wrap_logger(
            logging.getLogger("test_logging.generic"), processors=[book.capture], wrapper_class=structlog.BoundLogger
        )
        api.use(Logging(logger=logger))
        assert api.run("c", "x").done()
        assert [event["event"] for event in book.events] == ["call.finished"]

    def test_is_structlogs_own_if_none_was_given(self, api: PipelineRegistry) -> None:
        api.use(Logging(clock=lambda: 0.0))
        with structlog.testing.capture_logs() as events:
            assert api.run("c", "x").done()
        assert [(event["event"], event["ctype"], event["op"]) for event in events] == [("call.finished", "c", "x")]

    def test_keeps_what_was_bound_to_it(self, api: PipelineRegistry, book: Book) -> None:
        api.use(Logging(logger=book.logger.bind(bot="juliet")))
        assert api.run("c", "x").done()
        assert [event["bot"] for event in book.events] == ["juliet"]

    def test_is_bound_once_for_each_op(self, api: PipelineRegistry) -> None:
        bound: list[dict[str, str]] = []

        class Counting:
            def bind(self, **fields: str) -> Counting:
                bound.append(fields)
                return self

            def debug(self, event: str, **fields: object) -> None:
                """Log nothing."""

            warning = debug

        api.use(Logging(logger=Counting()))
        for _ in range(3):
            assert api.run("c", "x").done()
            assert api.run("c", "y").done()
        assert bound == [{"ctype": "c", "op": "x"}, {"ctype": "c", "op": "y"}]  # until structlog is configured anew

    def test_is_left_out_of_the_repr(self) -> None:
        logging_layer = Logging(slow=0.1, logger=structlog.get_logger(), clock=lambda: 0.0)
        assert repr(logging_layer) == "Logging(slow=0.1, jids='omit')"


async def test_logs_also_where_it_is_called_without_a_route(book: Book, clock: Clock) -> None:
    async def call_next(call: Call) -> str:
        return call.op

    call = Call("c", "x", JID(ROMEO), "", None, None)
    assert await Logging(logger=book.logger, clock=clock)(call, call_next) == "x"
    assert [(event["event"], event["ctype"], event["op"]) for event in book.events] == [("call.finished", "c", "x")]


def test_two_clients_may_share_it(book: Book) -> None:
    layer = Logging(logger=book.logger)
    first, second = install(FakeClient(), layer), install(FakeClient(), layer)
    assert first.run("c", "x").done()
    assert second.run("d", "y").done()
    assert [(event["ctype"], event["op"]) for event in book.events] == [("c", "x"), ("d", "y")]


async def test_plain_handler_behind_it_sees_the_callers_task(book: Book) -> None:
    """It needs no Task of its own, so a call of a plain handler costs none."""
    api = install(FakeClient(), Logging(logger=book.logger))
    api.register(lambda jid, node, ifrom, args: (asyncio.current_task(),), "c", "x")
    assert api.run("c", "x").result() == (asyncio.current_task(),)


class TestWarning:
    """What tools log that see more of a call."""

    def test_is_logged_with_the_op(self, book: Book) -> None:
        Logging(logger=book.logger).warn("c", "x", "call.held", {"duration": 0.5})
        assert book.events == [{"event": "call.held", "ctype": "c", "op": "x", "duration": 0.5, "log_level": "warning"}]

    def test_is_dropped_below_the_level(self) -> None:
        book = Book(level=CRITICAL)
        Logging(logger=book.logger).warn("c", "x", "call.held", {})
        assert book.events == []

    def test_raises_nothing(self, capsys: pytest.CaptureFixture[str]) -> None:
        class Broken:
            def bind(self, **_: Any) -> Any:
                raise LookupError

        Logging(logger=Broken()).warn("c", "x", "call.held", {})
        assert "LookupError" in capsys.readouterr().err
