"""A bot with six layers, and handlers that are quick or slow, fail, hang, refuse or hold the loop.

`python component.py <domain> <secret> <port of the server> <port for Prometheus>`. When it serves figures it is
connected.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import start_http_server
from slixmpp import JID, ComponentXMPP
from slixmpp.exceptions import XMPPError
from slixmpp.plugins.xep_0054 import VCardTemp
from slixmpp.stanza import Iq

from slixmpp_inspector import Watchdog
from slixmpp_middleware import Caching, Logging, Metrics, Retry, Timeout, Tracing
from slixmpp_pipeline import install


def quick(jid: JID, node: str, ifrom: JID | None, args: Any) -> VCardTemp:
    vcard = VCardTemp()
    vcard["FN"] = jid.user
    return vcard


async def slow(jid: JID, node: str, ifrom: JID | None, args: Any) -> Iq:
    await asyncio.sleep(0.6)
    return answer_to(args)


async def failing(jid: JID, node: str, ifrom: JID | None, args: Any) -> Iq:
    raise ConnectionError("the database is gone")


async def hanging(jid: JID, node: str, ifrom: JID | None, args: Any) -> Iq:
    await asyncio.Event().wait()
    return answer_to(args)


def holding(jid: JID, node: str, ifrom: JID | None, args: Any) -> Iq:
    time.sleep(0.4)
    return answer_to(args)


def refusing(jid: JID, node: str, ifrom: JID | None, args: Any) -> None:
    raise XMPPError("item-not-found")


def answer_to(question: Iq) -> Iq:
    answer: Iq = question.reply()
    answer["last_activity"]["seconds"] = 5
    return answer


async def serve(domain: str, secret: str, port: int, metrics_port: int) -> None:
    """Answer until the process is ended."""
    provider = MeterProvider([PrometheusMetricReader()])
    xmpp = ComponentXMPP(domain, secret, "127.0.0.1", port)
    api = install(xmpp, Logging(slow=0.5), Tracing(), Metrics(provider, handlers=True))
    api.use(Caching(ttl=60), Timeout(1.5), Retry(2, base=0.01))
    for plugin in ("xep_0012", "xep_0054", "xep_0231"):
        xmpp.register_plugin(plugin)
    api.register(quick, "xep_0054", "get_vcard")
    for handler in (slow, failing, hanging, holding):
        api.register(handler, "xep_0012", "get_last_activity", jid=JID(f"{handler.__name__}@{domain}"))
    api.register(refusing, "xep_0231", "get_bob")
    connected = asyncio.Event()
    xmpp.add_event_handler("session_start", lambda _: connected.set())
    xmpp.connect()
    await connected.wait()
    with Watchdog(api, meter_provider=provider):
        start_http_server(metrics_port, "127.0.0.1")
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
