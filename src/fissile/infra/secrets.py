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
    found = await kept_secret(connection, name=name)
    if found is not None:
        return found
    made = f"{rng.getrandbits(_BITS):064x}"
    await connection.execute(_WRITE, {"name": name, "value": made, "created_at": at})
    kept = await kept_secret(connection, name=name)
    assert kept is not None, "it was written a moment ago, and secrets are never deleted"
    return kept


async def kept_secret(connection: AsyncConnection, *, name: str) -> str | None:
    """Return the secret of this name, or None if nobody has asked for it yet."""
    found: str | None = (await connection.execute(_READ.where(secrets.c.name == name))).scalar_one_or_none()
    return found
