"""The page about Prometheus names all that is in docs/monitoring, and the dashboard is whole.

Whether its expressions find anything is asked of real servers: tests/servers.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docs.test_scripts import ROOT

FOLDER = ROOT / "docs" / "monitoring"
PAGE = (ROOT / "docs" / "how-to" / "prometheus.md").read_text(encoding="utf-8")
RULES = (FOLDER / "rules.yml").read_text(encoding="utf-8")
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def data_sources(of: Any) -> Iterator[Any]:
    """Iterate over the data sources that are named anywhere in a part of the dashboard."""
    if isinstance(of, dict):
        yield from (value for key, value in of.items() if key == "datasource")
    for part in of.values() if isinstance(of, dict) else of if isinstance(of, list) else ():
        yield from data_sources(part)


@pytest.mark.parametrize("file", sorted(FOLDER.iterdir()), ids=lambda file: file.name)
def test_page_offers_each_file(file: Path) -> None:
    assert f"{{download}}`{file.name} <../monitoring/{file.name}>`" in PAGE


def test_page_names_each_alert_and_no_other() -> None:
    alerts = re.findall(r"^ *- alert: (\w+)$", RULES, re.MULTILINE)
    assert len(alerts) == 3
    assert re.findall(r"^\| `(XmppApi\w+)` \|", PAGE, re.MULTILINE) == alerts


def test_page_names_each_panel_and_no_other() -> None:
    (table,) = re.findall(r"^\| panel \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    named = [title for row in table.splitlines() for title in row.split("|")[1].strip().split(", ")]
    assert named == [panel["title"] for panel in PANELS]


def test_page_has_the_limits_of_the_rules() -> None:
    limits = dict(re.findall(r":(\w+) > ([\d.]+)", RULES))
    assert limits.keys() == {"p95_5m", "ratio5m", "increase5m"}
    rows = dict(re.findall(r"^\| `(XmppApi\w+)` \| ([^|]+) \|", PAGE, re.MULTILINE))
    assert f"longer than {limits['p95_5m']} s" in rows["XmppApiHandlerSlow"]
    assert f"more than {float(limits['ratio5m']):.0%}".replace("%", " %") in rows["XmppApiErrors"]
    assert f"more than {limits['increase5m']} s" in rows["XmppApiLoopHeld"]
    assert set(re.findall(r">= (\d+)", RULES)) == {"10"}
    assert "ten calls in five minutes" in PAGE


def test_dashboard_asks_whom_the_reader_chooses() -> None:
    variables = {one["name"]: one for one in DASHBOARD["templating"]["list"]}
    assert (variables["datasource"]["type"], variables["datasource"]["query"]) == ("datasource", "prometheus")
    asked = [*data_sources(DASHBOARD["panels"]), *data_sources(DASHBOARD["templating"])]
    assert len(asked) == 2 * len(PANELS) + 3
    assert all(one == {"type": "prometheus", "uid": "${datasource}"} for one in asked)


def test_dashboard_shows_everything_until_the_reader_chooses() -> None:
    for variable in DASHBOARD["templating"]["list"][1:]:
        assert (variable["includeAll"], variable["multi"], variable["allValue"]) == (True, True, ".*")
        assert variable["current"]["value"] == ["$__all"]


def test_each_query_goes_by_all_variables_that_the_reader_chooses() -> None:
    chosen = 'instance=~"$instance", xmpp_api_ctype=~"$ctype", xmpp_api_op=~"$op"'
    for panel in PANELS:
        for target in panel["targets"]:
            selectors = re.findall(
                r"xmpp_api_\w+(?:_total|_count|_sum|_bucket|_in_flight)\b(?:{(.*?)})?", target["expr"]
            )
            assert selectors, panel["title"]
            assert all(selector.startswith(chosen) for selector in selectors), panel["title"]


def test_panels_lie_side_by_side_and_say_what_they_are() -> None:
    identifiers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(identifiers)) == len(identifiers)
    covered: Counter[tuple[int, int]] = Counter()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        covered.update((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"]))
    assert set(covered.values()) == {1}
    assert max(x for x, _ in covered) == 23
    assert all(panel["description"] for panel in PANELS)
