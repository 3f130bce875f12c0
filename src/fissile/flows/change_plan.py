"""An operator says what sharing earns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.catalogue.tables import categories, merchants, products
from fissile.domain.commissions import operations
from fissile.domain.commissions.errors import PlanTargetNotFound
from fissile.domain.commissions.model import Plans, PlanVersion
from fissile.domain.commissions.queries import load_plans
from fissile.domain.commissions.rules import check_plan, check_sum
from fissile.domain.members.rules import require
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_act, record_events
from fissile.kernel.ids import Chance, new_id, public_id

_TARGETS = {"merchant": (merchants, "mch"), "category": (categories, "cat"), "product": (products, "prd")}


async def change_plan(
    db: Database,
    *,
    scope: str,
    scope_id: UUID | None,
    kind: str,
    rate_ppm: int | None,
    flat_minor: int | None,
    cap_minor: int | None,
    hold_seconds: int,
    state: str,
    actor: Actor,
    at: datetime,
    rng: Chance,
    further_rates_ppm: Sequence[int] = (),
) -> PlanVersion:
    """
    Write the next version of a scope's plan; an operator calls it.

    It decides orders placed from now on; lines ordered before keep the version that they name. For the terms and
    their units see :class:`PlanVersion`. ``further_rates_ppm`` are the rates of the levels above the promoter: one at
    most, for a third level is refused.

    :raises RoleNotAllowed: if the actor is no operator
    :raises PlanScopeUnknown, PlanScopeIncomplete, PlanKindUnknown, PlanKindMixed, RateOutOfRange,
        ThirdLevelRefused, SecondAboveFirst, PlanAmountOutOfRange, PlanHoldOutOfRange, PlanStateUnknown: if the terms
        will not do
    :raises PlanSumTooLarge: if both levels and the fee of a merchant of the scope are more than the whole
    :raises PlanClockBehind: if the version in force began later than ``at``
    :raises PlanTargetNotFound: if there is no such merchant, category or product
    :raises PlanChangedMeanwhile: if another operator changed the same plan at this moment
    """
    require(actor, {"operator"})
    check_plan(
        scope=scope,
        scope_id=scope_id,
        kind=kind,
        rate_ppm=rate_ppm,
        further_rates_ppm=further_rates_ppm,
        flat_minor=flat_minor,
        cap_minor=cap_minor,
        hold_seconds=hold_seconds,
        state=state,
    )
    second_rate_ppm = further_rates_ppm[0] if further_rates_ppm else None
    async with db.transaction() as connection:
        if scope_id is not None:
            await _check_target(connection, scope=scope, scope_id=scope_id)
        if state == "open":
            plans, _ = await load_plans(connection)
            fee_ppm = await _highest_fee(connection, plans, scope=scope, scope_id=scope_id)
            check_sum(rate_ppm=rate_ppm, second_rate_ppm=second_rate_ppm, fee_ppm=fee_ppm)
        plan = await operations.add_plan_version(
            connection,
            plan_id=new_id(at=at, rng=rng),
            scope=scope,
            scope_id=scope_id,
            kind=kind,
            rate_ppm=rate_ppm,
            second_rate_ppm=second_rate_ppm,
            flat_minor=flat_minor,
            cap_minor=cap_minor,
            hold_seconds=hold_seconds,
            state=state,
            made_by=actor.member_id,
            at=at,
        )
        detail = {
            "scope": scope,
            "scope_id": None if scope_id is None else str(scope_id),
            "version": plan.version,
            "kind": kind,
            "rate_ppm": rate_ppm,
            "second_rate_ppm": second_rate_ppm,
            "flat_minor": flat_minor,
            "cap_minor": cap_minor,
            "hold_seconds": hold_seconds,
            "state": state,
        }
        await record_act(
            connection,
            act="change_plan",
            subject=public_id("plan", plan.id),
            detail=detail,
            actor=actor,
            at=at,
            rng=rng,
        )
        await record_events(connection, happened=[Event("plan.changed", plan.id, detail)], actor=actor, at=at)
        await operations.bump_plans(connection)
    return plan


async def _check_target(connection: AsyncConnection, *, scope: str, scope_id: UUID) -> None:
    table, prefix = _TARGETS[scope]
    found = await connection.execute(select(table.c.id).where(table.c.id == scope_id))
    if found.first() is None:
        raise PlanTargetNotFound(scope=scope, given=public_id(prefix, scope_id))


async def _highest_fee(connection: AsyncConnection, plans: Plans, *, scope: str, scope_id: UUID | None) -> int:
    """Return the highest fee of a merchant whose goods the scope may hold."""
    merchant_id = scope_id if scope == "merchant" else None
    if scope == "product":
        found = await connection.execute(select(products.c.merchant_id).where(products.c.id == scope_id))
        merchant_id = found.scalar_one()
    if merchant_id is not None:
        fee = plans.fee_for(merchant_id)
        return fee.rate_ppm if fee else 0
    return max((fee.rate_ppm for fee in plans.fees.values()), default=0)
