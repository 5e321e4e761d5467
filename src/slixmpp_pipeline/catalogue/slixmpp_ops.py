"""What do slixmpp's ops read and write? An entry for each op that a plugin registers.

The comment above each entry is where the default handler stands in slixmpp 1.17.0, below `slixmpp/plugins`, and why an
op is not repeatable, or a read not cacheable.

An entry holds for any sensible handler, and not for the default one alone. What a XEP settles is a key: the account of
a vCard (XEP-0054), the JID and node of an info (XEP-0030), the hash of caps (XEP-0115). Where it settles none, a write
touches all of the resource: a handler may keep a key or a time for the account and not for the resource, and a BoB
under each of its hashes (XEP-0231 has the one that its sender chose). The avatar's hash is that of the photo in the
vCard (XEP-0153), so a new vCard touches it.

Writes in place touch every info and every caps: xep_0115 keeps the very object that it finds at a node at another node
and in its caps, too, and an application may give one object to many JIDs. Info and items of a node come to exist
together, so what makes one touches the other.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from slixmpp_pipeline.catalogue.entry import Entry, Resource
from slixmpp_pipeline.catalogue.keys import (
    arg,
    args,
    bare_jid,
    every,
    full_jid,
    jid_and_node,
    requester,
    sender,
    session,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

LAST: Final = Resource("xep_0012", "last_activity")
KEYID: Final = Resource("xep_0027", "keyid")
INFO: Final = Resource("xep_0030", "info")
ITEMS: Final = Resource("xep_0030", "items")
STREAM: Final = Resource("xep_0047", "stream")
IBB_SID: Final = Resource("xep_0047", "sid")
SOCKS_SID: Final = Resource("xep_0065", "sid")
COMMAND: Final = Resource("xep_0050", "command")
VCARD: Final = Resource("xep_0054", "vcard")
USER: Final = Resource("xep_0077", "user")
PENDING: Final = Resource("xep_0095", "pending")
CONTACT: Final = Resource("xep_0100", "contact")
CAPS: Final = Resource("xep_0115", "caps")
VERSTRING: Final = Resource("xep_0115", "verstring")
HASH: Final = Resource("xep_0153", "hash")
BOB: Final = Resource("xep_0231", "bob")
IDLE: Final = Resource("xep_0319", "idle")

_INFO_IN_PLACE: Final = ((INFO, every), (CAPS, every), (ITEMS, jid_and_node))
_NODE_REPLACED: Final = ((INFO, jid_and_node), (ITEMS, jid_and_node))
_VCARD_REPLACED: Final = ((VCARD, bare_jid), (HASH, bare_jid))
_INFO_OF_ANYBODY: Final = ((INFO, every), (CAPS, every), (VERSTRING, every))

SLIXMPP_OPS: Final[Mapping[tuple[str, str], Entry]] = MappingProxyType(
    {
        # xep_0012/last_activity.py:157-181: answers with the reply to the very Iq that asks
        ("xep_0012", "get_last_activity"): Entry(reads=((LAST, full_jid),), repeatable=True),
        # xep_0012/last_activity.py:140-151: now minus the seconds given: moves with each attempt
        ("xep_0012", "set_last_activity"): Entry(writes=((LAST, full_jid),)),
        # xep_0012/last_activity.py:153-155
        ("xep_0012", "del_last_activity"): Entry(writes=((LAST, full_jid),), repeatable=True),
        # xep_0027/gpg.py:185-186
        ("xep_0027", "get_keyid"): Entry(reads=((KEYID, full_jid),), repeatable=True, cacheable=True),
        # xep_0027/gpg.py:192-193: hands out the store itself
        ("xep_0027", "get_keyids"): Entry(reads=((KEYID, every),), repeatable=True),
        # xep_0027/gpg.py:182-183
        ("xep_0027", "set_keyid"): Entry(writes=((KEYID, every),), repeatable=True),
        # xep_0027/gpg.py:188-190
        ("xep_0027", "del_keyid"): Entry(writes=((KEYID, every),), repeatable=True),
        # xep_0030/static.py:232-245
        ("xep_0030", "get_info"): Entry(reads=((INFO, jid_and_node),), repeatable=True, cacheable=True),
        # xep_0030/static.py:247-255
        ("xep_0030", "set_info"): Entry(writes=_NODE_REPLACED, repeatable=True),
        # xep_0030/static.py:466-475: remote data, a cache already, and changed without ops
        ("xep_0030", "get_cached_info"): Entry(reads=((INFO, jid_and_node),), repeatable=True),
        # xep_0030/static.py:449-464
        ("xep_0030", "cache_info"): Entry(writes=_NODE_REPLACED, repeatable=True),
        # xep_0030/static.py:366-377
        ("xep_0030", "add_feature"): Entry(writes=_INFO_IN_PLACE, repeatable=True),
        # xep_0030/static.py:392-403
        ("xep_0030", "del_feature"): Entry(writes=_INFO_IN_PLACE, repeatable=True),
        # xep_0030/static.py:379-390
        ("xep_0030", "set_features"): Entry(writes=_INFO_IN_PLACE, repeatable=True),
        # xep_0030/static.py:405-414
        ("xep_0030", "del_features"): Entry(writes=_INFO_IN_PLACE, repeatable=True),
        # xep_0030/static.py:304-321
        ("xep_0030", "add_identity"): Entry(writes=_INFO_IN_PLACE, repeatable=True),
        # xep_0030/static.py:337-354
        ("xep_0030", "del_identity"): Entry(writes=_INFO_IN_PLACE, repeatable=True),
        # xep_0030/static.py:323-335: twice leaves none
        ("xep_0030", "set_identities"): Entry(writes=_INFO_IN_PLACE),
        # xep_0030/static.py:356-364
        ("xep_0030", "del_identities"): Entry(writes=_INFO_IN_PLACE, repeatable=True),
        # xep_0030/static.py:267-280: the Iq in args may carry a result set
        ("xep_0030", "get_items"): Entry(reads=((ITEMS, jid_and_node),), repeatable=True, cacheable=True),
        # xep_0030/static.py:282-292
        ("xep_0030", "set_items"): Entry(writes=_NODE_REPLACED, repeatable=True),
        # xep_0030/static.py:294-302
        ("xep_0030", "del_items"): Entry(writes=_NODE_REPLACED, repeatable=True),
        # xep_0030/static.py:416-432
        ("xep_0030", "add_item"): Entry(writes=_NODE_REPLACED, repeatable=True),
        # xep_0030/static.py:434-447
        ("xep_0030", "del_item"): Entry(writes=_NODE_REPLACED, repeatable=True),
        # xep_0030/static.py:148-186: calls other ops, may send an Iq; xep_0115 replaces it
        ("xep_0030", "supports"): Entry(reads=_INFO_OF_ANYBODY),
        # xep_0030/static.py:188-230: the same
        ("xep_0030", "has_identity"): Entry(reads=_INFO_OF_ANYBODY),
        # xep_0047/ibb.py:121-124: may ask a person
        ("xep_0047", "authorized"): Entry(),
        # xep_0047/ibb.py:126-130: takes the token away
        ("xep_0047", "authorized_sid"): Entry(reads=((IBB_SID, session),), writes=((IBB_SID, session),)),
        # xep_0047/ibb.py:132-133: would revive a token that was used
        ("xep_0047", "preauthorize_sid"): Entry(writes=((IBB_SID, session),)),
        # xep_0047/ibb.py:102-103: the stream itself
        ("xep_0047", "get_stream"): Entry(reads=((STREAM, session),), repeatable=True),
        # xep_0047/ibb.py:105-106
        ("xep_0047", "set_stream"): Entry(writes=((STREAM, session),), repeatable=True),
        # xep_0047/ibb.py:108-110
        ("xep_0047", "del_stream"): Entry(writes=((STREAM, session),), repeatable=True),
        # xep_0050/adhoc.py:147-154: answers with callables; xep_0050 keeps them in a public dict
        ("xep_0050", "get_command"): Entry(reads=((COMMAND, jid_and_node),), repeatable=True),
        # xep_0050/adhoc.py:136-145
        ("xep_0050", "set_command"): Entry(writes=((COMMAND, jid_and_node),), repeatable=True),
        # xep_0054/vcard_temp.py:152-153
        ("xep_0054", "get_vcard"): Entry(reads=((VCARD, bare_jid),), repeatable=True, cacheable=True),
        # xep_0054/vcard_temp.py:149-150
        ("xep_0054", "set_vcard"): Entry(writes=_VCARD_REPLACED, repeatable=True),
        # xep_0054/vcard_temp.py:155-157
        ("xep_0054", "del_vcard"): Entry(writes=_VCARD_REPLACED, repeatable=True),
        # xep_0055/search.py:60-67: answers with the reply to the very Iq that asks
        ("xep_0055", "search_get_form"): Entry(repeatable=True),
        # xep_0055/search.py:69-76: the same
        ("xep_0055", "search_query"): Entry(repeatable=True),
        # xep_0065/proxy.py:264-265: may ask a person
        ("xep_0065", "authorized"): Entry(),
        # xep_0065/proxy.py:267-273: takes the token away
        ("xep_0065", "authorized_sid"): Entry(reads=((SOCKS_SID, session),), writes=((SOCKS_SID, session),)),
        # xep_0065/proxy.py:275-277: would revive a token that was used
        ("xep_0065", "preauthorize_sid"): Entry(writes=((SOCKS_SID, session),)),
        # xep_0077/register.py:103-104: a mutable record; an application may declare otherwise
        ("xep_0077", "user_get"): Entry(reads=((USER, sender),), repeatable=True),
        # xep_0077/register.py:106-107: KeyError the second time
        ("xep_0077", "user_remove"): Entry(writes=((USER, sender),)),
        # xep_0077/register.py:132-133: the second time the user exists
        ("xep_0077", "user_validate"): Entry(writes=((USER, requester),)),
        # xep_0077/register.py:109-130: changes the Iq in args, and answers with its reply
        ("xep_0077", "make_registration_form"): Entry(reads=((USER, sender),)),
        # xep_0095/stream_initiation.py:213-215: the pending offer itself
        ("xep_0095", "get_pending"): Entry(reads=((PENDING, session),), repeatable=True),
        # xep_0095/stream_initiation.py:209-211
        ("xep_0095", "add_pending"): Entry(writes=((PENDING, session),), repeatable=True),
        # xep_0095/stream_initiation.py:217-220
        ("xep_0095", "del_pending"): Entry(writes=((PENDING, session),), repeatable=True),
        # xep_0100/gateway.py:151-152: writes to a foreign network
        ("xep_0100", "legacy_contact_add"): Entry(writes=((CONTACT, every),)),
        # xep_0100/gateway.py:211-212: the same
        ("xep_0100", "legacy_contact_remove"): Entry(writes=((CONTACT, every),)),
        # xep_0115/static.py:137-141
        ("xep_0115", "get_caps"): Entry(
            reads=((CAPS, arg("verstring")),), repeatable=True, cacheable=True, vary_by=arg("verstring")
        ),
        # xep_0115/static.py:122-127
        ("xep_0115", "cache_caps"): Entry(writes=((CAPS, arg("verstring")),), repeatable=True),
        # xep_0115/static.py:134-135
        ("xep_0115", "get_verstring"): Entry(reads=((VERSTRING, full_jid),), repeatable=True, cacheable=True),
        # xep_0115/static.py:129-132
        ("xep_0115", "assign_verstring"): Entry(writes=((VERSTRING, full_jid),), repeatable=True),
        # xep_0115/static.py:35-75: as xep_0030's
        ("xep_0115", "supports"): Entry(reads=_INFO_OF_ANYBODY),
        # xep_0115/static.py:35-75: as xep_0030's
        ("xep_0115", "has_identity"): Entry(reads=_INFO_OF_ANYBODY),
        # xep_0128/static.py:39-54: appends again
        ("xep_0128", "add_extended_info"): Entry(writes=_INFO_IN_PLACE),
        # xep_0128/static.py:29-37: appends too, since del_extended_info deletes nothing
        ("xep_0128", "set_extended_info"): Entry(writes=_INFO_IN_PLACE),
        # xep_0128/static.py:56-65: deletes nothing today; mended, ValueError the second time
        ("xep_0128", "del_extended_info"): Entry(writes=_INFO_IN_PLACE),
        # xep_0153/vcard_avatar.py:165-166
        ("xep_0153", "get_hash"): Entry(reads=((HASH, bare_jid),), repeatable=True, cacheable=True),
        # xep_0153/vcard_avatar.py:168-169
        ("xep_0153", "set_hash"): Entry(writes=((HASH, bare_jid),), repeatable=True),
        # xep_0153/vcard_avatar.py:139-163: sends presence, asks for the vCard
        ("xep_0153", "reset_hash"): Entry(writes=((HASH, bare_jid),)),
        # xep_0231/bob.py:170-172
        ("xep_0231", "get_bob"): Entry(reads=((BOB, args),), repeatable=True, cacheable=True),
        # xep_0231/bob.py:167-168
        ("xep_0231", "set_bob"): Entry(writes=((BOB, every),), repeatable=True),
        # xep_0231/bob.py:174-176
        ("xep_0231", "del_bob"): Entry(writes=((BOB, every),), repeatable=True),
        # xep_0319/idle.py:75-76
        ("xep_0319", "get_idle"): Entry(reads=((IDLE, full_jid),), repeatable=True, cacheable=True),
        # xep_0319/idle.py:72-73
        ("xep_0319", "set_idle"): Entry(writes=((IDLE, every),), repeatable=True),
    }
)

UNREAD: Final = frozenset(resource for entry in SLIXMPP_OPS.values() for resource, _ in entry.writes) - {
    resource for entry in SLIXMPP_OPS.values() if entry.cacheable for resource, _ in entry.reads
}
"""What ops write, and no cacheable op reads."""
