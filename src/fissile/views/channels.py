"""Channels as pages show them: a promoter's list with what each brought, sums by channel."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Uuid

from fissile.domain.channels.model import Filter
from fissile.domain.channels.queries import condition, typed
from fissile.views.reading import rows, the_row

PAGE = 40

# What shares brought, by where they were shared: people's visits, paid orders, earnings by currency (minor units).
_BROUGHT = """
SELECT sh.channel_kind, sh.channel_id, c.network, c.name, c.handle, c.kind, c.state, count(*) AS shares,
       coalesce(sum(seen.visits), 0)::bigint AS visits, coalesce(sum(bought.orders), 0)::bigint AS orders,
       coalesce((SELECT jsonb_object_agg(currency, minor) FROM (
          SELECT m.currency, sum(m.amount_minor) AS minor FROM commissions m
           WHERE m.promoter_id = :promoter AND m.share_id = ANY (array_agg(sh.id)) AND m.state <> 'taken_back'
           GROUP BY m.currency) sums), '{{}}') AS amounts
  FROM shares sh
  LEFT JOIN channels c ON c.id = sh.channel_id
  LEFT JOIN LATERAL (
    SELECT count(*) AS visits FROM visits v WHERE v.share_id = sh.id AND v.kind = 'person') seen ON true
  LEFT JOIN LATERAL (
    SELECT count(*) AS orders FROM orders o
     WHERE o.credit_promoter_id = sh.promoter_id AND o.credit_share_id = sh.id AND o.paid_at IS NOT NULL
  ) bought ON true
 WHERE sh.promoter_id = :promoter {only}
 GROUP BY sh.channel_kind, sh.channel_id, c.network, c.name, c.handle, c.kind, c.state
 ORDER BY visits DESC, sh.channel_id NULLS LAST LIMIT :limit
"""
_BROUGHT_BY = text(_BROUGHT.format(only="")).columns(amounts=JSONB)
_BROUGHT_BY_THESE = (
    text(_BROUGHT.format(only="AND sh.channel_id = ANY (:channels)"))
    .bindparams(bindparam("channels", type_=ARRAY(Uuid())))
    .columns(amounts=JSONB)
)
_SUMS = text("""
SELECT count(*) AS channels, count(*) FILTER (WHERE kind = 'community') AS communities,
       count(*) FILTER (WHERE state = 'active') AS active, count(*) FILTER (WHERE state = 'blocked') AS blocked,
       coalesce(sum(size), 0)::bigint AS reach
  FROM channels WHERE promoter_id = :promoter
""")
_TAGS = text("""
SELECT tag, count(*) AS n
  FROM (SELECT tags FROM channels WHERE promoter_id = :promoter ORDER BY id DESC LIMIT 2000) lately,
       unnest(lately.tags) AS tag
 GROUP BY tag ORDER BY n DESC, tag LIMIT 30
""")
_NAMES = text("""
SELECT c.id, c.kind, c.network, c.name, c.handle, c.state FROM channels c WHERE c.id = ANY (:channels)
""").bindparams(bindparam("channels", type_=ARRAY(Uuid())))
_OWNERS = text("""
SELECT mb.id, who.display_name FROM members mb LEFT JOIN member_profiles who ON who.member_id = mb.id
 WHERE mb.id = ANY (:members)
""").bindparams(bindparam("members", type_=ARRAY(Uuid())))


async def brought_by_channel(
    connection: AsyncConnection,
    *,
    promoter_id: UUID,
    channel_ids: Sequence[UUID] | None = None,
    limit: int = 100,
) -> list[RowMapping]:
    """
    Return what a promoter's shares brought, summed by where they were shared, most visited first.

    A row has channel_kind, channel_id, the channel's network, name, handle, kind and state (None once it is
    removed), shares, visits (people's), orders (paid) and amounts (earned, by currency in minor units).
    ``channel_ids`` keeps to these channels.
    """
    if channel_ids is None:
        return await rows(connection, _BROUGHT_BY, promoter=promoter_id, limit=limit)
    return await rows(
        connection, _BROUGHT_BY_THESE, promoter=promoter_id, channels=list(channel_ids), limit=max(limit, 1)
    )


async def channels_named(connection: AsyncConnection, *, channel_ids: Sequence[UUID]) -> dict[UUID, RowMapping]:
    """Return kind, network, name, handle and state of these channels; removed ones are left out."""
    return {one["id"]: one for one in await rows(connection, _NAMES, channels=list(channel_ids))}


async def promoters_named(connection: AsyncConnection, *, member_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return the display names of these members."""
    found = await rows(connection, _OWNERS, members=list(member_ids))
    return {one["id"]: one["display_name"] or "" for one in found}


async def sums_of(connection: AsyncConnection, *, promoter_id: UUID) -> RowMapping:
    """Return how many channels a promoter has, by kind and state, and how many people they reach in all."""
    return await the_row(connection, _SUMS, promoter=promoter_id)


async def tags_of(connection: AsyncConnection, *, promoter_id: UUID) -> list[RowMapping]:
    """Return the thirty most used tags of the promoter's newest 2,000 channels: all of 50,000 would take too long."""
    return await rows(connection, _TAGS, promoter=promoter_id)


async def active_shares(connection: AsyncConnection, *, promoter_id: UUID, chosen: Filter) -> int:
    """Return how many active shares name one of the chosen channels: a change of its state does not stop them."""
    where, values = condition(chosen, promoter_id=promoter_id)
    sql = f"""
SELECT count(*) FROM shares s JOIN channels c ON c.id = s.channel_id
 WHERE s.promoter_id = :promoter_id AND s.state = 'active' AND {where}"""
    return int((await connection.execute(typed(sql, values), values)).scalar_one())
