"""The batcher and the coalesced reader, on the real server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import asyncpg
import pytest

from fissile.infra.batcher import Batcher, Busy, DatabaseAway
from fissile.infra.coalesce import Coalesced
from fissile.infra.database import Database, asyncpg_args

Call = Callable[[asyncpg.Connection, Sequence[int]], Awaitable[Sequence[int]]]


class Made(Protocol):
    """Makes a started batcher that is closed at the end of the test."""

    async def __call__(self, *, call: Call = ..., batch_max: int = ..., queue_max: int = ...) -> Batcher[int, int]: ...


# Done once by id; answers ten times the id; refuses a negative id as a whole set.
_FUNCTION = """
CREATE TABLE done (id bigint PRIMARY KEY, times int NOT NULL, backend int NOT NULL);
CREATE SEQUENCE calls;
CREATE FUNCTION do_once_v1(p_ids bigint[], p_wait float8) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
DECLARE v_id bigint;
BEGIN
  PERFORM nextval('calls');
  FOREACH v_id IN ARRAY p_ids LOOP
    IF v_id < 0 THEN RAISE EXCEPTION 'poisoned %', v_id USING ERRCODE = '23514'; END IF;
    INSERT INTO done (id, times, backend) VALUES (v_id, 1, pg_backend_pid()) ON CONFLICT (id) DO NOTHING;
    RETURN NEXT v_id * 10;
  END LOOP;
  PERFORM pg_sleep(p_wait);
END $$;
"""


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(**asyncpg_args(database_url))
    await connection.execute(_FUNCTION)
    yield connection
    await connection.close()


def calling(*, wait: float = 0, seen: list[int] | None = None) -> Call:
    async def call(connection: asyncpg.Connection, items: Sequence[int]) -> list[int]:
        if seen is not None:
            seen.append(len(items))
        rows = await connection.fetch("SELECT * FROM do_once_v1($1, $2)", items, wait)
        return [row[0] for row in rows]

    return call


@pytest.fixture
async def made(database_url: str, owner: asyncpg.Connection) -> AsyncIterator[Made]:
    database = Database(url=database_url, role=None)
    batchers: list[Batcher[int, int]] = []

    async def make(*, call: Call | None = None, batch_max: int = 256, queue_max: int = 4096) -> Batcher[int, int]:
        one = Batcher("test", database.raw, call or calling(), batch_max, queue_max)
        await one.start()
        batchers.append(one)
        return one

    yield make
    for one in batchers:
        await one.close()
    await database.close()


async def _done(owner: asyncpg.Connection) -> list[int]:
    return [row[0] for row in await owner.fetch("SELECT id FROM done ORDER BY id")]


class TestSubmit:
    async def test_answers_each_item_its_own_answer(self, made: Made, owner: asyncpg.Connection) -> None:
        batcher = await made()

        answers = await asyncio.gather(*(batcher.submit(number) for number in range(1000)))

        assert answers == [number * 10 for number in range(1000)]
        assert await _done(owner) == list(range(1000))
        assert (batcher.items, batcher.waiting, batcher.retries) == (1000, 0, 0)

    async def test_sends_a_lone_item_at_once_and_what_waits_together(self, made: Made) -> None:
        seen: list[int] = []
        batcher = await made(call=calling(wait=0.05, seen=seen))

        first = batcher.submit(1)
        await asyncio.sleep(0.01)  # the first is on its way
        rest = [batcher.submit(number) for number in range(2, 302)]
        await asyncio.gather(first, *rest)

        assert seen == [1, 256, 44]

    async def test_refuses_when_full_and_takes_items_again_afterwards(
        self, made: Made, owner: asyncpg.Connection
    ) -> None:
        batcher = await made(call=calling(wait=0.05), queue_max=10)

        taken = [batcher.submit(number) for number in range(10)]
        with pytest.raises(Busy) as refusal:
            batcher.submit(10)
        answers = await asyncio.gather(*taken)

        assert refusal.value.details == {"retry_after": 1}
        assert answers == [number * 10 for number in range(10)]
        assert await batcher.submit(11) == 110
        assert await _done(owner) == [*range(10), 11]

    @pytest.mark.parametrize("before", [[100], []], ids=["while it waits", "while it runs"])
    async def test_runs_the_item_of_a_client_that_left(
        self, made: Made, owner: asyncpg.Connection, before: list[int]
    ) -> None:
        batcher = await made(call=calling(wait=0.1))

        async def client(number: int) -> int:
            return await batcher.submit(number)

        earlier = [batcher.submit(number) for number in before]
        await asyncio.sleep(0.03)
        clients = [asyncio.create_task(client(number)) for number in range(5)]
        await asyncio.sleep(0.03)
        assert batcher.waiting == (5 if before else 0)
        clients[2].cancel()
        answers = await asyncio.gather(*earlier, *clients, return_exceptions=True)

        left = answers.pop(len(before) + 2)
        assert isinstance(left, asyncio.CancelledError)
        assert answers == [number * 10 for number in [*before, 0, 1, 3, 4]]
        assert await _done(owner) == [0, 1, 2, 3, 4, *before]

    async def test_is_light(self, made: Made) -> None:
        async def call(connection: asyncpg.Connection, items: Sequence[int]) -> list[int]:
            rows = await connection.fetch("SELECT unnest($1::bigint[])", items)
            return [row[0] for row in rows]

        batcher = await made(call=call)

        async def client(count: int) -> None:
            for number in range(count):
                await batcher.submit(number)

        started = time.perf_counter()
        await asyncio.gather(*(client(100) for _ in range(256)))
        taken = time.perf_counter() - started

        assert batcher.items == 25_600
        assert 25_600 / taken > 10_000  # a quarter of what an idle machine of two cores does


class TestLostConnection:
    async def test_does_every_item_once_while_its_backend_is_ended_again_and_again(
        self, made: Made, owner: asyncpg.Connection
    ) -> None:
        batcher = await made(call=calling(wait=0.01))
        stop = asyncio.Event()

        async def ender() -> int:
            ended = 0
            while not stop.is_set():
                ended += await owner.fetchval(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                await asyncio.sleep(0.1)
            return int(ended)

        ending = asyncio.create_task(ender())
        answers = await asyncio.gather(*(batcher.submit(number) for number in range(4000)))
        stop.set()

        assert answers == [number * 10 for number in range(4000)]
        assert await ending >= 1
        assert batcher.retries >= 1
        assert await _done(owner) == list(range(4000))
        assert await owner.fetchval("SELECT count(DISTINCT backend) FROM done") > 1

    async def test_sends_a_set_again_whose_commit_was_not_heard(self, made: Made, owner: asyncpg.Connection) -> None:
        commits = 0

        async def call(connection: asyncpg.Connection, items: Sequence[int]) -> Sequence[int]:
            nonlocal commits
            answers = await calling()(connection, items)
            commits += 1
            if commits == 1:
                connection.terminate()
                raise ConnectionResetError("after the commit, before the answer")
            return answers

        batcher = await made(call=call)

        assert await asyncio.gather(*(batcher.submit(number) for number in range(3))) == [0, 10, 20]
        assert commits == 2
        assert await owner.fetchval("SELECT array_agg(times ORDER BY id) FROM done") == [1, 1, 1]

    async def test_tells_everybody_when_the_database_stays_away_and_comes_back_with_it(
        self, database_url: str, owner: asyncpg.Connection
    ) -> None:
        database = Database(url=database_url, role=None)
        away = False

        async def connect() -> asyncpg.Connection:
            if away:
                raise ConnectionRefusedError("nobody listens")
            return await database.raw()

        batcher: Batcher[int, int] = Batcher(
            "test",
            connect,
            calling(),
            batch_max=2,
            patience_seconds=0.2,
        )
        await batcher.start()
        away = True
        await owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

        told = await asyncio.gather(*(batcher.submit(number) for number in range(5)), return_exceptions=True)
        started = time.perf_counter()
        with pytest.raises(DatabaseAway):
            await batcher.submit(6)
        at_once = time.perf_counter() - started
        away = False
        answer = await batcher.submit(7)
        await batcher.close()
        await database.close()

        assert [type(one) for one in told] == [DatabaseAway] * 5
        assert at_once < 0.15
        assert answer == 70
        assert await _done(owner) == [7]


class TestFailingSet:
    async def test_gives_a_poisoned_item_its_error_and_the_others_their_answers(
        self, made: Made, owner: asyncpg.Connection
    ) -> None:
        batcher = await made()

        items = [*range(25), -1, *range(25, 49)]
        answers = await asyncio.gather(*(batcher.submit(item) for item in items), return_exceptions=True)

        assert isinstance(answers[25], asyncpg.CheckViolationError)
        assert "poisoned -1" in str(answers[25])
        assert answers[:25] + answers[26:] == [number * 10 for number in range(49)]
        assert await _done(owner) == list(range(49))

    async def test_gives_an_item_that_cannot_be_sent_its_error(self, made: Made) -> None:
        batcher = await made()

        answers = await asyncio.gather(*map(batcher.submit, [1, 2**70, 3]), return_exceptions=True)

        assert [answers[0], answers[2]] == [10, 30]
        assert isinstance(answers[1], asyncpg.DataError)

    async def test_tries_a_deadlocked_set_again_as_a_set(self, made: Made) -> None:
        sizes: list[int] = []

        async def call(connection: asyncpg.Connection, items: Sequence[int]) -> list[int]:
            sizes.append(len(items))
            if len(sizes) < 3:
                await connection.execute("DO $$ BEGIN RAISE 'as if' USING ERRCODE = '40P01'; END $$")
            return [item * 10 for item in items]

        batcher = await made(call=call)

        assert await asyncio.gather(*map(batcher.submit, range(5))) == [0, 10, 20, 30, 40]
        assert sizes == [5, 5, 5]
        assert batcher.retries == 2

    async def test_ends_trying_when_the_conflict_stays(self, made: Made) -> None:
        async def call(connection: asyncpg.Connection, items: Sequence[int]) -> list[int]:
            await connection.execute("DO $$ BEGIN RAISE 'as if' USING ERRCODE = '40001'; END $$")
            return list(items)

        batcher = await made(call=call)

        with pytest.raises(asyncpg.SerializationError):
            await batcher.submit(1)

    async def test_refuses_an_answer_too_few(self, made: Made) -> None:
        async def call(connection: asyncpg.Connection, items: Sequence[int]) -> list[int]:
            return list(items)[1:]

        batcher = await made(call=call)

        with pytest.raises(AssertionError, match="0 answers for 1 items"):
            await batcher.submit(1)


class TestClose:
    async def test_finishes_what_was_accepted_and_refuses_what_comes(
        self, made: Made, owner: asyncpg.Connection
    ) -> None:
        batcher = await made(call=calling(wait=0.02), batch_max=10)

        accepted = [batcher.submit(number) for number in range(100)]
        closing = asyncio.create_task(batcher.close())
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            batcher.submit(100)
        await closing

        assert [one.result() for one in accepted] == [number * 10 for number in range(100)]
        assert await _done(owner) == list(range(100))

    async def test_may_come_before_the_start_and_twice(self, database_url: str) -> None:
        async def connect() -> asyncpg.Connection:
            raise AssertionError("nothing was started")

        batcher: Batcher[int, int] = Batcher("test", connect, calling())

        await batcher.close()
        await batcher.close()

        with pytest.raises(Busy):
            batcher.submit(1)


class TestCoalesced:
    async def test_reads_keys_together_each_once_and_misses_as_none(self, db: Database) -> None:
        asked: list[list[int]] = []

        async def fetch(connection: asyncpg.Connection, keys: Sequence[int]) -> Mapping[int, str]:
            asked.append(list(keys))
            rows = await connection.fetch(
                "SELECT key, 'v' || key AS value FROM unnest($1::bigint[]) key WHERE key < 3", keys
            )
            return {row["key"]: row["value"] for row in rows}

        reader = Coalesced(db.raw, fetch)
        await reader.start()

        values = await asyncio.gather(*map(reader.get, [2, 1, 2, 3]))
        await reader.close()

        assert values == ["v2", "v1", "v2", None]
        assert asked == [[2, 1, 3]]
