"""How much memory a stored answer takes is estimated, honestly."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

import pytest
from slixmpp import JID, ClientXMPP
from slixmpp.plugins.xep_0054.stanza import VCardTemp
from slixmpp.xmlstream import ET

from slixmpp_middleware import Caching
from slixmpp_pipeline import install
from slixmpp_pipeline.testing import FakeClient


def vcard(inside: str) -> Callable[[], VCardTemp]:
    return lambda: VCardTemp(xml=ET.fromstring(f"<vCard xmlns='vcard-temp'>{inside}</vCard>"))


ANSWERS: dict[str, Callable[[], object]] = {
    "None": lambda: None,
    "text": lambda: "".join(["ab"] * 500),
    "bytes": lambda: b"ab".join([b"c"] * 500),
    "a tuple of text": lambda: tuple("".join(["ab", str(number)]) for number in range(20)),
    "a set of text": lambda: frozenset("".join(["ab", str(number)]) for number in range(20)),
    "a JID": lambda: JID("romeo@montague.example/orchard"),
    "no element": vcard(""),
    "a vCard": vcard("<FN>Romeo</FN><N><FAMILY>Montague</FAMILY><GIVEN>Romeo</GIVEN></N>"),
    "a photo": vcard(f"<FN>Romeo</FN><PHOTO><TYPE>image/png</TYPE><BINVAL>{'a' * 30_000}</BINVAL></PHOTO>"),
    "many elements": vcard("<NOTE/>" * 900),
    "many texts": vcard("<NOTE>some text</NOTE>" * 900),
    "many attributes": vcard("<X a='1' b='2'/>" * 900),
    "text between": vcard("<X/>abc" * 900),
    "deep": vcard("<X>" * 300 + "</X>" * 300),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_estimate_is_near_what_is_allocated(name: str) -> None:
    ClientXMPP("romeo@montague.example", "secret").register_plugin("xep_0054")  # slixmpp makes stanzas of the elements
    caching = Caching(60, max_bytes=1_000_000_000)
    api = install(FakeClient(), caching)
    api.register(lambda jid, node, ifrom, args: ANSWERS[name](), "xep_0054", "get_vcard")
    api.run("xep_0054", "get_vcard", "first@montague.example")
    before = caching.statistics(api).bytes
    tracemalloc.start()
    try:
        for number in range(20):
            api.run("xep_0054", "get_vcard", f"user{number}@montague.example")
        gc.collect()
        allocated, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0.5 < (caching.statistics(api).bytes - before) / allocated < 1.6
