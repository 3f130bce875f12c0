"""The schema of the code, of the migrations, and what it guards by itself."""

from __future__ import annotations

import asyncio
import subprocess
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from fissile.infra.database import APP_ROLE, Database, asyncpg_args, with_database
from fissile.infra.embedded.binaries import wheel_package
from fissile.infra.schema import metadata
from fissile.migrations.schema import APPEND_ONLY, fresh_sql
from fissile.migrations.steps import NEXT
from fissile.migrations.upgrade import DatabaseTooNew, upgrade

CHANGES = ("UPDATE {table} SET {column} = {column}", "DELETE FROM {table}", "TRUNCATE {table} CASCADE")


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(**asyncpg_args(url))
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
async def empty_url(server_url: str) -> AsyncIterator[str]:
    """A database with nothing in it."""
    name = f"fissile_empty_{uuid.uuid4().hex[:12]}"
    async with connected(with_database(server_url, "postgres")) as admin:
        await admin.execute(f'CREATE DATABASE "{name}"')
        yield with_database(server_url, name)
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


async def make_fresh(url: str) -> None:
    async with connected(url) as connection, connection.transaction():
        for statement in fresh_sql().split(NEXT):
            await connection.execute(statement)


def dump(url: str) -> str:
    """Return the schema as pg_dump writes it, without Alembic's own table and what differs from run to run."""
    program = wheel_package() / "pginstall" / "bin" / "pg_dump"
    options = ["--schema-only", "--no-owner", "--exclude-table=alembic_version", f"--dbname={url}"]
    written = subprocess.run([program, *options], check=True, capture_output=True, text=True, timeout=60).stdout
    return "\n".join(line for line in written.splitlines() if not line.startswith(("\\restrict", "\\unrestrict", "--")))


def change_of(table: str, change: str) -> str:
    return change.format(table=table, column=list(metadata.tables[table].columns.keys())[-1])


class TestFreshSql:
    async def test_makes_what_the_migrations_make(self, empty_url: str, database_url: str) -> None:
        await make_fresh(empty_url)

        assert dump(empty_url) == dump(database_url)

    async def test_a_difference_would_be_seen(self, empty_url: str, database_url: str) -> None:
        await make_fresh(empty_url)
        async with connected(empty_url) as connection:
            await connection.execute("ALTER TABLE orders DROP CONSTRAINT orders_total_check")

        assert dump(empty_url) != dump(database_url)

    def test_holds_every_table_of_the_code(self) -> None:
        statements = fresh_sql()

        missing = [one for one in metadata.tables if f"TABLE {one} (" not in statements]
        assert missing == []


class TestUpgrade:
    async def test_of_several_processes_at_once_is_done_by_one(self, empty_url: str, database_url: str) -> None:
        done = await asyncio.gather(*(upgrade(url=empty_url) for _ in range(4)))

        assert sorted(done) == [False, False, False, True]
        assert dump(empty_url) == dump(database_url)

    async def test_again_does_nothing(self, database_url: str) -> None:
        assert await upgrade(url=database_url) is False

    async def test_refuses_a_database_of_a_newer_version_and_leaves_it(self, database_url: str) -> None:
        async with connected(database_url) as connection:
            await connection.execute("UPDATE alembic_version SET version_num = '9999_future'")
            before = dump(database_url)

            with pytest.raises(DatabaseTooNew, match="9999_future"):
                await upgrade(url=database_url)

            assert await connection.fetchval("SELECT version_num FROM alembic_version") == "9999_future"
        assert dump(database_url) == before


class TestAppendOnlyTables:
    @pytest.mark.parametrize("table", APPEND_ONLY)
    async def test_are_not_changed_by_the_application(self, db: Database, table: str) -> None:
        connection = await db.raw()
        try:
            assert await connection.fetchval("SELECT current_user") == APP_ROLE
            for change in CHANGES:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(change_of(table, change))
        finally:
            await connection.close()

    @pytest.mark.parametrize("table", APPEND_ONLY)
    async def test_are_not_changed_by_the_owner(self, database_url: str, table: str) -> None:
        async with connected(database_url) as owner:
            for change in CHANGES:
                with pytest.raises(asyncpg.RestrictViolationError, match=f"{table} is append-only"):
                    await owner.execute(change_of(table, change))

    @pytest.mark.parametrize("table", APPEND_ONLY)
    async def test_would_be_changed_by_the_owner_without_their_trigger(self, database_url: str, table: str) -> None:
        async with connected(database_url) as owner:
            await owner.execute(f"DROP TRIGGER {table}_append_only ON {table}")

            assert await owner.execute(change_of(table, CHANGES[0])) == "UPDATE 0"

    async def test_can_be_added_to_by_the_application(self, db: Database) -> None:
        connection = await db.raw()
        try:
            added = await connection.execute(
                "INSERT INTO events (name, occurred_at, subject_id, data)"
                " VALUES ('test.happened', '2026-03-01T00:00:00Z', '00000000-0000-7000-8000-000000000000', '{}')"
            )
        finally:
            await connection.close()

        assert added == "INSERT 0 1"

    @pytest.mark.parametrize(
        "statement",
        [
            "ALTER TABLE events DISABLE TRIGGER events_append_only",
            "DROP TRIGGER audit_log_append_only ON audit_log",
            "DROP TABLE ledger_transfers",
            "SET session_replication_role = replica",
            "CREATE TABLE mine (id int)",
        ],
    )
    async def test_keep_their_guards_from_the_application(self, db: Database, statement: str) -> None:
        connection = await db.raw()
        try:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
        finally:
            await connection.close()
