"""Calls are counted and timed, those under way too, and the JIDs make no difference."""

from __future__ import annotations

import asyncio
import functools
import gc
import weakref
from typing import Any

import pytest
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, Metric
from slixmpp import JID
from slixmpp.exceptions import IqTimeout, XMPPError
from slixmpp.stanza import Iq

from slixmpp_middleware import Caching, Metrics
from slixmpp_middleware.telemetry.instruments import BOUNDARIES
from slixmpp_pipeline import Call, CallNext, Event, PipelineRegistry, install
from slixmpp_pipeline.handlers.found import Found
from slixmpp_pipeline.testing import FakeClient, Recorder, check_layer
from tests.layers import Reporting
from tests.middleware.aborted import abort
from tests.middleware.clock import Clock
from tests.middleware.process import printed

ROMEO = "romeo@montague.example/orchard"
SECRET = "wherefore art thou"
OF_OP = {"xmpp.api.ctype": "c", "xmpp.api.op": "x"}


class Figures:
    """A provider, and what was measured with it."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self.provider = MeterProvider([self._reader], shutdown_on_exit=False)

    def read(self) -> dict[str, Metric]:
        data = self._reader.get_metrics_data()
        if data is None:
            return {}
        return {
            metric.name: metric
            for of_resource in data.resource_metrics
            for of_scope in of_resource.scope_metrics
            for metric in of_scope.metrics
        }

    def points(self, name: str) -> list[Any]:
        metric = self.read().get(name)
        return [] if metric is None else list(metric.data.data_points)

    @property
    def durations(self) -> list[HistogramDataPoint]:
        return self.points("xmpp.api.call.duration")

    @property
    def attributes(self) -> dict[str, Any]:
        (point,) = self.durations
        return dict(point.attributes or {})

    @property
    def in_flight(self) -> dict[str, int]:
        """By ctype and op."""
        points = self.points("xmpp.api.calls.in_flight")
        return {f"{one.attributes['xmpp.api.ctype']} {one.attributes['xmpp.api.op']}": one.value for one in points}


@pytest.fixture
def figures() -> Figures:
    return Figures()


@pytest.fixture
def api(figures: Figures, clock: Clock) -> PipelineRegistry:
    return install(FakeClient(), Metrics(figures.provider, clock=clock))


class TestDuration:
    def test_of_an_answer(self, api: PipelineRegistry, figures: Figures, clock: Clock) -> None:
        def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
            clock.now += 0.25
            return "answer"

        api.register(handler, "c", "x", jid=ROMEO)
        assert api.run("c", "x", ROMEO).result() == "answer"

        (point,) = figures.durations
        assert (point.count, point.sum, tuple(point.explicit_bounds)) == (1, 0.25, BOUNDARIES)
        assert figures.attributes == {**OF_OP, "xmpp.api.tier": "jid", "xmpp.api.outcome": "ok"}
        metric = figures.read()["xmpp.api.call.duration"]
        assert (metric.unit, bool(metric.description)) == ("s", True)

    def test_of_calls_for_many_jids_is_one_time_series(self, api: PipelineRegistry, figures: Figures) -> None:
        api.register(lambda jid, node, ifrom, args: str(jid), "c", "x")
        for number in range(300):
            jid = JID(f"user{number}@montague.example/{number}")
            assert api.run("c", "x", jid, f"node{number}", jid, number).result() == str(jid)
        (point,) = figures.durations
        assert point.count == 300
        assert len(figures.points("xmpp.api.calls.in_flight")) == 1

    @pytest.mark.parametrize(
        ("error", "outcome"),
        [
            (TimeoutError(SECRET), "timeout"),
            (IqTimeout(Iq()), "timeout"),
            (LookupError(SECRET), "error"),
            (SystemExit(SECRET), "error"),
        ],
    )
    @pytest.mark.parametrize("kind", ["plain", "coroutine"])
    async def test_of_a_failure_has_the_name_of_its_type(
        self, figures: Figures, error: BaseException, outcome: str, kind: str
    ) -> None:
        async def failing(call: Call) -> None:
            if kind == "coroutine":
                await asyncio.sleep(0)
            raise error

        with pytest.raises(type(error)) as raised:
            await Metrics(figures.provider)(Call("c", "x", JID(ROMEO), "", None, None), failing)

        assert raised.value is error
        assert figures.attributes == {
            **OF_OP,
            "xmpp.api.tier": "none",
            "xmpp.api.outcome": outcome,
            "error.type": type(error).__name__,
            **({"xmpp.api.condition": "remote-server-timeout"} if isinstance(error, IqTimeout) else {}),
        }
        assert figures.in_flight == {"c x": 0}

    async def test_of_a_cancelled_call_is_no_error(self, figures: Figures) -> None:
        xmpp = FakeClient()
        api = install(xmpp, Metrics(figures.provider))
        api.register(lambda jid, node, ifrom, args: xmpp.loop.create_future(), "c", "x")

        future = api.run("c", "x")
        await asyncio.sleep(0)
        future.cancel()
        await asyncio.wait([future])

        assert future.cancelled()
        assert figures.attributes == {**OF_OP, "xmpp.api.tier": "global", "xmpp.api.outcome": "cancelled"}
        assert figures.in_flight == {"c x": 0}

    @pytest.mark.parametrize("loop", ["on", "off"])
    async def test_of_a_cancellation_that_nobody_asked_for_is_an_error(self, figures: Figures, loop: str) -> None:
        await abort(Metrics(figures.provider), loop=loop)

        assert (figures.attributes["xmpp.api.outcome"], figures.attributes["error.type"]) == ("error", "CancelledError")

    def test_of_a_failure(self, api: PipelineRegistry, figures: Figures, clock: Clock) -> None:
        def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            clock.now += 250
            raise LookupError

        api.register(handler, "c", "x")
        with pytest.raises(LookupError):
            _ = api.run("c", "x")
        assert [point.sum for point in figures.durations] == [250]

    async def test_of_a_call_that_waits_is_known_when_it_ends(self, figures: Figures, clock: Clock) -> None:
        xmpp = FakeClient()
        gate = xmpp.loop.create_future()
        api = install(xmpp, Metrics(figures.provider, clock=clock))

        async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
            return await gate

        api.register(handler, "c", "x")
        future = api.run("c", "x")
        assert figures.durations == []
        clock.now += 300
        gate.set_result("answer")
        assert await future == "answer"
        assert [point.sum for point in figures.durations] == [300]

    def test_has_boundaries_from_50_microseconds_to_10_seconds_in_order(self) -> None:
        steps = [round(step * 10.0**decade, 6) for decade in range(-5, 1) for step in (1, 2.5, 5)]
        assert list(BOUNDARIES) == [*steps[2:], 10]


class TestInFlight:
    async def test_counts_calls_that_have_begun_and_not_ended(self, figures: Figures) -> None:
        xmpp = FakeClient()
        api = install(xmpp, Metrics(figures.provider))
        gate = xmpp.loop.create_future()

        async def waiting(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
            return await asyncio.shield(gate)

        api.register(waiting, "c", "x")
        api.register(lambda jid, node, ifrom, args: figures.in_flight, "c", "y")

        futures = [api.run("c", "x") for _ in range(3)]
        assert figures.in_flight == {"c x": 3}
        assert api.run("c", "y").result() == {"c x": 3, "c y": 1}
        futures[0].cancel()
        await asyncio.wait(futures[:1])
        assert figures.in_flight == {"c x": 2, "c y": 0}
        gate.set_exception(LookupError())
        await asyncio.wait(futures)
        assert figures.in_flight == {"c x": 0, "c y": 0}
        assert [str(future.exception()) for future in futures[1:]] == ["", ""]
        metric = figures.read()["xmpp.api.calls.in_flight"]
        assert (metric.unit, bool(metric.description)) == ("{call}", True)

    def test_counts_a_call_that_begins_with_the_loop_from_then_on(self, figures: Figures) -> None:
        async def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> dict[str, int]:
            return figures.in_flight

        with asyncio.Runner() as runner:
            api = install(FakeClient(loop=runner.get_loop()), Metrics(figures.provider))
            api.register(handler, "c", "x")
            future = api.run("c", "x")
            assert figures.in_flight.get("c x", 0) == 0

            async def wait() -> Any:
                return await future

            assert runner.run(wait()) == {"c x": 1}
        assert figures.in_flight == {"c x": 0}

    async def test_adds_up_clients_layers_and_changed_routes(self, figures: Figures) -> None:
        """A provider drops the callbacks of a second instrument of one name."""
        shared = Metrics(figures.provider)
        layers = [shared, shared, Metrics(figures.provider)]
        clients = [FakeClient() for _ in layers]
        apis = [install(xmpp, layer) for xmpp, layer in zip(clients, layers, strict=True)]
        gate = clients[0].loop.create_future()
        for api in apis:
            api.register(lambda jid, node, ifrom, args: asyncio.shield(gate), "c", "x")

        futures = [api.run("c", "x") for api in apis]
        apis[0].use(Recorder())  # its routes are compiled again
        futures.append(apis[0].run("c", "x"))
        assert figures.in_flight == {"c x": 4}
        gate.set_result(None)
        await asyncio.wait(futures)
        assert figures.in_flight == {"c x": 0}

    def test_is_kept_apart_by_provider(self) -> None:
        one, other = Figures(), Figures()
        api = install(FakeClient(), Metrics(one.provider))
        assert install(FakeClient(), Metrics(other.provider)).run("c", "y").done()
        api.register(lambda jid, node, ifrom, args: (one.in_flight, other.in_flight), "c", "x")
        assert api.run("c", "x").result() == ({"c x": 1}, {"c y": 0})

    async def test_forgets_a_call_that_was_thrown_away_and_measures_nothing(self, figures: Figures) -> None:
        async def forever(call: Call) -> Any:
            await asyncio.sleep(0)

        inside = Metrics(figures.provider)(Call("c", "x", JID(ROMEO), "", None, None), forever)
        inside.send(None)
        assert figures.in_flight == {"c x": 1}
        inside.close()
        assert (figures.in_flight, figures.durations) == ({"c x": 0}, [])

    def test_keeps_no_client_alive(self, figures: Figures) -> None:
        xmpp = FakeClient()
        assert install(xmpp, Metrics(figures.provider)).run("c", "x").done()
        kept = weakref.ref(xmpp)
        del xmpp
        gc.collect()
        assert kept() is None
        assert figures.in_flight == {"c x": 0}

    def test_keeps_no_provider_alive(self) -> None:
        figures = Figures()
        assert install(FakeClient(), Metrics(figures.provider)).run("c", "x").done()
        kept = weakref.ref(figures.provider)
        figures.provider.shutdown()
        del figures
        gc.collect()
        assert kept() is None


class TestEvents:
    def test_of_a_cache_are_a_label(self, figures: Figures) -> None:
        for verdict in ("hit", "miss"):
            reporting = Reporting(Event("cache", {"verdict": verdict}))
            assert install(FakeClient(), Metrics(figures.provider), reporting).run("c", "x").done()
        assert {(point.attributes or {})["xmpp.api.cache"] for point in figures.durations} == {"hit", "miss"}

    def test_of_unknown_verdicts_are_one_time_series(self, figures: Figures) -> None:
        for number in range(50):
            reporting = Reporting(Event("cache", {"verdict": f"{number}"} if number else {}))
            assert install(FakeClient(), Metrics(figures.provider), reporting).run("c", "x").done()
        assert figures.attributes["xmpp.api.cache"] == "_OTHER"

    @pytest.mark.parametrize(
        ("what", "name", "unit"),
        [("retry", "xmpp.api.retries", "{retry}"), ("timeout", "xmpp.api.timeouts", "{timeout}")],
    )
    def test_of_attempts_and_timeouts_are_counted(self, figures: Figures, what: str, name: str, unit: str) -> None:
        for times in (2, 1):
            reporting = Reporting(*[Event(what, {"attempt": 2, "seconds": 1.0})] * times)
            assert install(FakeClient(), Metrics(figures.provider), reporting).run("c", "x").done()
        (point,) = figures.points(name)
        assert (point.value, dict(point.attributes)) == (3, OF_OP)
        metric = figures.read()[name]
        assert (metric.unit, bool(metric.description)) == (unit, True)

    def test_of_other_layers_are_not_counted(self, figures: Figures) -> None:
        assert install(FakeClient(), Metrics(figures.provider), Reporting(Event("mine"))).run("c", "x").done()
        assert set(figures.read()) == {"xmpp.api.call.duration", "xmpp.api.calls.in_flight"}

    def test_are_there_also_if_the_call_fails(self, figures: Figures) -> None:
        async def failing(call: Call, call_next: CallNext, /) -> Any:
            raise LookupError

        reporting = Reporting(Event("retry", {"attempt": 2}), Event("cache", {"verdict": "miss"}))
        api = install(FakeClient(), Metrics(figures.provider), reporting, failing)
        with pytest.raises(LookupError):
            _ = api.run("c", "x")
        assert figures.attributes["xmpp.api.cache"] == "miss"
        assert [point.value for point in figures.points("xmpp.api.retries")] == [1]


class TestTier:
    def test_is_that_of_the_handler_that_answered(self, figures: Figures) -> None:
        async def replacing(call: Call, call_next: CallNext, /) -> Any:
            return await call_next(call.replace(jid=ROMEO))

        api = install(FakeClient(), Metrics(figures.provider), replacing)
        api.register(lambda jid, node, ifrom, args: None, "c", "x", jid=ROMEO)
        assert api.run("c", "x").done()
        assert figures.attributes["xmpp.api.tier"] == "jid"


HANDLER = "code.function.name"


def romeos(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
    return "Romeo's"


def everybodys(jid: JID, node: str, ifrom: JID | None, args: Any) -> str:
    return "everybody's"


def handlers_of(points: list[HistogramDataPoint]) -> dict[str, int]:
    """The number of calls by the handler's name, without its module."""
    counts: dict[str, int] = {}
    for point in points:
        name = str((point.attributes or {})[HANDLER]).removeprefix(f"{__name__}.")
        counts[name] = counts.get(name, 0) + point.count
    return counts


class TestHandlers:
    @pytest.fixture
    def api(self, figures: Figures) -> PipelineRegistry:
        return install(FakeClient(), Metrics(figures.provider, handlers=True))

    def test_are_a_label_of_the_duration_and_of_nothing_else(self, figures: Figures) -> None:
        events = Reporting(Event("retry", {"attempt": 2}), Event("timeout", {"seconds": 1.0}))
        api = install(FakeClient(), Metrics(figures.provider, handlers=True), events)
        api.register(everybodys, "c", "x")
        api.register(romeos, "c", "x", jid=ROMEO)

        answers = [api.run("c", "x", jid).result() for jid in (ROMEO, None, "juliet@capulet.example")]

        assert answers == ["Romeo's", "everybody's", "everybody's"]
        assert handlers_of(figures.durations) == {"romeos": 1, "everybodys": 2}
        assert (figures.durations[0].attributes or {})[HANDLER] == f"{__name__}.romeos"
        for name in ("xmpp.api.calls.in_flight", "xmpp.api.retries", "xmpp.api.timeouts"):
            assert [dict(point.attributes) for point in figures.points(name)] == [OF_OP]

    def test_are_absent_unless_asked_for(self, figures: Figures) -> None:
        api = install(FakeClient(), Metrics(figures.provider))
        api.register(everybodys, "c", "x")
        assert api.run("c", "x").done()
        assert figures.attributes == {**OF_OP, "xmpp.api.tier": "global", "xmpp.api.outcome": "ok"}

    def test_are_absent_where_there_is_none(self, api: PipelineRegistry, figures: Figures) -> None:
        assert api.run("c", "x").done()
        assert figures.attributes == {**OF_OP, "xmpp.api.tier": "none", "xmpp.api.outcome": "ok"}

    @pytest.mark.parametrize(
        ("error", "outcome"),
        [
            (XMPPError("item-not-found", etype="cancel"), "refused"),
            (LookupError(), "error"),
            (TimeoutError(), "timeout"),
        ],
    )
    def test_are_there_however_the_call_ends(
        self, api: PipelineRegistry, figures: Figures, error: Exception, outcome: str
    ) -> None:
        def failing(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
            raise error

        api.register(failing, "c", "x")
        with pytest.raises(type(error)):
            _ = api.run("c", "x")
        assert figures.attributes["xmpp.api.outcome"] == outcome
        assert figures.attributes[HANDLER].endswith(".failing")

    def test_are_those_that_answered_and_not_those_that_were_found(self, figures: Figures) -> None:
        async def for_romeo(call: Call, call_next: CallNext, /) -> Any:
            return await call_next(call.replace(jid=ROMEO))

        api = install(FakeClient(), Metrics(figures.provider, handlers=True), for_romeo)
        api.register(everybodys, "c", "x")
        api.register(romeos, "c", "x", jid=ROMEO)
        assert api.run("c", "x").result() == "Romeo's"
        assert handlers_of(figures.durations) == {"romeos": 1}

    def test_are_named_anew_where_another_is_registered(self, api: PipelineRegistry, figures: Figures) -> None:
        for handler in (everybodys, romeos):
            api.register(handler, "c", "x")
            assert api.run("c", "x").done()
        assert handlers_of(figures.durations) == {"everybodys": 1, "romeos": 1}

    def test_of_a_cache_hit_are_those_found_though_they_did_not_run(self, figures: Figures) -> None:
        api = install(FakeClient(), Metrics(figures.provider, handlers=True), Caching(60, shared=True))
        api.register(everybodys, "xep_0153", "get_hash")
        for _ in range(2):
            assert api.run("xep_0153", "get_hash", ROMEO).result() == "everybody's"
        assert [(point.attributes or {})["xmpp.api.cache"] for point in figures.durations] == ["miss", "hit"]
        assert handlers_of(figures.durations) == {"everybodys": 2}

    def test_beyond_200_are_others_and_the_first_keep_their_names(
        self, api: PipelineRegistry, figures: Figures
    ) -> None:
        def named(number: int) -> Any:
            def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> int:
                return number

            handler.__qualname__ = f"handler_{number}"
            return handler

        for number in (*range(300), 0, 199, 200):
            op = f"x{number % 3}"  # the bound is the layer's, and not that of each op
            api.register(named(number), "c", op)
            assert api.run("c", op).result() == number

        ones = {f"handler_{number}": 1 for number in range(200)}
        assert handlers_of(figures.durations) == ones | {"handler_0": 2, "handler_199": 2, "_OTHER": 101}

    def test_of_one_layer_take_no_place_of_another(self, figures: Figures) -> None:
        def named(number: int) -> Any:
            handler = functools.partial(lambda number, *call: number, number)
            handler.func.__qualname__ = f"handler_{number}"
            return handler

        crowded, other = (install(FakeClient(), Metrics(figures.provider, handlers=True)) for _ in range(2))
        for number in range(201):
            crowded.register(named(number), "c", "x")
            assert crowded.run("c", "x").result() == number
        other.register(everybodys, "c", "x")
        assert other.run("c", "x").done()
        names = handlers_of(figures.durations)
        assert (names["_OTHER"], names["everybodys"]) == (1, 1)

    def test_are_kept_alive_by_no_label(self, api: PipelineRegistry) -> None:
        def handler(jid: JID, node: str, ifrom: JID | None, args: Any) -> None: ...

        api.register(handler, "c", "x")
        assert api.run("c", "x").done()
        kept = weakref.ref(handler)
        api.unregister("c", "x")
        del handler
        gc.collect()
        assert kept() is None

    async def test_are_a_label_also_where_no_route_is_bound(self, figures: Figures) -> None:
        """A layer of one's own may call it as it is."""

        async def answer(call: Call) -> str:
            return "answer"

        call = Call("c", "x", JID(ROMEO), "", None, None, Found(everybodys))
        assert await Metrics(figures.provider, handlers=True)(call, answer) == "answer"
        assert handlers_of(figures.durations) == {"everybodys": 1}

    @pytest.mark.parametrize("wrong", ["false", 1, None])
    def test_take_true_or_false_alone(self, wrong: Any) -> None:
        with pytest.raises(TypeError, match=rf"Metrics: handlers: {wrong!r} is {type(wrong).__name__}; True or False"):
            Metrics(handlers=wrong)

    @pytest.mark.parametrize(("handlers", "shown"), [(False, "Metrics()"), (True, "Metrics(handlers=True)")])
    def test_are_in_what_explain_shows_if_asked_for(self, figures: Figures, handlers: bool, shown: str) -> None:
        api = install(FakeClient(), Metrics(figures.provider, handlers=handlers))
        assert f" {shown} " in str(api.explain("c", "x"))


class TestProvider:
    def test_that_measures_nothing_lets_the_layer_stand_aside(self) -> None:
        api = install(FakeClient(), Metrics(metrics.NoOpMeterProvider()))
        api.register(lambda jid, node, ifrom, args: "answer", "c", "x")
        assert api.run("c", "x").result() == "answer"
        assert "the meter provider measures nothing" in str(api.explain("c", "x"))

    def test_none_asks_no_clock(self, clock: Clock) -> None:
        assert install(FakeClient(), Metrics(clock=clock)).run("c", "x").done()
        assert clock.asked == 0

    @pytest.mark.parametrize("name", ["as it is", "gone"])
    def test_of_the_process_may_come_later(self, name: str) -> None:
        """In a process of its own: a provider is set up once. `gone`: OpenTelemetry has renamed what is looked at."""
        script = f"""
            import asyncio
            from opentelemetry.metrics import set_meter_provider
            from slixmpp_middleware.telemetry import metrics
            from slixmpp_pipeline import install
            from slixmpp_pipeline.testing import FakeClient

            async def waiting(jid, node, ifrom, args):
                await gate

            if {name!r} == "gone":
                metrics.meter_provider = object

            async def main():
                global gate
                gate = asyncio.get_running_loop().create_future()
                api = install(FakeClient(), metrics.Metrics())
                api.register(waiting, "c", "x")
                before = api.run("c", "x")

                from opentelemetry.sdk.metrics import MeterProvider
                from opentelemetry.sdk.metrics.export import InMemoryMetricReader
                reader = InMemoryMetricReader()
                provider = MeterProvider([reader])
                set_meter_provider(provider)

                late = [install(FakeClient(), metrics.Metrics(given)) for given in (None, provider)]
                for one in late:
                    one.register(waiting, "c", "x")
                during = [one.run("c", "x") for one in (api, *late)]
                show(reader)
                gate.set_result(None)
                await asyncio.wait([before, *during])
                show(reader)

            def show(reader):
                ((of_scope,),) = [one.scope_metrics for one in reader.get_metrics_data().resource_metrics]
                for metric in of_scope.metrics:
                    for point in metric.data.data_points:
                        print(metric.name, getattr(point, "count", None) or point.value)

            asyncio.run(main())
        """
        measured = 3 if name == "as it is" else 4
        first, *rest = printed(script)
        assert first == "xmpp.api.calls.in_flight 4"
        assert sorted(rest) == [f"xmpp.api.call.duration {measured}", "xmpp.api.calls.in_flight 0"]

    def test_of_another_type_is_refused(self) -> None:
        wrong: Any = "otlp"
        with pytest.raises(TypeError, match=r"Metrics: meter_provider: 'otlp' is str; a MeterProvider or None"):
            Metrics(wrong)

    def test_is_left_out_of_the_repr(self, figures: Figures) -> None:
        assert repr(Metrics(figures.provider)) == "Metrics()"


def test_clock_that_cannot_be_called_is_refused() -> None:
    wrong: Any = 5
    with pytest.raises(TypeError, match=r"Metrics: clock: 5 is int; a function is allowed"):
        Metrics(clock=wrong)


@pytest.mark.parametrize("handlers", [False, True])
@pytest.mark.parametrize("provider", [None, Figures().provider, metrics.NoOpMeterProvider()])
def test_keeps_the_laws(provider: metrics.MeterProvider | None, handlers: bool) -> None:
    check_layer(lambda: Metrics(provider, handlers=handlers))


async def test_nested_calls_are_counted_each(figures: Figures) -> None:
    api = install(FakeClient(), Metrics(figures.provider))

    async def outer(jid: JID, node: str, ifrom: JID | None, args: Any) -> Any:
        return await api.run("c", "inner")

    api.register(outer, "c", "outer")
    api.register(lambda jid, node, ifrom, args: figures.in_flight, "c", "inner")
    assert await api.run("c", "outer") == {"c outer": 1, "c inner": 1}
    assert sorted(str((point.attributes or {})["xmpp.api.op"]) for point in figures.durations) == ["inner", "outer"]


async def test_plain_handler_behind_it_sees_the_callers_task(figures: Figures) -> None:
    """It needs no Task of its own, so a call of a plain handler costs none."""
    api = install(FakeClient(), Metrics(figures.provider))
    api.register(lambda jid, node, ifrom, args: (asyncio.current_task(),), "c", "x")
    assert api.run("c", "x").result() == (asyncio.current_task(),)
