"""What docs/monitoring has for Prometheus and Grafana finds the figures of a real bot, which is asked over the wire."""

from __future__ import annotations

import asyncio
import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from slixmpp import JID, ClientXMPP
from slixmpp.exceptions import IqError

from tests.servers.conftest import MakeFolder
from tests.servers.processes import (
    HOST,
    SECRET,
    Prometheus,
    free_port,
    prometheus,
    prosody,
    running,
    serves,
    wait_until,
)

FOLDER = Path(__file__).parents[2] / "docs" / "monitoring"
RULES = FOLDER / "rules.yml"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))
VARIABLES = {one["name"]: one for one in DASHBOARD["templating"]["list"] if one["type"] == "query"}
PANELS = {
    f"{panel['title']} {target['refId']}": target["expr"]
    for panel in DASHBOARD["panels"]
    for target in panel.get("targets", [])
}
ALERTS = {"XmppApiHandlerSlow", "XmppApiErrors", "XmppApiLoopHeld"}

BOT = "bot.localhost"
ROUNDS = 8
REFUSED = 5  # in each round
ACTIVITY_OF = ("slow", "slow", "holding", "failing", "failing", "hanging")
CALLS = ROUNDS * (5 + len(ACTIVITY_OF) + REFUSED)
CID = "sha1+8f35fef110ffc5df08d579a50083ff9308fb6242@bob.xmpp.org"


async def ask(port: int) -> None:
    """Ask the bot, as a client of the server, until there is enough of everything."""
    insecure = {"feature_mechanisms": {"unencrypted_plain": True}}
    xmpp = ClientXMPP("romeo@localhost/orchard", SECRET, plugin_config=insecure)
    xmpp.enable_plaintext, xmpp.enable_starttls, xmpp.enable_direct_tls = True, False, False
    for plugin in ("xep_0012", "xep_0054", "xep_0231"):
        xmpp.register_plugin(plugin)
    vcard, activity, bob = (xmpp.plugin[name] for name in ("xep_0054", "xep_0012", "xep_0231"))
    connected = asyncio.Event()
    xmpp.add_event_handler("session_start", lambda _: connected.set())
    xmpp.connect(HOST, port)
    await asyncio.wait_for(connected.wait(), 10)
    for number in range(ROUNDS):
        vcard_of = ("nurse", "nurse", "nurse", f"romeo{number}", f"juliet{number}")
        answers = await asyncio.gather(
            *(vcard.get_vcard(JID(f"{name}@{BOT}")) for name in vcard_of),
            *(activity.get_last_activity(JID(f"{name}@{BOT}")) for name in ACTIVITY_OF),
            *(bob.get_bob(JID(BOT), CID, cached=False) for _ in range(REFUSED)),
            return_exceptions=True,
        )
        assert [type(answer) is IqError for answer in answers] == [False] * 8 + [True] * (3 + REFUSED)
    await xmpp.disconnect()


@pytest.fixture(scope="module")
def target() -> str:
    """Where Prometheus finds the bot: the value of the label `instance`."""
    return f"{HOST}:{free_port()}"


@pytest.fixture(scope="module")
def of_bot(make_folder: MakeFolder, target: str) -> Iterator[Prometheus]:
    """A Prometheus that has all figures of a bot that was asked."""
    figures = f"http://{target}/metrics"
    script = [sys.executable, str(Path(__file__).with_name("component.py")), BOT, SECRET]
    with (
        prosody(make_folder(), ["romeo"], ["bot"]) as server,
        running(
            [*script, str(server.component_port), target.rpartition(":")[2]], make_folder(), lambda: serves(figures)
        ),
        prometheus(make_folder(), target, RULES) as found,
    ):
        wait_until(lambda: [value for _, value in found.values("up")] == [1], "Prometheus has asked the bot")
        asyncio.run(ask(server.client_port))
        total = 'sum(xmpp_api_call_duration_seconds_count{xmpp_api_ctype!="xep_0030"})'  # which slixmpp calls itself
        wait_until(lambda: [value for _, value in found.values(total)] == [CALLS], "Prometheus has counted all calls")
        yield found


def values_of(found: Prometheus, name: str, chosen: Mapping[str, str]) -> list[str]:
    """Return what a variable of the dashboard offers, as Grafana asks for it."""
    match = re.fullmatch(r"label_values\((.+), (\w+)\)", filled(VARIABLES[name]["query"]["query"], chosen))
    assert match is not None
    return list(found.get(f"label/{match[2]}/values", **{"match[]": match[1]}))


def filled(expression: str, chosen: Mapping[str, str]) -> str:
    """Return an expression with its variables filled in; scraped every 15 s, a rate is over a minute."""
    for name, value in {"__rate_interval": "1m0s", **chosen}.items():
        expression = re.sub(rf"\${name}\b", value.replace("\\", r"\\"), expression)
    assert "$" not in expression
    return expression


def several(values: list[str]) -> str:
    """Return values that are ticked in Grafana as it writes them: a regular expression, in a text of PromQL."""
    escaped = [re.sub(r"[\\^$.*+?()\[\]{}|]", r"\\\\\g<0>", value) for value in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def all_of_them() -> dict[str, str]:
    return {name: variable["allValue"] for name, variable in VARIABLES.items()}


def numbers(found: Prometheus, expression: str) -> list[float]:
    return [value for _, value in found.values(expression) if not math.isnan(value)]


@pytest.mark.parametrize("command", [["check", "rules", "rules.yml"], ["test", "rules", "rules-test.yml"]])
def test_promtool_agrees_with_the_rules(command: list[str]) -> None:
    done = subprocess.run(["promtool", *command], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_agrees_with_the_configuration_on_the_page(tmp_path: Path) -> None:
    page = (FOLDER.parent / "how-to" / "prometheus.md").read_text(encoding="utf-8")
    (configuration,) = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "prometheus.yml").write_text(configuration, encoding="utf-8")
    (tmp_path / RULES.name).write_bytes(RULES.read_bytes())
    command = ["promtool", "check", "config", "prometheus.yml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 rules found" in done.stdout


@pytest.mark.parametrize("panel", PANELS)
def test_panel_shows_a_number_of_all_bots_and_ops(of_bot: Prometheus, panel: str) -> None:
    assert numbers(of_bot, filled(PANELS[panel], all_of_them()))


@pytest.mark.parametrize("panel", PANELS)
def test_panel_shows_a_number_of_bots_and_ops_that_are_ticked(of_bot: Prometheus, panel: str) -> None:
    ticked: dict[str, str] = {}
    for name in VARIABLES:
        ticked[name] = several(values_of(of_bot, name, ticked))
    assert numbers(of_bot, filled(PANELS[panel], ticked))


@pytest.mark.parametrize("panel", PANELS)
@pytest.mark.parametrize("name", VARIABLES)
def test_panel_shows_nothing_of_what_is_not_ticked(of_bot: Prometheus, panel: str, name: str) -> None:
    assert numbers(of_bot, filled(PANELS[panel], all_of_them() | {name: "another"})) == []


def test_variables_offer_what_there_is(of_bot: Prometheus, target: str) -> None:
    assert list(VARIABLES) == ["instance", "ctype", "op"]
    assert values_of(of_bot, "instance", {}) == [target]
    assert values_of(of_bot, "ctype", {"instance": several([target])}) == [
        "xep_0012",
        "xep_0030",
        "xep_0054",
        "xep_0231",
    ]
    ops = {ctype: values_of(of_bot, "op", {"instance": ".*", "ctype": ctype}) for ctype in ("xep_0054", "xep_0231")}
    assert ops == {"xep_0054": ["get_vcard"], "xep_0231": ["get_bob"]}


def test_panels_tell_quick_handlers_from_slow_ones(of_bot: Prometheus) -> None:
    of_handlers = of_bot.values(filled(PANELS["p95 by handler A"], all_of_them()))
    of_script = {labels["code_function_name"]: value for labels, value in of_handlers if not math.isnan(value)}
    seconds = {name.removeprefix("__main__."): value for name, value in of_script.items()}
    assert seconds.keys() == {"quick", "slow", "failing", "hanging", "holding", "refusing"}
    assert {name for name, value in seconds.items() if value > 0.25} == {"slow", "hanging", "holding"}


def test_panels_tell_who_failed_and_who_was_refused(of_bot: Prometheus) -> None:
    errors = of_bot.values(filled(PANELS["Errors by type A"], all_of_them()))
    assert {labels["error_type"] for labels, value in errors if value} == {"ConnectionError", "CallTimeout"}
    refusals = of_bot.values(filled(PANELS["Refusals by condition A"], all_of_them()))
    assert {labels["xmpp_api_condition"] for labels, value in refusals if value} == {"item-not-found"}


def test_cache_hit_ratio_is_also_there_where_nothing_is_hit(of_bot: Prometheus) -> None:
    """That is 0, and not a missing line: whoever looks wants to know."""
    found = of_bot.values(filled(PANELS["Cache hit ratio A"], all_of_them()))
    ratios = {labels["xmpp_api_op"]: value for labels, value in found}
    assert (ratios["get_bob"], 0 < ratios["get_vcard"] < 1) == (0, True)


def test_rules_give_numbers_and_each_alert_fires_or_is_about_to(of_bot: Prometheus) -> None:
    def rules() -> list[dict[str, Any]]:
        return [rule for group in of_bot.get("rules")["groups"] for rule in group["rules"]]

    def has_begun() -> bool:
        return {rule["name"] for rule in rules() if rule.get("state") in {"pending", "firing"}} == ALERTS

    wait_until(has_begun, "Prometheus has seen that something is wrong")
    assert {rule["health"] for rule in rules()} == {"ok"}
    for rule in rules():
        assert numbers(of_bot, rule["query"]), rule["name"]


def test_no_refusal_is_among_what_the_alert_of_errors_counts(of_bot: Prometheus) -> None:
    duration = "xmpp_api_call_duration_seconds_count"
    refused = of_bot.values(f'sum by (xmpp_api_op) ({duration}{{xmpp_api_outcome="refused"}})')
    assert refused == [({"xmpp_api_op": "get_bob"}, ROUNDS * REFUSED)]

    queries = {rule["name"]: rule["query"] for group in of_bot.get("rules")["groups"] for rule in group["rules"]}
    alert = queries["XmppApiErrors"]
    counted = [*re.findall(rf"{duration}(?:{{[^}}]*}})?", alert + queries[re.findall(r"job_\S+:\S+", alert)[0]])]
    outcomes = {labels["xmpp_api_outcome"] for one in counted for labels, _ in of_bot.values(one)}
    assert outcomes == {"ok", "error", "timeout"}
    assert {labels["xmpp_api_op"] for labels, _ in of_bot.values(alert)} == {"get_last_activity"}
