"""An operator says what sharing earns."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.catalogue.tables import categories, merchants, products
from fissile.domain.commissions import operations
from fissile.domain.commissions.errors import PlanTargetNotFound
from fissile.domain.commissions.model import PlanVersion
from fissile.domain.commissions.rules import check_plan
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
) -> PlanVersion:
    """
    Write the next version of a scope's plan; an operator calls it.

    It decides orders placed from now on; lines ordered before keep the version that they name. For the terms and
    their units see :class:`PlanVersion`.

    :raises RoleNotAllowed: if the actor is no operator
    :raises PlanScopeUnknown, PlanScopeIncomplete, PlanKindUnknown, PlanKindMixed, RateOutOfRange,
        PlanAmountOutOfRange, PlanHoldOutOfRange, PlanStateUnknown: if the terms will not do
    :raises PlanTargetNotFound: if there is no such merchant, category or product
    :raises PlanChangedMeanwhile: if another operator changed the same plan at this moment
    """
    require(actor, {"operator"})
    check_plan(
        scope=scope,
        scope_id=scope_id,
        kind=kind,
        rate_ppm=rate_ppm,
        flat_minor=flat_minor,
        cap_minor=cap_minor,
        hold_seconds=hold_seconds,
        state=state,
    )
    async with db.transaction() as connection:
        if scope_id is not None:
            await _check_target(connection, scope=scope, scope_id=scope_id)
        plan = await operations.add_plan_version(
            connection,
            plan_id=new_id(at=at, rng=rng),
            scope=scope,
            scope_id=scope_id,
            kind=kind,
            rate_ppm=rate_ppm,
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
