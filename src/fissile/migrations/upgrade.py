"""Bring a database to the schema of this code; safe when several processes start at once."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from fissile.infra.database import Database
from fissile.kernel.errors import Refusal

_LOCK = 0x46495353  # "FISS": one upgrade at a time


class DatabaseTooNew(Refusal):
    """The database is at revision {found}, which this version of Fissile does not know: start a newer one."""


class DatabaseTooOld(Refusal):
    """PostgreSQL {found} is too old: Fissile needs 15 or newer."""


async def upgrade(*, url: str) -> bool:
    """
    Migrate the database to the newest revision as its owner; return whether anything was done.

    :raises DatabaseTooNew: if a newer Fissile has been here
    :raises DatabaseTooOld: if the server is older than PostgreSQL 15
    :raises DatabaseAway: if it cannot be reached
    """
    owner = Database(url=url, pool=1, role=None)
    try:
        async with owner.connected() as connection:
            number = int((await connection.execute(text("SHOW server_version_num"))).scalar_one())
            if number < 150_000:
                raise DatabaseTooOld(found=number // 10_000)
            await connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
            await connection.commit()
            try:
                return await connection.run_sync(_upgrade)
            finally:
                await connection.rollback()
                await connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})
                await connection.commit()
    finally:
        await owner.close()


def _upgrade(connection: Connection) -> bool:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)
    found = MigrationContext.configure(connection).get_current_revision()
    connection.rollback()
    if found == script.get_current_head():
        return False
    if found is not None and found not in {one.revision for one in script.walk_revisions()}:
        raise DatabaseTooNew(found=found)
    command.upgrade(config, "head")
    connection.commit()
    return True
