"""Hot reads, coalesced: keys that are asked for at the same time are read by one ``= ANY($1)``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

import asyncpg

from fissile.infra.batcher import BATCH_MAX, PATIENCE_SECONDS, QUEUE_MAX, Batcher

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Coalesced(Generic[Key, Value]):
    """
    Reads many keys with one statement on a connection of its own.

    What is returned was read after it was asked for: a running read is never shared.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[asyncpg.Connection]],
        fetch: Callable[[asyncpg.Connection, Sequence[Key]], Awaitable[Mapping[Key, Value]]],
        name: str = "reads",
        batch_max: int = BATCH_MAX,
        queue_max: int = QUEUE_MAX,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        async def call(connection: asyncpg.Connection, keys: Sequence[Key]) -> Sequence[Value | None]:
            found = await fetch(connection, list(dict.fromkeys(keys)))
            return [found.get(key) for key in keys]

        self.batcher: Batcher[Key, Value | None] = Batcher(name, connect, call, batch_max, queue_max, patience_seconds)

    async def start(self) -> None:
        """Connect; see :meth:`Batcher.start`."""
        await self.batcher.start()

    def get(self, key: Key) -> asyncio.Future[Value | None]:
        """
        Return the value of a key when awaited, or None if there is none.

        :raises Busy: at once, if too many reads wait
        :raises DatabaseAway: when awaited
        """
        return self.batcher.submit(key)

    async def close(self) -> None:
        """Answer what waits, then close the connection."""
        await self.batcher.close()
