"""Keys of this installation that sign guest links, form tokens and webhooks: made once, kept in the database."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.infra.tables import secrets
from fissile.kernel.ids import Chance

_BITS = 256
_READ = select(secrets.c.value)
_WRITE = insert(secrets).on_conflict_do_nothing()


async def secret_named(connection: AsyncConnection, *, name: str, at: datetime, rng: Chance) -> str:
    """
    Return the secret of this name as 64 hexadecimal digits; the first who asks makes it.

    Processes that ask at once get the same one: the losing insert waits for the winning one and does nothing.
    """
    read = _READ.where(secrets.c.name == name)
    found: str | None = (await connection.execute(read)).scalar_one_or_none()
    if found is not None:
        return found
    made = f"{rng.getrandbits(_BITS):064x}"
    await connection.execute(_WRITE, {"name": name, "value": made, "created_at": at})
    kept: str = (await connection.execute(read)).scalar_one()
    return kept
