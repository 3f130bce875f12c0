"""Who opened shares: people, and apart from them the promoter's own visits and machines; by day, form, site, device."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.views.reading import rows

ROWS_MAX = 50

# A promoter's visits are found by the shares, everybody's by the moment.
_MINE = "share_id IN (SELECT s.id FROM shares s WHERE s.promoter_id = CAST(:promoter AS uuid))"
_KINDS = """
SELECT CAST(at AT TIME ZONE 'UTC' AS date) AS day, kind, count(*) AS visits FROM (
  SELECT v.first_at AS at, v.kind FROM visits v WHERE v.first_at >= :since AND v.first_at < :until {visits}
  UNION ALL
  SELECT m.opened_at, m.kind FROM machine_opens m WHERE m.opened_at >= :since AND m.opened_at < :until {machines}
) seen GROUP BY 1, 2 ORDER BY 1, 2
"""
_PEOPLE = """
SELECT {what} AS name, count(*) AS visits, sum(v.opens)::bigint AS opens FROM visits v
 WHERE v.first_at >= :since AND v.first_at < :until AND v.kind = 'person' {visits}
 GROUP BY 1 ORDER BY visits DESC, name LIMIT :limit
"""
_MACHINES = """
SELECT m.kind, m.agent AS name, count(*) AS visits FROM machine_opens m
 WHERE m.opened_at >= :since AND m.opened_at < :until {machines}
 GROUP BY 1, 2 ORDER BY visits DESC, name LIMIT :limit
"""
_WHAT = {"form": "v.form", "referrer": "v.referrer", "device": "v.device", "os": "v.os", "app": "v.app"}
WAYS = tuple(_WHAT)


def _narrowed(sql: str, promoter_id: UUID | None, **more: str) -> str:
    mine = {
        "visits": f"AND v.{_MINE}" if promoter_id else "",
        "machines": f"AND m.{_MINE}" if promoter_id else "",
    }
    return sql.format(**mine, **more)


async def by_day(
    connection: AsyncConnection, *, promoter_id: UUID | None, since: datetime, until: datetime
) -> list[RowMapping]:
    """Return visits by day (UTC) and kind: person, own, preview, bot, prefetch; ``promoter_id`` None: everybody's."""
    sql = text(_narrowed(_KINDS, promoter_id))
    return await rows(connection, sql, since=since, until=until, **_values(promoter_id))


async def people_by(
    connection: AsyncConnection, *, way: str, promoter_id: UUID | None, since: datetime, until: datetime
) -> list[RowMapping]:
    """Return people's visits and opens by one of :data:`WAYS`, the most frequent fifty; "" where it is not known."""
    sql = text(_narrowed(_PEOPLE, promoter_id, what=_WHAT[way]))
    return await rows(connection, sql, since=since, until=until, limit=ROWS_MAX, **_values(promoter_id))


async def machines(
    connection: AsyncConnection, *, promoter_id: UUID | None, since: datetime, until: datetime
) -> list[RowMapping]:
    """Return opens by machines, by kind and name, the most frequent fifty."""
    sql = text(_narrowed(_MACHINES, promoter_id))
    return await rows(connection, sql, since=since, until=until, limit=ROWS_MAX, **_values(promoter_id))


def _values(promoter_id: UUID | None) -> dict[str, object]:
    return {"promoter": promoter_id} if promoter_id else {}
