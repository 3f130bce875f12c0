"""An operator asks what an attribution policy would have changed; nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from fissile.domain.attribution.model import Basket, PolicyVersion
from fissile.domain.attribution.rules import check_policy, credit
from fissile.domain.members.rules import require
from fissile.infra.database import Database
from fissile.infra.events import Actor
from fissile.views import attribution as views

ORDERS_MAX = 100
VISITS_MAX = 500  # of one buyer: a preview shows a tendency, and reads a hundred buyers at once

Change = Literal["same", "other", "gained", "lost"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Redecided:
    """An order, to whom it is credited, and to whom it would be."""

    order_id: UUID
    placed_at: datetime
    was: str | None
    would_be: str | None
    change: Change


@dataclass(frozen=True, slots=True)
class Preview:
    """The last orders decided again: counts by change, and those that would change."""

    counts: Mapping[Change, int]
    changed: tuple[Redecided, ...]

    @property
    def orders(self) -> int:
        """How many were decided again."""
        return sum(self.counts.values())


async def preview_attribution(db: Database, *, terms: PolicyVersion, actor: Actor) -> Preview:
    """
    Decide the last 100 orders, of one merchant or of all, again by these terms; an operator calls it.

    It reads openings as they are stored now: an account closed since then is closed here too, and of one buyer the
    newest 500 visits are judged.

    :raises RoleNotAllowed: if the actor is no operator
    :raises PolicyModelUnknown, PolicyLevelUnknown, PolicyBindingUnknown, PolicyStateUnknown, PolicyWindowOutOfRange,
        PolicyNotEnded: if the terms will not do
    """
    require(actor, {"operator"})
    check_policy(
        merchant_id=terms.merchant_id,
        model=terms.model,
        window_days=terms.window_days,
        level=terms.level,
        binding=terms.binding,
        state=terms.state,
    )
    async with db.reading() as connection:
        orders = await views.last_decided(connection, merchant_id=terms.merchant_id, limit=ORDERS_MAX)
        ids = [one["id"] for one in orders]
        touches = await views.touches_before(connection, order_ids=ids, most=VISITS_MAX)
        bindings = await views.bindings_then(connection, order_ids=ids)
        decided = {
            one["id"]: credit(
                touches=touches.get(one["id"], ()),
                policy=terms,
                basket=Basket(
                    merchant_id=one["merchant_id"],
                    product_ids=frozenset(one["products"]),
                    buyer_id=one["member_id"],
                    at=one["placed_at"],
                ),
                binding=bindings.get(one["id"]),
            ).promoter_id
            for one in orders
        }
        names = await views.names_of(connection, member_ids=[one for one in set(decided.values()) if one is not None])
    counts: dict[Change, int] = {"same": 0, "other": 0, "gained": 0, "lost": 0}
    changed = []
    for one in orders:
        would_be = decided[one["id"]]
        change = _change(one["credit_promoter_id"], would_be)
        counts[change] += 1
        if change != "same":
            new_name = None if would_be is None else names.get(would_be, "–")
            old_name = None if one["credit_promoter_id"] is None else one["credit_name"] or "–"
            changed.append(
                Redecided(
                    order_id=one["id"], placed_at=one["placed_at"], was=old_name, would_be=new_name, change=change
                )
            )
    return Preview(counts, tuple(changed))


def _change(was: UUID | None, would_be: UUID | None) -> Change:
    if was == would_be:
        return "same"
    if was is None:
        return "gained"
    return "lost" if would_be is None else "other"
