"""What the integration tests share: what is said to slixmpp's own registry, once for each conversation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import TypeAlias

import pytest

from tests.integration.arrangements import REFERENCE
from tests.integration.conversations import Conversation

Reference: TypeAlias = Callable[[Conversation], Awaitable[list[str]]]


@pytest.fixture
def no_complaint_of_asyncio(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail a test in which asyncio reports an error, such as an exception that nobody retrieved."""
    yield
    complaints = [record.getMessage() for record in caplog.get_records("call") if record.name == "asyncio"]
    assert not complaints, complaints


@pytest.fixture(scope="session")
def transcripts() -> dict[Conversation, list[str]]:
    return {}


@pytest.fixture
def reference(transcripts: dict[Conversation, list[str]]) -> Reference:
    """What an entity with slixmpp's own registry writes in a conversation."""

    async def hold(conversation: Conversation) -> list[str]:
        if conversation not in transcripts:
            transcripts[conversation] = await conversation.hold(
                REFERENCE.build(conversation.entity, conversation.prepare)
            )
        return transcripts[conversation]

    return hold
