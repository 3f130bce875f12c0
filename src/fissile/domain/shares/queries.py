"""Reading shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

import asyncpg
from sqlalchemy import select
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.shares.model import Share
from fissile.domain.shares.tables import shares

_COLUMNS = (
    "id, token, promoter_id, target_kind, target_id, channel, state, version, created_at, expires_at,"
    " channel_kind, channel_id"
)
_BY_TOKEN = f"""
SELECT {_COLUMNS},
       CASE target_kind WHEN 'shop' THEN target_id
            ELSE (SELECT p.merchant_id FROM products p WHERE p.id = target_id) END AS merchant_id,
       (SELECT m.state = 'active' FROM members m WHERE m.id = promoter_id) AS promoter_open
  FROM shares WHERE token = ANY($1::text[])
"""
_BY_ID = select(*(shares.c[name.strip()] for name in _COLUMNS.split(",")))


async def shares_by_token(connection: asyncpg.Connection, tokens: Sequence[str]) -> Mapping[str, Share]:
    """Return the shares with these tokens, in whatever state they are."""
    asked = [one for one in tokens if "\x00" not in one]  # no database takes it, and others are read with it
    return {row["token"]: Share(**row) for row in await connection.fetch(_BY_TOKEN, asked)}


async def share_by_id(connection: AsyncConnection, *, share_id: UUID, locked: bool = False) -> Share | None:
    """Return a share, locked for a change if asked."""
    statement = _BY_ID.where(shares.c.id == share_id)
    row = (await connection.execute(statement.with_for_update() if locked else statement)).mappings().first()
    return share_of(row) if row else None


def share_of(row: RowMapping | asyncpg.Record) -> Share:
    """Return the share in a row."""
    return Share(**{name.strip(): row[name.strip()] for name in _COLUMNS.split(",")})
