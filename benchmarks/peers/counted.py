"""What is a peer, and how is it proved that each of its layers ran?"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

Send: TypeAlias = Callable[[], Awaitable[object]]
"""Makes one call."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A chain that is ready: `call` goes through it once, and `entered` tells how many layers ran until now.

    Only a chain that was built to count counts; the layers of others do nothing but pass on. `entered` raises
    RuntimeError unless the coroutine that the layers are around ran just once.
    """

    call: Send
    entered: Callable[[], int]


class Counts:
    """Counts the layers that run, and the coroutine that they are around; without `counting` it leaves both alone."""

    def __init__(self, counting: bool) -> None:
        self._counting = counting
        self._ran = {"layer": 0, "inmost": 0}

    def layers(self, n: int, make: Callable[[], Any]) -> list[Any]:
        """Return n layers, each of them a new one: some take the same one only once."""
        return [self._counted(make(), "layer") for _ in range(n)]

    def nested(self, n: int, wrap: Callable[[Any], Any], inmost: Any) -> Any:
        """Return `inmost` in n layers, each of which `wrap` puts around the last."""
        chain = self.inmost(inmost)
        for _ in range(n):
            chain = self._counted(wrap(chain), "layer")
        return chain

    def inmost(self, function: Any) -> Any:
        """Return the coroutine function that the layers are around."""
        return self._counted(function, "inmost")

    def entered(self) -> int:
        """Return how many layers ran; RuntimeError unless what they are around ran once."""
        if self._ran["inmost"] != 1:
            raise RuntimeError(f"what the layers are around ran {self._ran['inmost']} times")
        return self._ran["layer"]

    def _counted(self, function: Any, which: str) -> Any:
        if not self._counting:
            return function

        @functools.wraps(function)  # some read the signature
        async def counted(*args: Any, **named: Any) -> Any:
            self._ran[which] += 1
            return await function(*args, **named)

        return counted
