"""A promoter asks why an order was credited to them, or why it was not; nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from fissile.domain.attribution.model import BUILT_IN, Basket, JudgedTouch, PolicyVersion
from fissile.domain.attribution.queries import VISITS_READ
from fissile.domain.attribution.rules import credit
from fissile.domain.members.rules import require
from fissile.infra.database import Database
from fissile.infra.events import Actor
from fissile.views import attribution as views


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTouch:
    """A share of the promoter's own that the buyer had opened, and what became of it."""

    share_id: UUID
    token: str
    touched_at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What a promoter may know of an order's credit: the rule, the moments, the own touches; nobody else's name."""

    order_id: UUID
    placed_at: datetime
    state: str
    credited: Literal["me", "other", "nobody"]
    reason: str
    rule: str
    policy: PolicyVersion
    won_at: datetime | None
    own: tuple[OwnTouch, ...]
    recomputed: bool
    """True: the own touches were too many to be kept with the order, and are judged again from the visits."""
    others: int


async def explain_credit(db: Database, *, order_id: UUID, actor: Actor) -> Explanation | None:
    """
    Return why an order was credited to this promoter or not; None if no share of theirs was opened before it.

    None is also the answer for an order that does not exist: who did not take part learns nothing, not even that.

    :raises RoleNotAllowed: if the actor is no promoter
    """
    require(actor, {"promoter"})
    promoter_id = actor.member_id
    async with db.reading() as connection:
        order = await views.decided_order(connection, order_id=order_id)
        if order is None:
            return None
        policy_id = order["credit_policy_id"]
        policy = BUILT_IN if policy_id is None else await views.policy(connection, policy_id=policy_id)
        kept = await views.kept_touches(connection, order_id=order_id)
        unkept = sum((order["credit_unkept"] or {}).values())
        own: Sequence[JudgedTouch] = [
            JudgedTouch(one["share_id"], one["promoter_id"], one["touched_at"], one["reason"])
            for one in kept
            if one["promoter_id"] == promoter_id
        ]
        recomputed = not own and unkept > 0
        if recomputed:
            touches = await views.touches_before(connection, order_ids=[order_id], most=VISITS_READ)
            bindings = await views.bindings_then(connection, order_ids=[order_id])
            again = credit(
                touches=touches.get(order_id, ()),
                policy=policy,
                basket=Basket(
                    merchant_id=order["merchant_id"],
                    product_ids=frozenset(order["products"]),
                    buyer_id=order["member_id"],
                    at=order["placed_at"],
                ),
                binding=bindings.get(order_id),
                kept_max=VISITS_READ,
            )
            own = [one for one in again.touches if one.promoter_id == promoter_id]
        credited_id = order["credit_promoter_id"]
        if not own and credited_id != promoter_id:
            return None
        tokens = await views.tokens_of(connection, share_ids=[one.share_id for one in own])
    in_all = len(kept) + unkept
    return Explanation(
        order_id=order_id,
        placed_at=order["placed_at"],
        state=order["state"],
        credited="nobody" if credited_id is None else "me" if credited_id == promoter_id else "other",
        reason=order["credit_reason"],
        rule=order["credit_rule"],
        policy=policy,
        won_at=next((one["touched_at"] for one in kept if one["outcome"] == "won"), None),
        own=tuple(
            OwnTouch(share_id=one.share_id, token=tokens[one.share_id], touched_at=one.touched_at, reason=one.reason)
            for one in own
        ),
        recomputed=recomputed,
        others=in_all - len(own),
    )
