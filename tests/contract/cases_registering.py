"""What registering, unregistering, restoring and purging change, also through a wrapper."""

from __future__ import annotations

from typing import Any

from slixmpp import JID

from tests.contract.stage import CTYPE, OP, Stage
from tests.contract.table import answered, bare, differs, raised, same

ROMEO = JID("romeo@montague.example/orchard")


def _default(jid: JID, node: str, ifrom: JID | None, args: object) -> str:
    return "default"


@same(answered("new"), each={"global": (None, None), "jid": (ROMEO, None), "jid and node": (ROMEO, "news")})
def registering_again_replaces(stage: Stage, place: tuple[JID | None, str | None]) -> object:
    stage.answers("old", *place)
    stage.answers("new", *place)
    return stage.run(ROMEO, "news")


@same(bare([None, None, None, None, None]))
def methods_return_nothing(stage: Stage) -> object:
    return [
        stage.api.register(_default, CTYPE, OP),
        stage.api.register_default(_default, CTYPE, OP),
        stage.api.unregister(CTYPE, OP, ROMEO),
        stage.api.restore_default(CTYPE, OP, ROMEO),
        stage.api.purge(CTYPE),
    ]


# unregister


@same(answered("jid"))
def unregistering_a_jid_and_node_uncovers_the_jid(stage: Stage) -> object:
    stage.answers("jid+node", ROMEO, "news")
    stage.answers("jid", ROMEO)
    stage.api.unregister(CTYPE, OP, ROMEO, "news")
    return stage.run(ROMEO, "news")


@same(answered("global"))
def unregistering_a_jid_uncovers_the_global(stage: Stage) -> object:
    stage.answers("jid", ROMEO)
    stage.answers("global")
    stage.api.unregister(CTYPE, OP, ROMEO)
    return stage.run(ROMEO)


@same(answered("jid+node"))
def unregistering_a_jid_leaves_its_nodes(stage: Stage) -> object:
    stage.answers("jid", ROMEO)
    stage.answers("jid+node", ROMEO, "news")
    stage.api.unregister(CTYPE, OP, ROMEO)
    return stage.run(ROMEO, "news")


@same(answered("global"))
def unregistering_a_node_uncovers_the_global(stage: Stage) -> object:
    stage.answers("node", None, "news")
    stage.answers("global")
    stage.api.unregister(CTYPE, OP, None, "news")
    return stage.run(ROMEO, "news")


@differs(slixmpp=raised(KeyError), ours=answered(None), because="global")
def unregistering_the_global_handler(stage: Stage) -> object:
    stage.answers("global")
    stage.api.unregister(CTYPE, OP)
    return stage.run()


@differs(slixmpp=raised(KeyError), ours=answered(None), because="global")
def unregistering_the_global_handler_does_not_put_the_default_back(stage: Stage) -> object:
    stage.api.register(_default, CTYPE, OP, default=True)
    stage.api.unregister(CTYPE, OP)
    return stage.run()


@same(bare(None), each={"jid": (ROMEO, None), "jid and node": (ROMEO, "news"), "node": (None, "news")})
def unregistering_what_is_not_there_is_no_error(stage: Stage, place: tuple[JID | None, str | None]) -> object:
    return stage.api.unregister(CTYPE, OP, *place)


@differs(slixmpp=answered("jid"), ours=answered(None), because="text")
def unregistering_a_jid_as_text_of_other_case(stage: Stage) -> object:
    stage.answers("jid", ROMEO)
    stage.api.unregister(CTYPE, OP, "Romeo@MONTAGUE.example/orchard")
    return stage.run(ROMEO)


@differs(slixmpp=bare(100), ours=bare(0), because="left behind", each={"jid": None, "jid and node": "news"})
def what_unregistering_leaves_behind(stage: Stage, node: str | None) -> object:
    for number in range(100):
        stage.answers("jid", f"user{number}@montague.example", node)
        stage.api.unregister(CTYPE, OP, f"user{number}@montague.example", node)
    return _kept(stage.api)


def _kept(api: Any) -> int:
    if hasattr(api, "_handlers"):
        levels = api._handlers[CTYPE][OP]
        return len(levels["jid"]) + len(levels["node"])
    table = api._registrations.tables[CTYPE, OP]
    return len(table.by_jid) + len(table.by_both) + len(table.by_node)


@same(answered("global"), each={"jid": None, "jid and node": "news"})
def registering_none_takes_away(stage: Stage, node: str | None) -> object:
    stage.answers("global")
    stage.answers("jid", ROMEO, node)
    stage.register(None, ROMEO, node)
    return stage.run(ROMEO, node)


# Defaults


@same(answered(None))
def default_does_not_answer_until_it_is_restored(stage: Stage) -> object:
    stage.api.register_default(_default, CTYPE, OP)
    return stage.run()


@same(answered("default"))
def registering_as_default_also_registers(stage: Stage) -> object:
    stage.api.register(_default, CTYPE, OP, default=True)
    return stage.run()


@same(answered("default"), each={"jid": None, "jid and node": "news"})
def restored_default_answers_for_the_jid(stage: Stage, node: str | None) -> object:
    stage.api.register(_default, CTYPE, OP, None, None, True)
    stage.answers("mine", ROMEO, node)
    stage.answers("global")
    stage.api.restore_default(CTYPE, OP, ROMEO, node)
    return stage.run(ROMEO, node)


@same(answered("global"))
def default_restored_for_a_jid_answers_no_other(stage: Stage) -> object:
    stage.api.register(_default, CTYPE, OP, default=True)
    stage.answers("global")
    stage.api.restore_default(CTYPE, OP, ROMEO)
    return stage.run("nurse@capulet.example")


@differs(slixmpp=raised(KeyError), ours=answered("default"), because="global")
def restoring_the_default_globally(stage: Stage) -> object:
    stage.api.register(_default, CTYPE, OP, default=True)
    stage.answers("global")
    stage.api.restore_default(CTYPE, OP)
    return stage.run()


@differs(slixmpp=raised(KeyError), ours=answered("default"), because="global")
def registering_none_globally_restores_the_default(stage: Stage) -> object:
    stage.api.register(_default, CTYPE, OP, default=True)
    stage.answers("global")
    stage.register(None)
    return stage.run()


@same(answered("newer default"))
def registering_another_default_replaces_it(stage: Stage) -> object:
    stage.api.register(_default, CTYPE, OP, default=True)
    stage.api.register_default(lambda jid, node, ifrom, args: "newer default", CTYPE, OP)
    stage.api.restore_default(CTYPE, OP, ROMEO)
    return stage.run(ROMEO)


@same(raised(KeyError), each={"global": (None, None), "jid": (ROMEO, None), "jid and node": (ROMEO, "news")})
def restoring_without_a_default_is_refused(stage: Stage, place: tuple[JID | None, str | None]) -> object:
    return stage.api.restore_default(CTYPE, OP, *place)


@differs(slixmpp=answered(None), ours=answered("jid"), because="unchanged")
def refused_restore_keeps_what_is_registered(stage: Stage) -> object:
    stage.answers("jid", ROMEO)
    try:
        stage.api.restore_default(CTYPE, OP, ROMEO)
    except KeyError:
        return stage.run(ROMEO)
    return "restored"


@same(bare(None))
def default_may_be_none(stage: Stage) -> object:
    stage.api.register_default(_default, CTYPE, OP)
    return stage.api.register_default(None, CTYPE, OP)


@same(raised(KeyError))
def default_of_another_op_is_not_restored(stage: Stage) -> object:
    stage.api.register_default(_default, CTYPE, "set")
    return stage.api.restore_default(CTYPE, OP, ROMEO)


# purge and settings


@same(answered(None))
def purge_forgets_handlers(stage: Stage) -> object:
    stage.answers("global")
    stage.answers("jid", ROMEO)
    stage.run(ROMEO)
    stage.api.purge(CTYPE)
    return stage.run(ROMEO)


@same(answered("new"))
def purged_ctype_can_be_used_again(stage: Stage) -> object:
    stage.answers("old")
    stage.run()
    stage.api.purge(CTYPE)
    stage.answers("new")
    return stage.run()


@same(raised(KeyError))
def purge_forgets_defaults(stage: Stage) -> object:
    stage.api.register(_default, CTYPE, OP, default=True)
    stage.api.purge(CTYPE)
    return stage.api.restore_default(CTYPE, OP, ROMEO)


@same(bare(False))
def purge_forgets_settings(stage: Stage) -> object:
    stage.answers("global")
    stage.api.settings[CTYPE]["client_bare"] = True
    stage.api.purge(CTYPE)
    return CTYPE in stage.api.settings


@same(answered("other"))
def purge_leaves_other_ctypes(stage: Stage) -> object:
    stage.answers("global")
    stage.api.register(lambda jid, node, ifrom, args: "other", "xep_0001", OP)
    stage.api.purge(CTYPE)
    return stage.api.run("xep_0001", OP)


@differs(slixmpp=raised(KeyError), ours=bare(None), because="purge")
def purging_what_is_unknown(stage: Stage) -> object:
    return stage.api.purge(CTYPE)


@differs(slixmpp=raised(KeyError), ours=bare(False), because="purge")
def purging_what_has_only_settings(stage: Stage) -> object:
    stage.api.wrap(CTYPE)
    stage.api.purge(CTYPE)
    return CTYPE in stage.api.settings


@same(bare({}))
def settings_are_empty_at_first(stage: Stage) -> object:
    return stage.api.settings


_SETTING_UP: dict[str, Any] = {
    "register": lambda api: api.register(_default, CTYPE, OP),
    "register_default": lambda api: api.register_default(_default, CTYPE, OP),
    "unregister": lambda api: api.unregister(CTYPE, OP, ROMEO),
    "wrap": lambda api: api.wrap(CTYPE),
    "run": lambda api: api.run(CTYPE, OP),
}


@same(bare({CTYPE: {}}), each=_SETTING_UP)
def ctype_has_settings_after(stage: Stage, set_up: Any) -> object:
    set_up(stage.api)
    return stage.api.settings


@same(bare({"client_bare": True}), each=_SETTING_UP)
def settings_are_kept_by(stage: Stage, set_up: Any) -> object:
    stage.api.settings[CTYPE] = {"client_bare": True}
    set_up(stage.api)
    return stage.api.settings[CTYPE]


# Wrappers


@same(bare(True))
def wrapper_knows_its_registry_name_and_settings(stage: Stage) -> object:
    wrapper = stage.api.wrap(CTYPE)
    wrapper.settings["client_bare"] = True
    return wrapper.api is stage.api and wrapper.name == CTYPE and stage.api.settings[CTYPE] is wrapper.settings


@same(answered("jid+node"))
def wrapper_registers_and_runs(stage: Stage) -> object:
    wrapper = stage.api.wrap(CTYPE)
    wrapper.register(lambda jid, node, ifrom, args: "global", OP)
    wrapper.register(lambda jid, node, ifrom, args: "jid+node", OP, ROMEO, "news")
    return wrapper.run(OP, ROMEO, "news")


@same(answered("registry"))
def wrapper_runs_what_the_registry_has(stage: Stage) -> object:
    wrapper = stage.api.wrap(CTYPE)
    stage.answers("registry")
    return wrapper.run(OP)


_GIVEN = (ROMEO.full, "news", "nurse@capulet.example", 5)


@same(answered(_GIVEN), each={"by position": True, "by name": False})
def wrapper_by_op_passes_its_arguments(stage: Stage, by_position: object) -> object:
    get = stage.api.wrap(CTYPE)[OP]
    stage.register(lambda jid, node, ifrom, args: (jid.full, node, str(ifrom), args))
    nurse = JID("nurse@capulet.example")
    if by_position:
        return get(ROMEO, "news", nurse, 5)
    return get(jid=ROMEO, node="news", ifrom=nurse, args=5)


@same(answered(None))
def wrapper_by_op_needs_no_arguments(stage: Stage) -> object:
    return stage.api.wrap(CTYPE)[OP]()


@same(answered("global"))
def wrapper_unregisters(stage: Stage) -> object:
    wrapper = stage.api.wrap(CTYPE)
    stage.answers("global")
    stage.answers("jid", ROMEO)
    wrapper.unregister(OP, ROMEO)
    return stage.run(ROMEO)


@same(answered("default"))
def wrapper_registers_and_restores_defaults(stage: Stage) -> object:
    wrapper = stage.api.wrap(CTYPE)
    wrapper.register_default(_default, OP)
    wrapper.restore_default(OP, ROMEO)
    return stage.run(ROMEO)


@same(answered("default"))
def wrapper_registers_with_default(stage: Stage) -> object:
    wrapper = stage.api.wrap(CTYPE)
    wrapper.register(_default, OP, default=True)
    stage.answers("jid", ROMEO)
    wrapper.restore_default(OP, jid=ROMEO)
    return stage.run(ROMEO)


@same(answered("default"))
def wrapper_registers_a_default_for_every_jid_whatever_it_is_told(stage: Stage) -> object:
    wrapper = stage.api.wrap(CTYPE)
    wrapper.register_default(_default, OP, jid=JID("nurse@capulet.example"), node="news")
    wrapper.restore_default(OP, ROMEO)
    return stage.run(ROMEO)
