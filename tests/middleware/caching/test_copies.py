"""Which answers are stored as copies?"""

from __future__ import annotations

from typing import Any

import pytest
from slixmpp import JID, Iq
from slixmpp.plugins.xep_0054 import VCardTemp

from slixmpp_middleware.caching.copies import Uncopyable, own_copy, stored_copy
from slixmpp_pipeline import PipelineRegistry
from tests.middleware.cards import ROMEO, Cards, get


class TestStanza:
    async def test_is_handed_out_as_a_copy(self, api: PipelineRegistry, cards: Cards) -> None:
        card = VCardTemp()
        card["FN"] = "Romeo"
        cards.kept[ROMEO] = card
        first = await get(api)
        assert first is card
        card["FN"] = "changed in the store, behind everybody's back"
        second, third = await get(api), await get(api)
        second["FN"] = "changed by a reader"
        assert third["FN"] == (await get(api))["FN"] == "Romeo"
        assert cards.asked == 1


class TestCopies:
    def test_of_a_jid_and_of_collections_are_deep(self) -> None:
        jid = JID(f"{ROMEO}/orchard")
        kept = stored_copy((jid, frozenset({1}), "text"))
        jid.resource = "garden"
        own = own_copy(kept)
        own[0].resource = "balcony"
        assert kept == (JID(f"{ROMEO}/orchard"), frozenset({1}), "text")

    @pytest.mark.parametrize("value", [Iq(), [], {}, object(), ([],), type("Pair", (tuple,), {})()])
    def test_of_what_is_not_known_are_refused(self, value: Any) -> None:
        with pytest.raises(Uncopyable):
            stored_copy(value)


async def test_stanza_that_cannot_be_copied_is_an_answer_all_the_same(api: PipelineRegistry, cards: Cards) -> None:
    class Odd(VCardTemp):
        def __copy__(self) -> Any:
            raise TypeError("not this one")

    cards.kept[ROMEO] = odd = Odd()
    assert await get(api) is odd
