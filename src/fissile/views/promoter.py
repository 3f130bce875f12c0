"""What a promoter sees: products with the plan that pays for them, own shares, earnings and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.commissions.model import PlanVersion
from fissile.domain.commissions.queries import load_plans
from fissile.views.reading import row, rows

PAGE = 30

# The categories of each product, the nearest first: the plan of a nearer one goes before that of a wider one.
_PLACES = text("""
WITH RECURSIVE up (product_id, id, parent_id, depth) AS (
  SELECT p.id, c.id, c.parent_id, 0
    FROM products p JOIN categories c ON c.id = p.category_id WHERE p.id = ANY (CAST(:products AS uuid[]))
  UNION ALL
  SELECT up.product_id, c.id, c.parent_id, up.depth + 1 FROM up JOIN categories c ON c.id = up.parent_id
)
SELECT p.id, p.merchant_id,
       ARRAY(SELECT up.id FROM up WHERE up.product_id = p.id ORDER BY up.depth) AS category_ids
  FROM products p WHERE p.id = ANY (CAST(:products AS uuid[]))
""")
_SHARE = """
SELECT sh.id, sh.token, sh.promoter_id, sh.channel, sh.state, sh.version, sh.created_at, sh.expires_at,
       sh.target_kind, sh.target_id, coalesce(p.title, shop.name) AS title,
       (SELECT pp.picture_id FROM product_pictures pp WHERE pp.product_id = p.id ORDER BY pp.position LIMIT 1)
         AS picture_id,
       seen.visits, seen.opens, bought.orders, earned.amounts
  FROM shares sh
  LEFT JOIN products p ON p.id = sh.target_id
  LEFT JOIN merchants shop ON shop.id = sh.target_id
  LEFT JOIN LATERAL (
    SELECT count(*) AS visits, coalesce(sum(v.opens), 0)::bigint AS opens
      FROM visits v WHERE v.share_id = sh.id AND v.kind = 'person'
  ) seen ON true
  LEFT JOIN LATERAL (
    SELECT count(*) AS orders FROM orders o
     WHERE o.credit_promoter_id = sh.promoter_id AND o.credit_share_id = sh.id AND o.paid_at IS NOT NULL
  ) bought ON true
  LEFT JOIN LATERAL (
    SELECT coalesce(jsonb_object_agg(currency, minor), '{}') AS amounts FROM (
      SELECT c.currency, sum(c.amount_minor - c.taken_back_minor) AS minor FROM commissions c
       WHERE c.promoter_id = sh.promoter_id AND c.share_id = sh.id AND c.state <> 'taken_back'
       GROUP BY c.currency) sums
  ) earned ON true
"""
_ONE_SHARE = text(_SHARE + " WHERE sh.id = :share")
_MY_SHARES = text(
    _SHARE
    + """
 WHERE sh.promoter_id = :promoter
   AND (CAST(:kind AS text) IS NULL OR sh.target_kind = CAST(:kind AS text))
   AND (CAST(:channel AS text) IS NULL OR sh.channel = CAST(:channel AS text))
   AND (CAST(:state AS text) IS NULL OR CAST(:state AS text) =
        CASE WHEN sh.state = 'active' AND sh.expires_at <= :at THEN 'expired' ELSE sh.state END)
   AND (CAST(:words AS text) IS NULL OR position(lower(CAST(:words AS text)) IN lower(coalesce(p.title, shop.name))) > 0
        OR sh.token = CAST(:words AS text))
   AND (CAST(:before AS uuid) IS NULL OR (sh.created_at, sh.id) <
        (SELECT b.created_at, b.id FROM shares b WHERE b.id = CAST(:before AS uuid)))
 ORDER BY sh.created_at DESC, sh.id DESC LIMIT :limit
"""
)
_MY_CHANNELS = text("""
SELECT DISTINCT sh.channel FROM shares sh WHERE sh.promoter_id = :promoter AND sh.channel <> '' ORDER BY 1 LIMIT 200
""")
_BALANCES = text("""
SELECT c.currency,
       coalesce(sum(c.amount_minor - c.taken_back_minor) FILTER (WHERE c.state = 'held'), 0)::bigint AS held,
       coalesce(sum(c.amount_minor - c.taken_back_minor) FILTER (WHERE c.state = 'released'), 0)::bigint AS released,
       coalesce(sum(c.amount_minor - c.taken_back_minor) FILTER (WHERE c.state = 'paid'), 0)::bigint AS paid,
       coalesce(sum(c.taken_back_minor), 0)::bigint AS taken_back
  FROM commissions c WHERE c.promoter_id = :promoter GROUP BY c.currency ORDER BY c.currency LIMIT 20
""")
_EARNINGS = text("""
SELECT c.id, c.order_id, c.line_no, c.level, l.title, l.quantity, c.base_minor, c.amount_minor, c.taken_back_minor,
       c.currency, c.state,
       c.accrued_at, c.hold_until, c.released_at, c.paid_at, c.taken_back_at, sh.id AS share_id, sh.token,
       o.credit_rule, o.credit_reason, o.placed_at,
       coalesce((SELECT sum(n.value::bigint)::bigint FROM jsonb_each_text(o.credit_unkept) n), 0) AS unkept,
       plan.scope, plan.version,
       CASE c.level WHEN 1 THEN plan.kind ELSE 'percent' END AS kind,
       CASE c.level WHEN 1 THEN plan.rate_ppm ELSE plan.second_rate_ppm END AS rate_ppm,
       plan.flat_minor, plan.cap_minor, won.touched_at AS won_at, won.reason AS won_reason
  FROM commissions c
  JOIN order_lines l ON l.order_id = c.order_id AND l.line_no = c.line_no
  JOIN orders o ON o.id = c.order_id
  JOIN shares sh ON sh.id = c.share_id
  JOIN commission_plan_versions plan ON plan.id = c.plan_version_id
  LEFT JOIN order_touches won ON won.order_id = c.order_id AND won.outcome = 'won'
 WHERE c.promoter_id = :promoter
   AND (CAST(:before AS uuid) IS NULL OR (c.accrued_at, c.id) <
        (SELECT b.accrued_at, b.id FROM commissions b WHERE b.id = CAST(:before AS uuid)))
 ORDER BY c.accrued_at DESC, c.id DESC LIMIT :limit
""")
_INVITED = text("SELECT count(*) AS people FROM promoter_inviters WHERE inviter_id = :promoter")
# The touches of others are told without their names: who they are is not the promoter's business.
_LOSERS = text("""
SELECT * FROM (
  SELECT t.order_id, t.touched_at, t.reason, t.promoter_id = :promoter AS mine,
         row_number() OVER (PARTITION BY t.order_id ORDER BY t.touched_at DESC) AS place,
         count(*) OVER (PARTITION BY t.order_id) AS in_all
    FROM order_touches t WHERE t.order_id = ANY (CAST(:orders AS uuid[])) AND t.outcome = 'lost') lost
 WHERE place <= 8 ORDER BY order_id, place LIMIT 500
""")
_LOST = text("""
SELECT t.order_id, t.touched_at, t.reason, sh.id AS share_id, sh.token, coalesce(p.title, shop.name) AS title,
       o.placed_at, o.state, o.credit_rule, o.credit_reason, won.touched_at AS won_at
  FROM order_touches t
  JOIN orders o ON o.id = t.order_id
  JOIN shares sh ON sh.id = t.share_id
  LEFT JOIN products p ON p.id = sh.target_id
  LEFT JOIN merchants shop ON shop.id = sh.target_id
  LEFT JOIN order_touches won ON won.order_id = t.order_id AND won.outcome = 'won'
 WHERE t.promoter_id = :promoter AND t.outcome = 'lost'
   AND (CAST(:before AS uuid) IS NULL OR (o.placed_at, o.id) <
        (SELECT b.placed_at, b.id FROM orders b WHERE b.id = CAST(:before AS uuid)))
 ORDER BY o.placed_at DESC, o.id DESC, t.share_id LIMIT :limit
""")


async def plans_for(connection: AsyncConnection, *, product_ids: Sequence[UUID]) -> dict[UUID, PlanVersion]:
    """Return the plan version in force for each product; products that no plan pays for are left out."""
    if not product_ids:
        return {}
    plans, _ = await load_plans(connection)
    found = {
        one["id"]: plans.commission_for(one["id"], one["category_ids"], one["merchant_id"])
        for one in await rows(connection, _PLACES, products=list(product_ids))
    }
    return {product_id: plan for product_id, plan in found.items() if plan is not None}


async def share(connection: AsyncConnection, *, share_id: UUID) -> RowMapping | None:
    """Return one share with what it brought."""
    return await row(connection, _ONE_SHARE.columns(amounts=JSONB), share=share_id)


async def shares_of(
    connection: AsyncConnection,
    *,
    promoter_id: UUID,
    before: UUID | None,
    at: datetime,
    kind: str | None = None,
    state: str | None = None,
    channel: str | None = None,
    words: str = "",
    limit: int = PAGE,
) -> list[RowMapping]:
    """
    Return one page of a promoter's shares, newest first, each with visits, paid orders and earnings.

    ``state`` is a share's state or ``expired``; ``words`` are a part of the title, or the token.
    """
    return await rows(
        connection,
        _MY_SHARES.columns(amounts=JSONB),
        promoter=promoter_id,
        before=before,
        at=at,
        kind=kind,
        state=state,
        channel=channel,
        words=words or None,
        limit=limit,
    )


async def channels_of(connection: AsyncConnection, *, promoter_id: UUID) -> list[str]:
    """Return the channels that a promoter's shares name, at most 200."""
    return [one["channel"] for one in await rows(connection, _MY_CHANNELS, promoter=promoter_id)]


async def balances_of(connection: AsyncConnection, *, promoter_id: UUID) -> list[RowMapping]:
    """Return what a promoter's commissions add up to, by currency and state (minor units)."""
    return await rows(connection, _BALANCES, promoter=promoter_id)


async def earnings_of(
    connection: AsyncConnection, *, promoter_id: UUID, before: UUID | None, limit: int = PAGE
) -> list[RowMapping]:
    """Return one page of commissions, newest first, each with order, line, plan and the touch that won."""
    return await rows(connection, _EARNINGS, promoter=promoter_id, before=before, limit=limit)


async def losing_touches(
    connection: AsyncConnection, *, promoter_id: UUID, order_ids: Sequence[UUID]
) -> dict[UUID, list[RowMapping]]:
    """Return the touches that lost each of these orders; ``mine`` tells which were the promoter's own."""
    found: dict[UUID, list[RowMapping]] = {}
    for one in await rows(connection, _LOSERS, promoter=promoter_id, orders=list(order_ids)):
        found.setdefault(one["order_id"], []).append(one)
    return found


async def lost_orders(
    connection: AsyncConnection, *, promoter_id: UUID, before: UUID | None, limit: int = PAGE
) -> list[RowMapping]:
    """Return one page of orders where the promoter's touch did not win, newest first, with the reason."""
    return await rows(connection, _LOST, promoter=promoter_id, before=before, limit=limit)


async def invited_by(connection: AsyncConnection, *, promoter_id: UUID) -> RowMapping:
    """Return how many promoters somebody has invited, as ``people``."""
    found = await row(connection, _INVITED, promoter=promoter_id)
    assert found is not None, "a count is a row"
    return found
