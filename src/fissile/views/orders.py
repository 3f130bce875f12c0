"""Orders for pages: one with everything about it, a buyer's own, the shop's."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.orders.model import ORDER_STATES
from fissile.views.reading import row, rows

PAGE = 30

_ORDER = text("""
SELECT o.id, o.merchant_id, m.name AS merchant, o.member_id, o.visitor_id, o.state, o.currency, o.total_minor,
       o.refunded_minor, o.goods_minor, o.shipping_minor, o.shipping_zone, o.weight_grams, o.after_sale_days,
       o.checkout_id, o.carrier, o.tracking, o.placed_at, o.reserved_until, o.paid_at, o.shipped_at, o.completed_at,
       o.closed_at, o.credit_promoter_id, o.credit_share_id, o.credit_rule, o.credit_reason,
       o.credit_policy_id, o.credit_binding_id, o.credit_unkept,
       credited.display_name AS credit_name, c.name, c.phone, c.email, c.address
  FROM orders o
  JOIN merchants m ON m.id = o.merchant_id
  LEFT JOIN order_contacts c ON c.order_id = o.id
  LEFT JOIN member_profiles credited ON credited.member_id = o.credit_promoter_id
 WHERE o.id = :order
""").columns(credit_unkept=JSONB)
_LINES = text("""
SELECT l.line_no, l.title, l.quantity, l.unit_price_minor, l.amount_minor, l.fee_minor, l.commission_minor,
       l.second_commission_minor, l.hold_seconds, s.product_id, s.code,
       (SELECT pp.picture_id FROM product_pictures pp WHERE pp.product_id = s.product_id
         ORDER BY pp.position LIMIT 1) AS picture_id
  FROM order_lines l JOIN skus s ON s.id = l.sku_id
 WHERE l.order_id = :order ORDER BY l.line_no LIMIT 200
""")
_TOUCHES = text("""
SELECT t.share_id, t.promoter_id, t.touched_at, t.outcome, t.reason, sh.token, who.display_name
  FROM order_touches t
  JOIN shares sh ON sh.id = t.share_id
  LEFT JOIN member_profiles who ON who.member_id = t.promoter_id
 WHERE t.order_id = :order ORDER BY t.outcome DESC, t.touched_at DESC LIMIT 50
""")
_COMMISSIONS = text("""
SELECT c.id, c.line_no, c.level, c.promoter_id, who.display_name, c.base_minor, c.amount_minor, c.taken_back_minor,
       c.currency, c.state, c.hold_until, c.plan_version_id
  FROM commissions c LEFT JOIN member_profiles who ON who.member_id = c.promoter_id
 WHERE c.order_id = :order ORDER BY c.line_no, c.level LIMIT 200
""")
_PROCEEDS = text("""
SELECT line_no, payee, amount_minor, taken_back_minor, currency, state, hold_until FROM line_proceeds
 WHERE order_id = :order ORDER BY line_no, payee LIMIT 400
""")
_PAYMENTS = text("""
SELECT id, gateway, gateway_payment_id, amount_minor, currency, outcome, paid_at FROM payments
 WHERE order_id = :order ORDER BY received_at, id LIMIT 50
""")
_REFUNDS = text("""
SELECT r.id, r.amount_minor, r.currency, r.reason, r.state, r.posted_at, r.returned_at,
       who.display_name AS requested_by
  FROM refunds r LEFT JOIN member_profiles who ON who.member_id = r.requested_by
 WHERE r.order_id = :order ORDER BY r.posted_at, r.id LIMIT 50
""")
_REFUNDABLE = text("""
SELECT 0 AS line_no, NULL AS title, 0 AS quantity, shipping_minor AS amount_minor,
       shipping_refunded_minor AS refunded_minor, 0 AS refunded_quantity
  FROM orders WHERE id = :order AND shipping_minor > 0
 UNION ALL
SELECT line_no, title, quantity, amount_minor, refunded_minor, refunded_quantity
  FROM order_lines WHERE order_id = :order ORDER BY line_no LIMIT 200
""")
_PAYEES = text("""
SELECT m.id, m.name FROM merchants m JOIN orders o ON o.merchant_id = m.id WHERE o.id = :order
 UNION ALL
SELECT who.member_id, who.display_name FROM member_profiles who JOIN orders o
    ON who.member_id IN (o.credit_promoter_id, o.second_promoter_id) WHERE o.id = :order
""")
_HISTORY = text("""
SELECT e.name, e.occurred_at, e.data, who.display_name
  FROM events e LEFT JOIN member_profiles who ON who.member_id = e.actor_id
 WHERE e.subject_id = :subject AND e.name <> 'ledger.posted' ORDER BY e.occurred_at, e.position LIMIT 100
""").columns(data=JSONB)
_TRANSFERS = text("""
SELECT t.id, t.amount_minor, t.currency, t.phase, t.reason, t.occurred_at, d.id AS debit_id, d.kind AS debit_kind,
       c.id AS credit_id, c.kind AS credit_kind
  FROM ledger_transfers t
  JOIN ledger_accounts d ON d.id = t.debit_account_id
  JOIN ledger_accounts c ON c.id = t.credit_account_id
 WHERE t.subject_id = :subject ORDER BY t.occurred_at, t.id LIMIT 100
""")
_LIST = """
SELECT o.id, o.state, o.currency, o.total_minor, o.placed_at, o.reserved_until, m.name AS merchant, o.tracking,
       first.title, first.picture_id, first.lines, c.name AS contact, credited.display_name AS credit_name
  FROM orders o
  JOIN merchants m ON m.id = o.merchant_id
  LEFT JOIN order_contacts c ON c.order_id = o.id
  LEFT JOIN member_profiles credited ON credited.member_id = o.credit_promoter_id
  LEFT JOIN LATERAL (
    SELECT l.title,
           (SELECT count(*) FROM order_lines n WHERE n.order_id = o.id) AS lines,
           (SELECT pp.picture_id FROM skus s JOIN product_pictures pp ON pp.product_id = s.product_id
             WHERE s.id = l.sku_id ORDER BY pp.position LIMIT 1) AS picture_id
      FROM order_lines l WHERE l.order_id = o.id ORDER BY l.line_no LIMIT 1
  ) first ON true
"""
_NEWEST = " ORDER BY o.placed_at DESC, o.id DESC LIMIT :limit"
_BEFORE = " AND (o.placed_at, o.id) < (SELECT b.placed_at, b.id FROM orders b WHERE b.id = CAST(:before AS uuid))"
# The newest of each state, or of each merchant, are a short walk along an index; of these the newest are the page.
_OF_STATES = """
 WHERE o.id = ANY (ARRAY(
   SELECT newest.id FROM unnest(CAST(:states AS text[])) AS one (state)
    CROSS JOIN LATERAL (SELECT o.id, o.placed_at FROM orders o WHERE o.state = one.state {before} {newest}) newest
    ORDER BY newest.placed_at DESC, newest.id DESC LIMIT :limit))
"""
_OF_MERCHANTS = """
 WHERE o.id = ANY (ARRAY(
   SELECT newest.id FROM unnest(CAST(:merchants AS uuid[])) AS one (merchant_id)
    CROSS JOIN LATERAL (
      SELECT o.id, o.placed_at FROM orders o
       WHERE o.merchant_id = one.merchant_id AND o.state = ANY (CAST(:states AS text[])) {before} {newest}) newest
    ORDER BY newest.placed_at DESC, newest.id DESC LIMIT :limit))
"""
_ALL_REFUNDS = text("""
SELECT r.id, r.order_id, r.amount_minor, r.currency, r.reason, r.state, r.posted_at, r.returned_at,
       who.display_name AS requested_by
  FROM refunds r LEFT JOIN member_profiles who ON who.member_id = r.requested_by
 WHERE CAST(:before AS uuid) IS NULL OR (r.posted_at, r.id) <
       (SELECT b.posted_at, b.id FROM refunds b WHERE b.id = CAST(:before AS uuid))
 ORDER BY r.posted_at DESC, r.id DESC LIMIT :limit
""")


async def order(connection: AsyncConnection, *, order_id: UUID) -> RowMapping | None:
    """Return one order with its contact and who is credited."""
    return await row(connection, _ORDER, order=order_id)


async def order_lines(connection: AsyncConnection, *, order_id: UUID) -> list[RowMapping]:
    """Return the lines of an order."""
    return await rows(connection, _LINES, order=order_id)


async def order_touches(connection: AsyncConnection, *, order_id: UUID) -> list[RowMapping]:
    """Return the touches that the order was decided on, the winner first."""
    return await rows(connection, _TOUCHES, order=order_id)


async def order_commissions(connection: AsyncConnection, *, order_id: UUID) -> list[RowMapping]:
    """Return the commissions of an order's lines."""
    return await rows(connection, _COMMISSIONS, order=order_id)


async def order_proceeds(connection: AsyncConnection, *, order_id: UUID) -> list[RowMapping]:
    """Return what merchant and platform get of each line."""
    return await rows(connection, _PROCEEDS, order=order_id)


async def order_payments(connection: AsyncConnection, *, order_id: UUID) -> list[RowMapping]:
    """Return the money that arrived for an order."""
    return await rows(connection, _PAYMENTS, order=order_id)


async def order_refunds(connection: AsyncConnection, *, order_id: UUID) -> list[RowMapping]:
    """Return the refunds of an order."""
    return await rows(connection, _REFUNDS, order=order_id)


async def refundable_lines(connection: AsyncConnection, *, order_id: UUID) -> list[RowMapping]:
    """Return the lines of an order, its shipping as line 0, with what of them was refunded."""
    return await rows(connection, _REFUNDABLE, order=order_id)


async def payees_of(connection: AsyncConnection, *, order_id: UUID) -> dict[UUID, str]:
    """Return the names of who gets a part of an order."""
    return {one["id"]: one["name"] for one in await rows(connection, _PAYEES, order=order_id)}


async def history(connection: AsyncConnection, *, subject_id: UUID) -> list[RowMapping]:
    """Return the events of one thing, oldest first."""
    return await rows(connection, _HISTORY, subject=subject_id)


async def transfers_about(connection: AsyncConnection, *, subject_id: UUID) -> list[RowMapping]:
    """Return the ledger's transfers about one thing, oldest first."""
    return await rows(connection, _TRANSFERS, subject=subject_id)


async def orders_of_member(
    connection: AsyncConnection, *, member_id: UUID, before: UUID | None, limit: int = PAGE
) -> list[RowMapping]:
    """Return one page of a buyer's orders, newest first."""
    statement = text(_LIST + " WHERE o.member_id = :member" + (_BEFORE if before else "") + _NEWEST)
    return await rows(connection, statement, member=member_id, limit=limit, **_from(before))


async def orders_of_shop(
    connection: AsyncConnection,
    *,
    state: str | None,
    merchant_ids: Sequence[UUID] | None,
    before: UUID | None,
    limit: int = PAGE,
) -> list[RowMapping]:
    """Return one page of orders, newest first; of these merchants only, unless ``merchant_ids`` is None."""
    values: dict[str, object] = {"states": list(ORDER_STATES) if state is None else [state], "limit": limit}
    if merchant_ids is not None:
        values["merchants"] = list(merchant_ids)
    page = _OF_STATES if merchant_ids is None else _OF_MERCHANTS
    statement = text(_LIST + page.format(before=_BEFORE if before else "", newest=_NEWEST) + _NEWEST)
    return await rows(connection, statement, **values, **_from(before))


async def all_refunds(connection: AsyncConnection, *, before: UUID | None, limit: int = PAGE) -> list[RowMapping]:
    """Return one page of refunds, newest first."""
    return await rows(connection, _ALL_REFUNDS, before=before, limit=limit)


def _from(before: UUID | None) -> dict[str, object]:
    return {"before": before} if before else {}
