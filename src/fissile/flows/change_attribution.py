"""An operator says who gets the credit."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from fissile.domain.attribution import operations
from fissile.domain.attribution.errors import PolicyMerchantNotFound
from fissile.domain.attribution.model import PolicyVersion
from fissile.domain.attribution.rules import check_policy
from fissile.domain.catalogue.tables import merchants
from fissile.domain.members.rules import require
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_act, record_events
from fissile.kernel.ids import Chance, new_id, public_id


async def change_attribution(
    db: Database,
    *,
    merchant_id: UUID | None,
    model: str,
    window_days: int,
    level: str,
    binding: str,
    self_purchase: bool,
    state: str = "open",
    actor: Actor,
    at: datetime,
    rng: Chance,
) -> PolicyVersion:
    """
    Write the next version of a merchant's attribution policy, or of everyone's without their own (None).

    It decides orders placed from now on. What was decided before stays, and so do bindings that were made. For the
    terms and their units see :class:`PolicyVersion`; ``state`` ended gives a merchant everyone's policy again.

    :raises RoleNotAllowed: if the actor is no operator
    :raises PolicyModelUnknown, PolicyLevelUnknown, PolicyBindingUnknown, PolicyStateUnknown, PolicyWindowOutOfRange,
        PolicyNotEnded: if the terms will not do
    :raises PolicyMerchantNotFound: if there is no such merchant
    :raises PolicyChangedMeanwhile: if another operator changed the same policy at this moment
    """
    require(actor, {"operator"})
    check_policy(
        merchant_id=merchant_id, model=model, window_days=window_days, level=level, binding=binding, state=state
    )
    async with db.transaction() as connection:
        if merchant_id is not None:
            found = await connection.execute(select(merchants.c.id).where(merchants.c.id == merchant_id))
            if found.first() is None:
                raise PolicyMerchantNotFound(given=public_id("mch", merchant_id))
        policy_id = new_id(at=at, rng=rng)
        policy = await operations.add_policy_version(
            connection,
            policy_id=policy_id,
            merchant_id=merchant_id,
            model=model,
            window_days=window_days,
            level=level,
            binding=binding,
            self_purchase=self_purchase,
            state=state,
            made_by=actor.member_id,
            at=at,
        )
        detail = {
            "merchant_id": None if merchant_id is None else str(merchant_id),
            "version": policy.version,
            "model": model,
            "window_days": window_days,
            "level": level,
            "binding": binding,
            "self_purchase": self_purchase,
            "state": state,
        }
        await record_act(
            connection,
            act="change_attribution",
            subject=public_id("pol", policy_id),
            detail=detail,
            actor=actor,
            at=at,
            rng=rng,
        )
        await record_events(connection, happened=[Event("attribution.changed", policy_id, detail)], actor=actor, at=at)
        await operations.bump_policies(connection)
    return policy
