"""Which handler answers, and what it is given."""

from __future__ import annotations

from slixmpp import JID
from slixmpp.jid import InvalidJID

from tests.contract.stage import CTYPE, OP, Stage
from tests.contract.table import answered, bare, differs, raised, same

BOUND = "juliet@capulet.example/balcony"
ROMEO = JID("romeo@montague.example/orchard")
BARE = JID("romeo@montague.example")
NURSE = JID("nurse@capulet.example")


@same(answered(None))
def nobody_answers(stage: Stage) -> object:
    return stage.run(ROMEO, "news")


@same(answered("global"))
def global_answers_any_jid_and_node(stage: Stage) -> object:
    stage.answers("global")
    return stage.run(ROMEO, "news")


@same(answered("jid"))
def jid_beats_global(stage: Stage) -> object:
    stage.answers("jid", ROMEO)
    stage.answers("global")
    return stage.run(ROMEO)


@same(answered("jid"))
def jid_answers_any_node(stage: Stage) -> object:
    stage.answers("jid", ROMEO)
    return stage.run(ROMEO, "news")


@same(answered("jid+node"))
def jid_and_node_beat_jid(stage: Stage) -> object:
    stage.answers("jid+node", ROMEO, "news")
    stage.answers("jid", ROMEO)
    stage.answers("global")
    return stage.run(ROMEO, "news")


@same(answered("jid"))
def jid_and_node_do_not_answer_another_node(stage: Stage) -> object:
    stage.answers("jid+node", ROMEO, "news")
    stage.answers("jid", ROMEO)
    return stage.run(ROMEO, "weather")


@same(answered("global"))
def jid_and_node_do_not_answer_another_jid(stage: Stage) -> object:
    stage.answers("jid+node", ROMEO, "news")
    stage.answers("jid", ROMEO)
    stage.answers("global")
    return stage.run(NURSE, "news")


@differs(slixmpp=answered(None), ours=answered("node"), because="node only")
def node_answers_any_jid(stage: Stage) -> object:
    stage.answers("node", None, "news")
    return stage.run(ROMEO, "news")


@differs(slixmpp=answered("global"), ours=answered("node"), because="node only")
def node_beats_global(stage: Stage) -> object:
    stage.answers("node", None, "news")
    stage.answers("global")
    return stage.run(ROMEO, "news")


@differs(
    slixmpp=answered(None),
    ours=answered("empty node"),
    because="node only",
    each={"run with None": None, "run with ''": ""},
)
def empty_node_without_a_jid_is_a_node(stage: Stage, node: str | None) -> object:
    stage.answers("empty node", None, "")
    return stage.run(ROMEO, node)


@same(answered("jid"))
def jid_beats_node(stage: Stage) -> object:
    stage.answers("node", None, "news")
    stage.answers("jid", ROMEO)
    return stage.run(ROMEO, "news")


@same(answered("global"))
def node_does_not_answer_another_node(stage: Stage) -> object:
    stage.answers("node", None, "news")
    stage.answers("global")
    return stage.run(ROMEO, "weather")


@same(answered(None), each={"of another op": (CTYPE, "set"), "of another ctype": ("xep_0001", OP)})
def handler_does_not_answer(stage: Stage, key: tuple[str, str]) -> object:
    stage.api.register(lambda jid, node, ifrom, args: "other", *key)
    return stage.run()


@same(answered(None), each={"bare for full": (BARE, ROMEO), "full for bare": (ROMEO, BARE)})
def resource_matters(stage: Stage, jids: tuple[JID, JID]) -> object:
    registered, asked = jids
    stage.answers("jid", registered)
    return stage.run(asked)


@same(answered((BOUND, "")), each={"None": None, "''": "", "JID('')": JID("")})
def no_jid_means_the_clients_own(stage: Stage, given: JID | str | None) -> object:
    stage.register(lambda jid, node, ifrom, args: (jid.full, node), BOUND)
    return stage.run(given)


@same(answered("romeo@elsewhere.example"))
def own_jid_is_read_at_each_call(stage: Stage) -> object:
    stage.register(lambda jid, node, ifrom, args: jid.full)
    stage.run()
    stage.xmpp.boundjid = JID("romeo@elsewhere.example")
    return stage.run()


@same(answered("jid"), each={"JID": ROMEO, "text": ROMEO.full, "text of other case": "Romeo@MONTAGUE.example/orchard"})
def jid_may_be_asked_for_as(stage: Stage, given: JID | str) -> object:
    stage.answers("jid", ROMEO)
    return stage.run(given)


@same(answered("jid"))
def jid_may_be_registered_as_text(stage: Stage) -> object:
    stage.answers("jid", ROMEO.full)
    return stage.run(ROMEO)


@differs(slixmpp=answered(None), ours=answered("jid"), because="text", each={"jid": None, "jid and node": "news"})
def jid_may_be_registered_as_text_of_other_case(stage: Stage, node: str | None) -> object:
    stage.answers("jid", "Romeo@MONTAGUE.example/orchard", node)
    return stage.run(ROMEO, node)


@differs(slixmpp=answered(None), ours=answered("jid"), because="copied", each={"jid": None, "jid and node": "news"})
def jid_changed_after_registering_changes_nothing(stage: Stage, node: str | None) -> object:
    jid = JID(ROMEO)
    stage.answers("jid", jid, node)
    jid.resource = "tomb"
    return stage.run(ROMEO, node)


@same(answered(None))
def jid_changed_after_registering_does_not_move_the_handler(stage: Stage) -> object:
    jid = JID(ROMEO)
    stage.answers("jid", jid)
    jid.resource = "tomb"
    return stage.run(jid)


@same(bare(ROMEO.full))
def handler_gets_a_jid_of_its_own(stage: Stage) -> object:
    def handler(jid: JID, node: str, ifrom: JID | None, args: object) -> None:
        jid.resource = "tomb"

    asked = JID(ROMEO)
    stage.register(handler)
    stage.run(asked)
    return asked.full


@same(answered("found"), each={"None": None, "''": ""})
def no_node_is_the_empty_node(stage: Stage, node: str | None) -> object:
    stage.answers("found", ROMEO, "")
    return stage.run(ROMEO, node)


@same(answered(None))
def empty_node_at_a_jid_does_not_answer_other_nodes(stage: Stage) -> object:
    stage.answers("empty node", ROMEO, "")
    return stage.run(ROMEO, "news")


_ARGS = object()
_GIVEN = (JID, ROMEO.full, "news", NURSE, _ARGS)


@same(answered(_GIVEN))
def handler_gets_what_was_given_by_position(stage: Stage) -> object:
    stage.register(lambda jid, node, ifrom, args: (type(jid), jid.full, node, ifrom, args))
    return stage.api.run(CTYPE, OP, ROMEO, "news", NURSE, _ARGS)


@same(answered(_GIVEN))
def handler_gets_what_was_given_by_name(stage: Stage) -> object:
    stage.register(lambda jid, node, ifrom, args: (type(jid), jid.full, node, ifrom, args))
    return stage.api.run(ctype=CTYPE, op=OP, jid=ROMEO.full, node="news", ifrom=NURSE, args=_ARGS)


@same(answered((JID, BOUND, "", None, None)))
def handler_gets_defaults_for_what_was_not_given(stage: Stage) -> object:
    stage.register(lambda jid, node, ifrom, args: (type(jid), jid.full, node, ifrom, args))
    return stage.api.run(CTYPE, OP)


@same(raised(InvalidJID), each={"no domain": "romeo@", "empty local part": "@montague.example"})
def malformed_jid_is_refused(stage: Stage, text: str) -> object:
    stage.answers("global")
    return stage.run(text)


@same(raised(TypeError))
def jid_of_another_type_is_refused(stage: Stage) -> object:
    stage.answers("global")
    return stage.api.run(CTYPE, OP, 7)


# Settings: client_bare and component_bare


@same(
    answered((BARE.full, "bare")),
    each={"on a client": ("client_bare", False), "on a component": ("component_bare", True)},
)
def bare_setting_finds_and_gives_the_bare_jid(stage: Stage, setting: tuple[str, bool]) -> object:
    name, stage.xmpp.is_component = setting
    stage.api.settings[CTYPE] = {name: True}
    stage.register(lambda jid, node, ifrom, args: (jid.full, "bare"), BARE)
    stage.register(lambda jid, node, ifrom, args: (jid.full, "full"), ROMEO)
    return stage.run(ROMEO)


@same(
    answered((ROMEO.full, "full")),
    each={
        "client_bare, on a component": ({"client_bare": True}, True),
        "component_bare, on a client": ({"component_bare": True}, False),
        "off, on a client": ({"client_bare": False}, False),
        "off, on a component": ({"component_bare": False}, True),
    },
)
def bare_setting_of_the_other_kind_means_nothing(stage: Stage, setting: tuple[dict[str, bool], bool]) -> object:
    stage.api.settings[CTYPE], stage.xmpp.is_component = setting
    stage.register(lambda jid, node, ifrom, args: (jid.full, "bare"), BARE)
    stage.register(lambda jid, node, ifrom, args: (jid.full, "full"), ROMEO)
    return stage.run(ROMEO)


@same(answered("juliet@capulet.example"))
def bare_setting_applies_to_the_clients_own_jid(stage: Stage) -> object:
    stage.api.settings[CTYPE] = {"client_bare": True}
    stage.register(lambda jid, node, ifrom, args: jid.full)
    return stage.run()


@same(answered(ROMEO.full))
def bare_setting_of_another_ctype_means_nothing(stage: Stage) -> object:
    stage.api.settings["xep_0001"] = {"client_bare": True}
    stage.register(lambda jid, node, ifrom, args: jid.full)
    return stage.run(ROMEO)


@same(answered(BARE.full, ROMEO.full, BARE.full))
def settings_are_read_at_each_call(stage: Stage) -> object:
    def handler(jid: JID, node: str, ifrom: JID | None, args: object) -> str:
        stage.seen.append(jid.full)
        return jid.full

    stage.register(handler)
    stage.run(ROMEO)
    stage.api.settings[CTYPE]["client_bare"] = True
    return stage.run(ROMEO)


@same(answered(BARE.full))
def is_component_is_read_at_each_call(stage: Stage) -> object:
    stage.register(lambda jid, node, ifrom, args: jid.full)
    stage.api.settings[CTYPE]["component_bare"] = True
    stage.run(ROMEO)
    stage.xmpp.is_component = True
    return stage.run(ROMEO)
