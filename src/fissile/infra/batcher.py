"""
The fast way to the database: what waits goes together, through one SQL function on one connection.

Source: docs/architecture.md, “The fast paths”. Idempotency lives in the SQL function: a set whose connection was
lost is sent again as it was, whether or not it had been committed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import asyncpg
import structlog

from fissile.kernel.errors import Refusal

Item = TypeVar("Item")
Answer = TypeVar("Answer")

BATCH_MAX = 256
QUEUE_MAX = 4096
PATIENCE_SECONDS = 30.0
"""How long a set waits for a database that is away, in all."""

_BACKOFF_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_SET_TRIES = 5
# Administrator's shutdown, crash shutdown, starting up, idle session ended, too many connections.
_AWAY_STATES = frozenset({"57P01", "57P02", "57P03", "57P05", "53300"})
_CONFLICT_STATES = frozenset({"40P01", "40001"})  # deadlock, serialization failure

_log = structlog.get_logger()


class Busy(Refusal):
    """Too many requests are waiting: try again in {retry_after} seconds."""


class DatabaseAway(Refusal):
    """The database cannot be reached: send the same request again in {retry_after} seconds."""


class Batcher(Generic[Item, Answer]):
    """
    Takes all items that wait, at most ``batch_max``, and hands them to ``call`` on a connection of its own.

    One set runs at a time and nothing is delayed on purpose: a lone item leaves at once, and sets grow by
    themselves while one is running. ``call`` must run as one autocommitted statement that answers each item in
    order, so that an answer is never given before its commit.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], Awaitable[asyncpg.Connection]],
        call: Callable[[asyncpg.Connection, Sequence[Item]], Awaitable[Sequence[Answer]]],
        batch_max: int = BATCH_MAX,
        queue_max: int = QUEUE_MAX,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self.name = name
        self.sets = 0
        self.items = 0
        self.retries = 0
        self._connect = connect
        self._call = call
        self._batch_max = batch_max
        self._queue_max = queue_max
        self._patience_seconds = patience_seconds
        self._queue: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
        self._connection: asyncpg.Connection | None = None
        self._known_away = False
        self._closing = False
        self._runner: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many items wait for the next set."""
        return len(self._queue)

    async def start(self) -> None:
        """
        Connect and begin to take items.

        :raises DatabaseAway: if the database could not be reached within the patience
        """
        self._loop = asyncio.get_running_loop()
        self._something = asyncio.Event()
        await self._connected(until=self._loop.time() + self._patience_seconds)
        self._runner = self._loop.create_task(self._run(), name=f"batcher {self.name}")

    def submit(self, item: Item) -> asyncio.Future[Answer]:
        """
        Accept an item; await the result for its answer.

        An accepted item runs, also when its caller is cancelled: only the delivery of the answer is dropped.

        :raises Busy: at once, if the queue is full or the batcher is closing
        :raises DatabaseAway: when awaited; the item may or may not have been done, the same key tells
        """
        queue = self._queue
        if len(queue) >= self._queue_max or self._closing:
            raise Busy(retry_after=1)
        future: asyncio.Future[Answer] = self._loop.create_future()
        queue.append((item, future))
        if not self._something.is_set():
            self._something.set()
        return future

    async def close(self) -> None:
        """Refuse new items, finish every accepted one, and close the connection."""
        self._closing = True
        if self._runner is None:
            return
        self._something.set()
        await self._runner
        connection, self._connection = self._connection, None
        if connection is None or connection.is_closed():
            return
        try:
            await connection.close(timeout=5)
        except (OSError, asyncpg.PostgresError):
            connection.terminate()  # the server went first: there is nothing left to say goodbye to

    async def _run(self) -> None:
        queue = self._queue
        while queue or not self._closing:
            if not queue:
                self._something.clear()
                await self._something.wait()
                continue
            entries = [queue.popleft() for _ in range(min(len(queue), self._batch_max))]
            try:
                await self._answer(entries)
            except DatabaseAway as away:
                self._refuse_all(entries, away)
            self.items += len(entries)

    async def _answer(self, entries: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._insist([item for item, _ in entries])
        except DatabaseAway:
            raise
        except Exception as error:  # noqa: BLE001 - each caller gets it, none is left waiting
            if len(entries) == 1:
                _fail(entries[0][1], error)
                return
            _log.warning("set_tried_item_by_item", batcher=self.name, items=len(entries), error=repr(error))
            self.retries += 1
            for entry in entries:
                await self._answer([entry])
            return
        for (_, future), answer in zip(entries, answers, strict=True):
            if not future.done():  # its caller may have left
                future.set_result(answer)

    async def _insist(self, items: list[Item]) -> Sequence[Answer]:
        """Call until the set was heard: again after a lost connection, a few times after a lock conflict."""
        # A database that was just found away gets one try, so that people are told at once.
        until = self._loop.time() + (0 if self._known_away else self._patience_seconds)
        conflicts = 0
        lost = 0
        while True:
            connection = await self._connected(until=until)
            try:
                self.sets += 1
                answers = await self._call(connection, items)
            except Exception as error:
                if is_away(error) or connection.is_closed():
                    connection.terminate()
                    self._connection = None
                    if lost and self._loop.time() >= until:
                        raise DatabaseAway(retry_after=5) from error
                    await asyncio.sleep(_backoff(lost))
                    lost += 1
                elif getattr(error, "sqlstate", None) in _CONFLICT_STATES and conflicts < _SET_TRIES:
                    await asyncio.sleep(_backoff(conflicts))
                    conflicts += 1
                else:
                    raise
                self.retries += 1
                _log.warning("set_tried_again", batcher=self.name, items=len(items), error=repr(error))
            else:
                assert len(answers) == len(items), f"{self.name}: {len(answers)} answers for {len(items)} items"
                return answers

    async def _connected(self, *, until: float) -> asyncpg.Connection:
        tries = 0
        while self._connection is None or self._connection.is_closed():
            try:
                # Even without patience left, a database that answers quickly is let in.
                async with asyncio.timeout_at(max(until, self._loop.time() + 1.0)):
                    self._connection = await self._connect()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                # Whatever keeps us out may pass: starting up, a restore, a password being changed.
                if self._loop.time() + _backoff(tries) >= until:
                    self._known_away = True
                    raise DatabaseAway(retry_after=5) from error
                await asyncio.sleep(_backoff(tries))
                tries += 1
        self._known_away = False
        return self._connection

    def _refuse_all(self, entries: list[tuple[Item, asyncio.Future[Answer]]], away: DatabaseAway) -> None:
        refused = [*entries, *self._queue]
        self._queue.clear()
        _log.error("database_away", batcher=self.name, items=len(refused), error=repr(away.__cause__))
        for _, future in refused:
            _fail(future, DatabaseAway(**away.details))


def is_away(error: BaseException | None) -> bool:
    """Return whether an error says that the database cannot be reached now, rather than that it refused."""
    if isinstance(error, OSError | asyncpg.PostgresConnectionError):
        return True
    return getattr(error, "sqlstate", None) in _AWAY_STATES


def _backoff(tries: int) -> float:
    return _BACKOFF_SECONDS[min(tries, len(_BACKOFF_SECONDS) - 1)]


def _fail(future: asyncio.Future[Answer], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
