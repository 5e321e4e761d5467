"""Records, and layers with settings: they cannot be changed, and have no room for what is no field."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import FrozenInstanceError, fields, is_dataclass
from typing import Any

import pytest

import slixmpp_middleware
import slixmpp_pipeline
from slixmpp_middleware.caching.route import RouteCache
from slixmpp_middleware.caching.store import Statistics, Store, StoredAnswer
from slixmpp_middleware.retry.layer import RouteRetry
from slixmpp_middleware.telemetry.logging import RouteLog
from slixmpp_middleware.telemetry.metrics import RouteMetrics
from slixmpp_middleware.telemetry.tracing import RouteTrace
from slixmpp_pipeline import Entry, Explanation, Finding
from slixmpp_pipeline.layers.scopes import _Rules


def records() -> list[Any]:
    """Return every dataclass of both packages."""
    found: dict[Any, None] = {}
    for package in (slixmpp_pipeline, slixmpp_middleware):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            values = vars(importlib.import_module(module.name)).values()
            found |= dict.fromkeys(one for one in values if isinstance(one, type) and is_dataclass(one))
    return list(found)


RECORDS = records()
KEPT_UP_TO_DATE = [
    Statistics,
    Store,
    StoredAnswer,
    _Rules,
]  # what is known so far, each inside an object that guards it


@pytest.mark.parametrize("record", [one for one in RECORDS if one not in KEPT_UP_TO_DATE and fields(one)])
def test_record_cannot_be_changed(record: Any) -> None:
    one = object.__new__(record)

    with pytest.raises(FrozenInstanceError):
        setattr(one, fields(record)[0].name, None)


@pytest.mark.parametrize("record", RECORDS)
def test_record_has_its_fields_and_no_more(record: Any) -> None:
    assert not hasattr(object.__new__(record), "__dict__")


@pytest.mark.parametrize(
    "record", [Entry, Explanation, Finding, RouteCache, RouteLog, RouteMetrics, RouteRetry, RouteTrace]
)
def test_record_of_many_fields_takes_them_by_name(record: Any) -> None:
    kinds = {parameter.kind for parameter in inspect.signature(record).parameters.values()}

    assert kinds == {inspect.Parameter.KEYWORD_ONLY}
