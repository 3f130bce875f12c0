"""The demo's money stories: somebody was invited, and some buyers got a part of their money back."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from sqlalchemy import text

from fissile.domain.members.errors import InviterSetAlready
from fissile.flows.invite_promoter import invite_promoter
from fissile.flows.issue_invoice import issue_invoice
from fissile.flows.refund_order import refund_order
from fissile.flows.set_inviter import set_inviter
from fissile.infra.database import Database
from fissile.infra.events import Actor

SECOND_RATE_PPM = 20_000  # 2 % for who invited the promoter, beside the promoter's own 10 %
_SOME = text("""
SELECT o.id, greatest(o.total_minor / 4, 1)::bigint AS amount_minor, o.shipped_at FROM orders o
 WHERE o.state IN ('shipped', 'completed') AND o.refunded_minor = 0 AND o.credit_promoter_id IS NOT NULL
   AND o.shipped_at < :at
 ORDER BY o.placed_at, o.id LIMIT :most
""")
_PARTS = 8


async def invite(db: Database, *, inviter: Actor, invited: Actor, operator: Actor, at: datetime) -> None:
    """Let a promoter have invited another; what is set already stays."""
    rng = random.SystemRandom()
    assert inviter.member_id is not None, "a promoter is a member"
    assert invited.member_id is not None, "a promoter is a member"
    await invite_promoter(db, actor=inviter, at=at, rng=rng)
    try:
        await set_inviter(db, member_id=invited.member_id, inviter_id=inviter.member_id, actor=operator, at=at, rng=rng)
    except InviterSetAlready:
        return


async def refund_in_part(db: Database, *, operator: Actor, shop: str, locale: str, at: datetime) -> None:
    """
    Give a quarter of a few shipped orders back, some before and some after their parts were released; each has its
    invoice then, and the credit note of what was given back.
    """
    rng = random.SystemRandom()
    for one in await db.all(_SOME, {"at": at - timedelta(hours=2), "most": _PARTS}):
        await refund_order(
            db,
            order_id=one["id"],
            amount_minor=one["amount_minor"],
            reason="a piece arrived broken",
            actor=operator,
            idempotency_key=f"demo:part:{one['id']}",
            at=at,
            rng=rng,
        )
        await issue_invoice(
            db, order_id=one["id"], actor=operator, visitor_id=None, shop=shop, locale=locale, at=at, rng=rng
        )
