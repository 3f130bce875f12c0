"""Policies and bindings for pages, and what was known of orders when their credit was decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.attribution.model import BuyerBinding, PolicyVersion, Touch
from fissile.domain.orders.model import ORDER_STATES
from fissile.views.reading import row, rows

PAGE = 40

_POLICIES = text("""
SELECT DISTINCT ON (v.merchant_id) v.*, m.name AS merchant, who.display_name AS maker
  FROM attribution_policy_versions v
  LEFT JOIN merchants m ON m.id = v.merchant_id
  LEFT JOIN member_profiles who ON who.member_id = v.made_by
 ORDER BY v.merchant_id NULLS FIRST, v.version DESC LIMIT 200
""")
_BINDINGS = text("""
SELECT b.order_id, b.member_id, b.promoter_id, b.bound_at, b.ended_at, b.ended_by, b.end_reason,
       buyer.display_name AS buyer, promoter.display_name AS promoter, who.display_name AS ended_by_name
  FROM buyer_bindings b
  LEFT JOIN member_profiles buyer ON buyer.member_id = b.member_id
  LEFT JOIN member_profiles promoter ON promoter.member_id = b.promoter_id
  LEFT JOIN member_profiles who ON who.member_id = b.ended_by
 WHERE CAST(:before AS uuid) IS NULL OR (b.bound_at, b.order_id) <
       (SELECT a.bound_at, a.order_id FROM buyer_bindings a WHERE a.order_id = CAST(:before AS uuid))
 ORDER BY b.bound_at DESC, b.order_id DESC LIMIT :limit
""")
_DECIDED = """
SELECT o.id, o.merchant_id, o.member_id, o.placed_at, o.state, o.credit_promoter_id, o.credit_share_id, o.credit_rule,
       o.credit_reason, o.credit_policy_id, o.credit_unkept, who.display_name AS credit_name,
       ARRAY(SELECT k.product_id FROM order_lines l JOIN skus k ON k.id = l.sku_id WHERE l.order_id = o.id) AS products
  FROM orders o LEFT JOIN member_profiles who ON who.member_id = o.credit_promoter_id
"""
_ONE_DECIDED = text(_DECIDED + " WHERE o.id = :order").columns(credit_unkept=JSONB)
_LAST_OF_ONE = text(
    _DECIDED + " WHERE o.merchant_id = :merchant ORDER BY o.placed_at DESC, o.id DESC LIMIT :limit"
).columns(credit_unkept=JSONB)
# The newest of each state are a short walk along an index; of these the newest are meant.
_LAST_OF_ALL = text(
    _DECIDED
    + """
 WHERE o.id = ANY (ARRAY(
   SELECT newest.id FROM unnest(CAST(:states AS text[])) AS one (state)
    CROSS JOIN LATERAL (
      SELECT n.id, n.placed_at FROM orders n WHERE n.state = one.state
       ORDER BY n.placed_at DESC, n.id DESC LIMIT :limit) newest
    ORDER BY newest.placed_at DESC, newest.id DESC LIMIT :limit))
 ORDER BY o.placed_at DESC, o.id DESC
"""
).columns(credit_unkept=JSONB)
# The visits of the buyer up to the order, and what was kept with it (a share given with an order is no visit).
_TOUCHES = text("""
SELECT o.id AS order_id, v.share_id, s.promoter_id, least(v.last_at, o.placed_at) AS touched_at, v.first_at,
       CASE WHEN s.target_kind = 'product' THEN s.target_id END AS product_id,
       CASE s.target_kind WHEN 'shop' THEN s.target_id ELSE p.merchant_id END AS merchant_id, true AS open,
       m.state = 'active' AS promoter_open, s.promoter_id = ANY (tied.members) AS own
  FROM orders o
  CROSS JOIN LATERAL (
    SELECT ARRAY(SELECT t.member_id FROM visitor_members t
                  WHERE t.visitor_id = o.visitor_id AND t.tied_at <= o.placed_at) AS members,
           o.visitor_id || ARRAY(SELECT t.visitor_id FROM visitor_members t
                                  WHERE t.member_id = o.member_id AND t.tied_at <= o.placed_at) AS visitors
  ) tied
  CROSS JOIN LATERAL (
    SELECT share_id, first_at, last_at FROM visits
     WHERE visitor_id = ANY (tied.visitors) AND first_at <= o.placed_at
     ORDER BY last_at DESC LIMIT :most
  ) v
  JOIN shares s ON s.id = v.share_id
  JOIN members m ON m.id = s.promoter_id
  LEFT JOIN products p ON s.target_kind = 'product' AND p.id = s.target_id
 WHERE o.id = ANY (CAST(:orders AS uuid[]))
UNION ALL
SELECT t.order_id, t.share_id, t.promoter_id, t.touched_at, t.touched_at,
       CASE WHEN s.target_kind = 'product' THEN s.target_id END,
       CASE s.target_kind WHEN 'shop' THEN s.target_id ELSE p.merchant_id END, t.reason <> 'share_not_open',
       m.state = 'active' AND t.reason <> 'promoter_closed', t.reason = 'self_purchase'
  FROM order_touches t
  JOIN shares s ON s.id = t.share_id
  JOIN members m ON m.id = t.promoter_id
  LEFT JOIN products p ON s.target_kind = 'product' AND p.id = s.target_id
 WHERE t.order_id = ANY (CAST(:orders AS uuid[]))
""")
_BOUND = text("""
SELECT o.id AS decided, b.order_id, b.member_id, b.promoter_id, b.share_id, m.state = 'active' AS promoter_open
  FROM orders o
  JOIN buyer_bindings b ON b.member_id = o.member_id AND b.bound_at <= o.placed_at
   AND (b.ended_at IS NULL OR b.ended_at > o.placed_at)
  JOIN members m ON m.id = b.promoter_id
 WHERE o.id = ANY (CAST(:orders AS uuid[]))
""")
_KEPT = text("""
SELECT t.share_id, t.promoter_id, t.touched_at, t.outcome, t.reason, sh.token FROM order_touches t
  JOIN shares sh ON sh.id = t.share_id WHERE t.order_id = :order ORDER BY t.touched_at DESC, t.share_id LIMIT 50
""")
_POLICY = text("SELECT * FROM attribution_policy_versions WHERE id = :policy")
_NAMES = text("SELECT member_id, display_name FROM member_profiles WHERE member_id = ANY (CAST(:members AS uuid[]))")
_TOKENS = text("SELECT id, token FROM shares WHERE id = ANY (CAST(:shares AS uuid[]))")


async def policies(connection: AsyncConnection) -> list[RowMapping]:
    """Return the newest policy version of each scope, everyone's first."""
    return await rows(connection, _POLICIES)


async def policy(connection: AsyncConnection, *, policy_id: UUID) -> PolicyVersion:
    """Return a policy version that an order names."""
    found = await row(connection, _POLICY, policy=policy_id)
    assert found is not None, "an order names a version that exists: its function checks it"
    return PolicyVersion(**found)


async def bindings(connection: AsyncConnection, *, before: UUID | None, limit: int = PAGE) -> list[RowMapping]:
    """Return one page of bindings, newest first, ended ones too."""
    return await rows(connection, _BINDINGS, before=before, limit=limit)


async def decided_order(connection: AsyncConnection, *, order_id: UUID) -> RowMapping | None:
    """Return what stands on one order of its credit."""
    return await row(connection, _ONE_DECIDED, order=order_id)


async def last_decided(connection: AsyncConnection, *, merchant_id: UUID | None, limit: int) -> list[RowMapping]:
    """Return the last orders, of one merchant or of all, with what stands on them of their credit."""
    if merchant_id is None:
        return await rows(connection, _LAST_OF_ALL, states=list(ORDER_STATES), limit=limit)
    return await rows(connection, _LAST_OF_ONE, merchant=merchant_id, limit=limit)


async def touches_before(
    connection: AsyncConnection, *, order_ids: Sequence[UUID], most: int
) -> dict[UUID, list[Touch]]:
    """
    Return the touches before each order as they are stored now, of each buyer at most ``most`` visits.

    A visit that went on after the order ends with it. Whether an account is open is as of now.
    """
    found: dict[UUID, list[Touch]] = {}
    for order_id, *touch in await connection.execute(_TOUCHES, {"orders": list(order_ids), "most": most}):
        found.setdefault(order_id, []).append(Touch(*touch))
    return found


async def bindings_then(connection: AsyncConnection, *, order_ids: Sequence[UUID]) -> dict[UUID, BuyerBinding]:
    """Return the binding that the buyer of each order had at that moment."""
    found = {}
    for one in await rows(connection, _BOUND, orders=list(order_ids)):
        fields = dict(one)
        found[fields.pop("decided")] = BuyerBinding(**fields)
    return found


async def kept_touches(connection: AsyncConnection, *, order_id: UUID) -> list[RowMapping]:
    """Return the touches that are kept with an order, the latest first."""
    return await rows(connection, _KEPT, order=order_id)


async def names_of(connection: AsyncConnection, *, member_ids: Sequence[UUID]) -> Mapping[UUID, str]:
    """Return the display names of members."""
    found = await rows(connection, _NAMES, members=list(member_ids))
    return {one["member_id"]: one["display_name"] for one in found}


async def tokens_of(connection: AsyncConnection, *, share_ids: Sequence[UUID]) -> Mapping[UUID, str]:
    """Return the tokens of shares."""
    return {one["id"]: one["token"] for one in await rows(connection, _TOKENS, shares=list(share_ids))}
