"""Which stanzas go in, and which answer is right for each?"""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

DOMAIN = "cards.example"
STICKER = b"\x89PNG a picture that many people have seen"
STICKER_CID = f"sha1+{hashlib.sha1(STICKER, usedforsecurity=False).hexdigest()}@bob.xmpp.org"
RESULT = "result"
KEPT = "kept"
READ_BACK = "xep_0054 get_vcard"


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Who takes part, as bare JIDs.

    `accounts` have a vCard here, and so do those that are `stuck`, whose vCard never comes in time; `closed` had one;
    `visitors` live on another server, and ask. Guests, who send a vCard, are as many as such stanzas.
    """

    accounts: tuple[str, ...]
    stuck: tuple[str, ...]
    closed: tuple[str, ...]
    visitors: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stanza:
    """One IQ stanza, the op that it calls, as `"ctype op"`, and its right answer.

    `expected` is `RESULT`, an error condition (RFC 6120, section 8.3.3), or `KEPT` for a stanza that is itself a
    result: it is not answered, and what it brought has to be found in the storage. `detail` is a text or attribute
    that the answer must hold, `""` for any.
    """

    kind: str
    id: str
    sender: str
    to: str
    xml: str
    call: str
    expected: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of stanza: its `share` in the traffic, the op that it calls, and how one is made.

    `to` chooses from people who gets it, `payload` and `detail` make what is in it and in its answer of a JID.
    """

    name: str
    share: int
    call: str
    to: Callable[[random.Random, People], str]
    payload: Callable[[str], str]
    expected: str = RESULT
    detail: Callable[[str], str] = lambda _: ""


def gather_people(jids: int) -> People:
    """Return `jids` accounts and as many visitors; one more in a hundred is stuck, and one in twenty is closed."""
    return People(
        accounts=tuple(f"user{number}@{DOMAIN}" for number in range(jids)),
        stuck=tuple(f"stuck{number}@{DOMAIN}" for number in range(max(1, jids // 100))),
        closed=tuple(f"former{number}@{DOMAIN}" for number in range(max(1, jids // 20))),
        visitors=tuple(f"visitor{number}@montague.example" for number in range(jids)),
    )


def full_name(jid: str) -> str:
    """Return the FN of the vCard of `jid`; it needs escaping and more than ASCII, as names do.

    >>> full_name("user7@cards.example")
    'Zoë <user7> & Söhne'
    """
    return f"Zoë <{jid.partition('@')[0]}> & Söhne"


def activity(jid: str) -> str:
    """Return the status that the last activity of `jid` has."""
    return f"{jid} is at lunch"


def make_traffic(stanzas: int, people: People, seed: int) -> Iterator[Stanza]:
    """Make `stanzas` of them, the same for the same arguments; the first ones are one of each kind."""
    source = random.Random(seed)
    shares = [kind.share for kind in KINDS]
    for number in range(stanzas):
        kind = KINDS[number] if number < len(KINDS) else source.choices(KINDS, shares)[0]
        yield _make(kind, number, source, people)


def _make(kind: Kind, number: int, source: random.Random, people: People) -> Stanza:
    # Each vCard that is sent is somebody else's, so that none can stand in for one that was lost.
    visitor = f"guest{number}@montague.example" if kind.expected == KEPT else source.choice(people.visitors)
    sender = f"{visitor}/{source.choice(('phone', 'desk'))}"
    to = kind.to(source, people)
    about = visitor if kind.expected == KEPT else to
    iq_type = "result" if kind.expected == KEPT else "get"
    head = f'<iq type="{iq_type}" id="q{number}" from={quoteattr(sender)} to={quoteattr(to)}>'
    return Stanza(
        kind=kind.name,
        id=f"q{number}",
        sender=sender,
        to=to,
        xml=f"{head}{kind.payload(about)}</iq>",
        call=kind.call,
        expected=kind.expected,
        detail=kind.detail(about),
    )


def _account(source: random.Random, people: People) -> str:
    return source.choice(people.accounts)


def _closed(source: random.Random, people: People) -> str:
    return source.choice(people.closed)


def _stuck(source: random.Random, people: People) -> str:
    return source.choice(people.stuck)


def _nobody(source: random.Random, people: People) -> str:
    return f"nobody{source.randrange(len(people.accounts))}@{DOMAIN}"


def _component(source: random.Random, people: People) -> str:
    return DOMAIN


def _empty(name: str, namespace: str, **attributes: str) -> Callable[[str], str]:
    listed = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return lambda _: f"<{name} xmlns={quoteattr(namespace)}{listed}/>"


_VCARD = _empty("vCard", "vcard-temp")
_ACTIVITY = _empty("query", "jabber:iq:last")
_INFO = "http://jabber.org/protocol/disco#info"
_ITEMS = "http://jabber.org/protocol/disco#items"
_BOB = "urn:xmpp:bob"

# fmt: off
KINDS: tuple[Kind, ...] = (
    Kind(name="vCard of an account", share=40, call="xep_0054 get_vcard", to=_account, payload=_VCARD,
         detail=full_name),
    Kind(name="vCard that never comes", share=1, call="xep_0054 get_vcard", to=_stuck, payload=_VCARD,
         expected="remote-server-timeout"),
    Kind(name="vCard of a closed account", share=4, call="xep_0054 get_vcard", to=_closed, payload=_VCARD,
         expected="item-not-found"),
    Kind(name="vCard of nobody", share=4, call="xep_0054 get_vcard", to=_nobody, payload=_VCARD,
         expected="item-not-found"),
    Kind(name="vCard of the component", share=2, call="xep_0054 get_vcard", to=_component, payload=_VCARD,
         detail=lambda _: full_name(DOMAIN)),
    Kind(name="vCard that a guest sends", share=8, call="xep_0054 set_vcard", to=_component, expected=KEPT,
         payload=lambda jid: f'<vCard xmlns="vcard-temp"><FN>{escape(full_name(jid))}</FN></vCard>', detail=full_name),
    Kind(name="features", share=12, call="xep_0030 get_info", to=_component, payload=_empty("query", _INFO),
         detail=lambda _: "vcard-temp"),
    Kind(name="features of an unknown node", share=3, call="xep_0030 get_info", to=_component,
         payload=_empty("query", _INFO, node="gone"), expected="item-not-found"),
    Kind(name="items", share=5, call="xep_0030 get_items", to=_component, payload=_empty("query", _ITEMS),
         detail=lambda _: "The directory"),
    Kind(name="last activity", share=10, call="xep_0012 get_last_activity", to=_account, payload=_ACTIVITY,
         detail=activity),
    Kind(name="last activity of nobody", share=3, call="xep_0012 get_last_activity", to=_nobody, payload=_ACTIVITY,
         expected="service-unavailable"),
    Kind(name="sticker", share=6, call="xep_0231 get_bob", to=_component,
         payload=_empty("data", _BOB, cid=STICKER_CID), detail=lambda _: base64.b64encode(STICKER).decode()),
    Kind(name="sticker unknown", share=3, call="xep_0231 get_bob", to=_component,
         payload=_empty("data", _BOB, cid="sha1+0@bob.xmpp.org"), expected="item-not-found"),
)
# fmt: on
