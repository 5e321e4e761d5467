"""What is shown? A slixmpp component with four plugins, its vCards in a storage, and all layers in front of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

import structlog
from slixmpp import JID, ComponentXMPP
from slixmpp.plugins.xep_0054 import VCardTemp

from demo.handler_time import HandlerTime
from demo.telemetry import Telemetry
from demo.traffic import DOMAIN, STICKER, People, activity, full_name
from slixmpp_inspector import Profiler
from slixmpp_middleware import Caching, Logging, Metrics, Retry, Timeout, Tracing
from slixmpp_pipeline import Entry, Finding, Layer, PipelineRegistry, install
from slixmpp_pipeline.catalogue import Resource, bare_jid
from slixmpp_pipeline.testing import FakeClient

if TYPE_CHECKING:
    from demo.storage import Storage

PLUGINS = ("xep_0030", "xep_0012", "xep_0054", "xep_0231")


TOTAL_SECONDS = 5
ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The component, its registry, and what is asked afterwards.

    That is the telemetry, the profiler that looks at the calls, the caches by scope, and all the layers.
    """

    xmpp: ComponentXMPP
    api: PipelineRegistry
    telemetry: Telemetry
    profiler: Profiler
    caches: Mapping[str, Caching]
    layers: tuple[Layer, ...]


def make_component(storage: Storage, log: TextIO, attempt_timeout: float) -> Shown:
    """Make the component; `log` takes a line of JSON a call, `attempt_timeout` is the seconds that one attempt has."""
    xmpp = ComponentXMPP(DOMAIN, "secret", "server.example", 5347)
    telemetry, caching = Telemetry(), Caching(ttl=60)
    layers: tuple[Layer, ...] = (
        Logging(slow=0.1, logger=json_logger(log)),
        Tracing(telemetry.tracer_provider),
        Metrics(telemetry.meter_provider),
        caching,
        Timeout(TOTAL_SECONDS),  # all attempts together
        Retry(ATTEMPTS),
        Timeout(attempt_timeout),
        HandlerTime(),
    )
    api, profiler = install(xmpp, *layers), Profiler()
    api.observe(profiler)
    # The storage does not look at who asks, and at nothing but the vCard: all may share its answers.
    vcard = Resource("xep_0054", "vcard")
    api.declare("xep_0054", "get_vcard", Entry(reads=((vcard, bare_jid),), repeatable=True, cacheable=True))
    of_vcards = Caching(ttl=60, shared=True)
    api.override(of_vcards, ctype="xep_0054", op="get_vcard")
    for plugin in PLUGINS:
        xmpp.register_plugin(plugin)
    vcards: Any = xmpp.plugin["xep_0054"].api  # slixmpp types handlers as if jid and node could be None
    vcards.register(storage.get, "get_vcard")
    vcards.register(storage.set, "set_vcard")
    vcards.register(storage.delete, "del_vcard")
    vcards.register(own_vcard, "get_vcard", jid=JID(DOMAIN))
    caches = {"everywhere": caching, "xep_0054 get_vcard": of_vcards}
    return Shown(xmpp=xmpp, api=api, telemetry=telemetry, profiler=profiler, caches=caches, layers=layers)


def find_mistakes(layers: tuple[Layer, ...]) -> list[Finding]:
    """Return what `lint()` says of a registry that has nothing but `layers`."""
    log = logging.getLogger("slixmpp_pipeline")
    level = log.level
    log.setLevel(logging.ERROR)  # they are shown in a table, and not as warnings
    try:
        return install(FakeClient(DOMAIN), *layers).lint()
    finally:
        log.setLevel(level)


async def move_in(xmpp: ComponentXMPP, people: People) -> None:
    """Give the accounts their vCards and last activities, close those that are closed, and publish a sticker."""
    vcards, activities = xmpp.plugin["xep_0054"], xmpp.plugin["xep_0012"]
    residents = (*people.accounts, *people.stuck, *people.closed)
    for first in range(0, len(residents), 64):  # not all at once: the last would wait too long
        batch = residents[first : first + 64]
        await asyncio.gather(*(vcards.publish_vcard(make_vcard(jid), JID(jid)) for jid in batch))
    await asyncio.gather(*(xmpp.api.run("xep_0054", "del_vcard", JID(jid)) for jid in people.closed))
    await asyncio.gather(*(activities.set_last_activity(JID(jid), 60, activity(jid)) for jid in people.accounts))
    await xmpp.plugin["xep_0231"].set_bob(STICKER, "image/png")
    await xmpp.plugin["xep_0030"].add_item(jid=f"directory.{DOMAIN}", name="The directory")


def own_vcard(jid: JID, node: str, ifrom: JID | None, args: Any) -> VCardTemp:
    """Answer for the component itself: a plain handler, registered for one JID."""
    return make_vcard(jid.bare)


def make_vcard(jid: str) -> VCardTemp:
    """Make the vCard that `jid` has."""
    vcard = VCardTemp()
    vcard["FN"] = full_name(jid)
    return vcard


async def stored_name(xmpp: ComponentXMPP, jid: JID) -> str:
    """Return the full name in the vCard that is kept for `jid`, `""` if there is none."""
    iq = await xmpp.plugin["xep_0054"].get_vcard(jid, local=True)
    return str(iq["vcard_temp"]["FN"])


def json_logger(log: TextIO) -> Any:
    """Return a structlog logger that writes a line of JSON an event to `log`; the global settings stay alone."""
    return structlog.wrap_logger(
        structlog.WriteLogger(log),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
    )
