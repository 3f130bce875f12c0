"""A database that is lost is told as such, so that whoever asked sends it again."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from fissile.infra.batcher import Busy, DatabaseAway
from fissile.infra.database import Database, asyncpg_args


class TestDatabase:
    async def test_a_server_that_is_not_there_is_away(self) -> None:
        database = Database(url="postgresql://postgres@/fissile?host=/nowhere", pool=1)

        with pytest.raises(DatabaseAway):
            await database.all(text("SELECT 1"))

        await database.close()

    async def test_a_connection_that_is_cut_in_the_middle_is_away(self, db: Database, database_url: str) -> None:
        owner = await asyncpg.connect(**asyncpg_args(database_url))

        async def cut() -> None:
            async with db.transaction() as connection:
                pid = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
                await owner.execute("SELECT pg_terminate_backend($1)", pid)
                await asyncio.sleep(0.2)
                await connection.execute(text("SELECT 1"))

        with pytest.raises(DatabaseAway):
            await cut()
        await owner.close()

        assert (await db.all(text("SELECT 1 AS one")))[0]["one"] == 1

    async def test_what_the_database_refuses_stays_an_error_of_its_own(self, db: Database) -> None:
        with pytest.raises(Exception, match="division by zero"):
            await db.all(text("SELECT 1 / 0"))

    async def test_an_error_does_not_tell_what_was_to_be_written(self, db: Database) -> None:
        with pytest.raises(DBAPIError) as failed:
            await db.all(text("SELECT 1 / CAST(:divisor AS int), CAST(:word AS text)"), {"divisor": 0, "word": "hush"})

        assert "hush" not in str(failed.value)

    async def test_no_free_connection_is_busy(self, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        database = Database(url=database_url, pool=1)
        monkeypatch.setattr(database.engine.pool, "_timeout", 0.2)

        async with database.reading():
            with pytest.raises(Busy):
                await database.all(text("SELECT 1"))

        await database.close()
