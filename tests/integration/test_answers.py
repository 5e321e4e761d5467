"""What a real client or component writes on its stream is the same with our registry as with slixmpp's own."""

from __future__ import annotations

import asyncio

import pytest

from slixmpp_pipeline import PipelineRegistry
from tests.integration.arrangements import INSTALLED, REFERENCE, UNINSTALLED, Arrangement
from tests.integration.conftest import Reference
from tests.integration.conversations import CONVERSATIONS, Conversation

pytestmark = pytest.mark.usefixtures("no_complaint_of_asyncio")

every_conversation = pytest.mark.parametrize("conversation", CONVERSATIONS, ids=str)


@every_conversation
@pytest.mark.parametrize("arrangement", INSTALLED, ids=str)
async def test_answers_are_those_of_slixmpps_own_registry(
    arrangement: Arrangement, conversation: Conversation, reference: Reference
) -> None:
    xmpp = arrangement.build(conversation.entity, conversation.prepare)

    written = await conversation.hold(xmpp)

    assert isinstance(xmpp.api, PipelineRegistry)
    assert written == await reference(conversation)


@every_conversation
@pytest.mark.parametrize("arrangement", [one for one in INSTALLED if one.when == "before"], ids=str)
def test_answers_are_the_same_if_all_was_built_before_the_loop_ran(
    arrangement: Arrangement, conversation: Conversation, reference: Reference
) -> None:
    with asyncio.Runner() as runner:
        runner.get_loop()  # the loop that slixmpp finds, and that does not run yet
        xmpp = arrangement.build(conversation.entity, conversation.prepare)

        written = runner.run(conversation.hold(xmpp))

        assert written == runner.run(_as_coroutine(reference, conversation))


@every_conversation
@pytest.mark.parametrize("arrangement", UNINSTALLED, ids=str)
async def test_answers_are_the_same_after_uninstall(
    arrangement: Arrangement, conversation: Conversation, reference: Reference
) -> None:
    xmpp = arrangement.build(conversation.entity, conversation.prepare)

    written = await conversation.hold(xmpp)

    assert not isinstance(xmpp.api, PipelineRegistry)
    assert written == await reference(conversation)


@every_conversation
async def test_conversations_are_the_same_when_held_twice(conversation: Conversation, reference: Reference) -> None:
    """Whatever the tests above find different is no chance."""
    first = await reference(conversation)

    second = await conversation.hold(REFERENCE.build(conversation.entity, conversation.prepare))

    assert first == second


async def _as_coroutine(reference: Reference, conversation: Conversation) -> list[str]:
    return await reference(conversation)
