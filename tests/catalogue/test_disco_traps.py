"""What is odd about the handlers of xep_0030, 0115 and 0128, and why entries are as careful as they are."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import pytest

from tests.catalogue.clients import a_call, client, form, info, run, show

HERE = ("j@x/r1", "n")


async def test_identities_set_twice_are_lost() -> None:
    # del_identities() leaves their set as it was, so the second set finds each there already, and adds none.
    xmpp = client("xep_0030")
    left = []
    for _ in range(2):
        identities = {"identities": {("client", "pc", None, "name")}}
        await run(xmpp, a_call("xep_0030", "set_identities", *HERE, args=identities))
        left.append(len((await run(xmpp, a_call("xep_0030", "get_info", *HERE)))["identities"]))
    assert left == [1, 0]


@pytest.mark.parametrize(
    ("write", "read", "name", "values"),
    [("set_features", "get_info", "features", ["f"]), ("set_items", "get_items", "items", [("i@x", "q", "n")])],
)
async def test_iterator_in_args_is_gone_at_the_second_attempt(
    write: str, read: str, name: str, values: Iterable[Any]
) -> None:
    xmpp = client("xep_0030")
    call = a_call("xep_0030", write, *HERE, args={name: iter(values)})
    left = []
    for _ in range(2):
        await run(xmpp, call)
        left.append(len((await run(xmpp, a_call("xep_0030", read, *HERE)))[name]))
    assert left == [1, 0]


async def test_extended_info_is_never_deleted_and_set_adds() -> None:
    xmpp = client("xep_0128")
    left = []
    for op in ("set_extended_info", "set_extended_info", "add_extended_info", "del_extended_info"):
        await run(xmpp, a_call("xep_0128", op, *HERE, args={"data": form(xmpp)}))
        left.append(len((await run(xmpp, a_call("xep_0030", "get_info", *HERE))).iterables))
    assert left == [1, 2, 3, 3]


async def test_copy_of_an_info_is_faithful() -> None:
    xmpp = client("xep_0128")
    await run(xmpp, a_call("xep_0030", "set_info", *HERE, args=info("new")))
    await run(xmpp, a_call("xep_0030", "add_identity", *HERE, args={"category": "client", "itype": "pc"}))
    await run(xmpp, a_call("xep_0128", "add_extended_info", *HERE, args={"data": form(xmpp)}))
    kept = await run(xmpp, a_call("xep_0030", "get_info", *HERE))

    copied = copy.copy(kept)

    assert show(copied) == show(kept)
    assert copied.xml is not kept.xml
    assert copied.iterables[0].get_fields().keys() == kept.iterables[0].get_fields().keys()


async def test_copy_of_items_forgets_what_del_item_left_behind() -> None:
    # del_item takes an item out of the XML, not out of the list that ["items"] reads; a copy is made from the XML.
    xmpp = client("xep_0030")
    for op in ("add_item", "del_item"):
        await run(xmpp, a_call("xep_0030", op, *HERE, args={"ijid": "i@x", "inode": "q"}))
    kept = await run(xmpp, a_call("xep_0030", "get_items", *HERE))

    assert kept["items"]
    assert not copy.copy(kept)["items"]
    assert str(copy.copy(kept)) == str(kept)


async def test_slixmpp_asks_for_info_and_items_with_args_that_have_no_hash() -> None:
    # So a cache whose key held the args of get_info would never hit.
    xmpp = client("xep_0030")
    seen: list[Any] = []

    def remember(_jid: Any, _node: Any, _ifrom: Any, args: Any) -> Any:
        seen.append(args)
        return info("f")

    for op in ("get_items", "get_info"):
        xmpp.api.register(remember, "xep_0030", op)
    iq = xmpp.Iq()
    iq["type"], iq["from"], iq["to"] = "get", "c@y/z", "j@x/r1"
    iq.enable("disco_info")

    await xmpp.plugin["xep_0030"].get_info("j@x/r1", local=True, timeout=3)
    await xmpp.plugin["xep_0030"].get_items("j@x/r1", local=True)
    await xmpp.plugin["xep_0030"]._handle_disco_info(iq)

    assert seen == [{"timeout": 3}, {}, iq]
    for args in seen:
        with pytest.raises(TypeError, match="unhashable"):
            hash(args)


@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")  # the one that it forgets to await
async def test_has_identity_is_broken_without_a_node() -> None:
    args = {"category": "client", "itype": "pc", "local": True}
    assert isinstance(await run(client(), a_call("xep_0030", "has_identity", args=args)), TypeError)


async def test_supports_runs_other_ops(monkeypatch: pytest.MonkeyPatch) -> None:
    xmpp = client()
    seen: list[str] = []
    run_it = xmpp.api.run

    def remember(ctype: str, op: str, *rest: Any, **named: Any) -> Any:
        seen.append(op)
        return run_it(ctype, op, *rest, **named)

    monkeypatch.setattr(xmpp.api, "run", remember)
    await run(xmpp, a_call("xep_0030", "supports", args={"feature": "f", "local": True}))

    assert seen == ["supports", "get_verstring", "get_caps", "get_info"]
