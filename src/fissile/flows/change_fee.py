"""An operator says what the platform keeps."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from fissile.domain.catalogue.tables import merchants
from fissile.domain.commissions import operations
from fissile.domain.commissions.errors import PlanTargetNotFound
from fissile.domain.commissions.model import FeeVersion
from fissile.domain.commissions.queries import load_plans
from fissile.domain.commissions.rules import check_rate, check_sum
from fissile.domain.members.rules import require
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_act, record_events
from fissile.kernel.ids import Chance, new_id, public_id


async def change_fee(
    db: Database, *, merchant_id: UUID | None, rate_ppm: int, actor: Actor, at: datetime, rng: Chance
) -> FeeVersion:
    """
    Write the next version of a merchant's fee, or of everyone's without their own (None); an operator calls it.

    ``rate_ppm`` is parts per million of a line. It decides orders placed from now on.

    :raises RoleNotAllowed: if the actor is no operator
    :raises RateOutOfRange: if the rate is negative or above 100 %
    :raises PlanTargetNotFound: if there is no such merchant
    :raises PlanSumTooLarge: if it and what an open plan pays are more than the whole
    :raises PlanChangedMeanwhile: if another operator changed the same fee at this moment
    :raises PlanClockBehind: if the version in force began later than ``at``
    """
    require(actor, {"operator"})
    check_rate(rate_ppm=rate_ppm)
    async with db.transaction() as connection:
        if merchant_id is not None:
            found = await connection.execute(select(merchants.c.id).where(merchants.c.id == merchant_id))
            if found.first() is None:
                raise PlanTargetNotFound(scope="merchant", given=public_id("mch", merchant_id))
        plans, _ = await load_plans(connection)
        for plan in plans.by_scope.values():
            others = plan.scope == "merchant" and merchant_id is not None and plan.scope_id != merchant_id
            if plan.state == "open" and not others:
                check_sum(rate_ppm=plan.rate_ppm, second_rate_ppm=plan.second_rate_ppm, fee_ppm=rate_ppm)
        fee = await operations.add_fee_version(
            connection,
            fee_id=new_id(at=at, rng=rng),
            merchant_id=merchant_id,
            rate_ppm=rate_ppm,
            made_by=actor.member_id,
            at=at,
        )
        detail = {
            "merchant_id": None if merchant_id is None else str(merchant_id),
            "version": fee.version,
            "rate_ppm": rate_ppm,
        }
        await record_act(
            connection,
            act="change_fee",
            subject=public_id("fee", fee.id),
            detail=detail,
            actor=actor,
            at=at,
            rng=rng,
        )
        await record_events(connection, happened=[Event("fee.changed", fee.id, detail)], actor=actor, at=at)
        await operations.bump_plans(connection)
    return fee
