"""What peers can send unasked, and what a plugin makes of it: which op, whose JID is in `jid`, and whose in `ifrom`."""

from __future__ import annotations

from typing import Final, NamedTuple

EVE: Final = "eve@evil.example/x"
CID: Final = "sha1+8f35fef110ffc5df08d579a50083ff9308fb6242@bob.xmpp.org"
BYTESTREAMS: Final = "http://jabber.org/protocol/bytestreams"
_BOB: Final = f"<data xmlns='urn:xmpp:bob' cid='{CID}' type='image/png'>aGk=</data>"
_VCARD: Final = "<vCard xmlns='vcard-temp'><FN>Eve</FN></vCard>"


class Sent(NamedTuple):
    """A stanza of a peer: `kind` is the tag and its type, `what` says it in words."""

    what: str
    kind: str
    payload: str
    made: tuple[str, ...]
    is_of_components: bool = False

    def xml(self, to: str) -> str:
        """Return the stanza, from Eve."""
        tag, _, kind = self.kind.partition(" ")
        typed = f" type='{kind}'" if kind else ""
        return f"<{tag}{typed} id='1' from='{EVE}' to='{to}'>{self.payload}</{tag}>"


# What is made of it: "op: jid by ifrom", where a peer is "peer", the client or component itself "us".
SENT: Final = [
    Sent("asks for a vCard", "iq get", "<vCard xmlns='vcard-temp'/>", ("xep_0054 get_vcard: us by peer",), True),
    Sent("a vCard that nobody asked for", "iq result", _VCARD, ("xep_0054 set_vcard: peer by None",)),
    Sent("asks for a BoB", "iq get", f"<data xmlns='urn:xmpp:bob' cid='{CID}'/>", ("xep_0231 get_bob: us by peer",)),
    Sent("a BoB that nobody asked for", "iq result", _BOB, ("xep_0231 set_bob: peer by us",)),
    Sent("a message with a BoB", "message", _BOB, ("xep_0231 set_bob: peer by us",)),
    Sent(
        "a presence with a BoB",
        "presence",
        _BOB,
        ("xep_0153 set_hash: peer by None", "xep_0231 set_bob: peer by us"),
    ),
    Sent("a presence without an avatar", "presence", "", ("xep_0153 set_hash: peer by None",)),
    Sent(
        "a presence with caps",
        "presence",
        "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/>",
        (
            "xep_0153 set_hash: peer by None",
            "xep_0115 get_verstring: peer by None",
            "xep_0115 get_caps: us by None",
        ),
    ),
    Sent(
        "asks for the presence",
        "presence probe",
        "",
        ("xep_0012 get_last_activity: us by the peer's account", "xep_0319 get_idle: us by None"),
        True,
    ),
    Sent(
        "asks what is here",
        "iq get",
        "<query xmlns='http://jabber.org/protocol/disco#info'/>",
        ("xep_0030 get_info: us by peer",),
    ),
    Sent(
        "an info that nobody asked for",
        "iq result",
        "<query xmlns='http://jabber.org/protocol/disco#info'/>",
        ("xep_0030 cache_info: peer by us, None on a client",),
    ),
    Sent(
        "asks for items",
        "iq get",
        "<query xmlns='http://jabber.org/protocol/disco#items'/>",
        ("xep_0030 get_items: us by peer",),
    ),
    Sent(
        "asks for the last activity",
        "iq get",
        "<query xmlns='jabber:iq:last'/>",
        ("xep_0012 get_last_activity: us by peer",),
    ),
    Sent(
        "asks how to register",
        "iq get",
        "<query xmlns='jabber:iq:register'/>",
        ("xep_0077 make_registration_form: us by peer", "xep_0077 user_get: us by peer"),
        True,
    ),
    Sent(
        "ends a registration",
        "iq set",
        "<query xmlns='jabber:iq:register'><remove/></query>",
        ("xep_0077 user_remove: us by peer",),
        True,
    ),
    Sent(
        "asks how to search",
        "iq get",
        "<query xmlns='jabber:iq:search'/>",
        ("xep_0055 search_get_form: us by peer",),
    ),
    Sent(
        "offers a stream in the band",
        "iq set",
        "<open xmlns='http://jabber.org/protocol/ibb' block-size='4096' sid='s' stanza='iq'/>",
        ("xep_0047 authorized_sid: us by peer", "xep_0047 authorized: us by peer"),
    ),
    Sent(
        "data of such a stream",
        "iq set",
        "<data xmlns='http://jabber.org/protocol/ibb' seq='0' sid='s'>aGk=</data>",
        ("xep_0047 get_stream: us by peer",),
    ),
    Sent(
        "offers a stream over SOCKS5",
        "iq set",
        f"<query xmlns='{BYTESTREAMS}' sid='s'><streamhost jid='a@b' host='127.0.0.1' port='1'/></query>",
        ("xep_0065 authorized_sid: us by peer", "xep_0065 authorized: us by peer"),
    ),
    Sent(
        "runs a command",
        "iq set",
        "<command xmlns='http://jabber.org/protocol/commands' node='n' action='execute'/>",
        ("xep_0050 get_command: us by peer",),
    ),
]
