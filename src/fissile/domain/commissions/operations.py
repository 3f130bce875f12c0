"""Writes of plans and fees: always a next version, never a change of an old one."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Table, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.commissions.errors import PlanChangedMeanwhile, PlanClockBehind
from fissile.domain.commissions.model import FeeVersion, PlanVersion
from fissile.domain.commissions.queries import fee_of, plan_of
from fissile.domain.commissions.tables import commission_plan_versions, fee_plan_versions
from fissile.infra.tables import reference_versions

CHANNEL = "fissile_plans"  # who keeps plans in memory listens here


async def add_plan_version(
    connection: AsyncConnection,
    *,
    plan_id: UUID,
    scope: str,
    scope_id: UUID | None,
    kind: str,
    rate_ppm: int | None,
    second_rate_ppm: int | None,
    flat_minor: int | None,
    cap_minor: int | None,
    hold_seconds: int,
    state: str,
    made_by: UUID | None,
    at: datetime,
) -> PlanVersion:
    """
    Write the next version of a scope's plan.

    :raises PlanChangedMeanwhile: if another transaction wrote that version first
    :raises PlanClockBehind: if the version before is valid from later than ``at``
    """
    same = (commission_plan_versions.c.scope == scope) & (
        commission_plan_versions.c.scope_id.is_not_distinct_from(scope_id)
    )
    values = {
        "id": plan_id,
        "scope": scope,
        "scope_id": scope_id,
        "kind": kind,
        "rate_ppm": rate_ppm,
        "second_rate_ppm": second_rate_ppm,
        "flat_minor": flat_minor,
        "cap_minor": cap_minor,
        "hold_seconds": hold_seconds,
        "state": state,
        "made_by": made_by,
        "valid_from": at,
    }
    return plan_of(await _add(connection, commission_plan_versions, same, values))


async def add_fee_version(
    connection: AsyncConnection,
    *,
    fee_id: UUID,
    merchant_id: UUID | None,
    rate_ppm: int,
    made_by: UUID | None,
    at: datetime,
) -> FeeVersion:
    """
    Write the next version of a merchant's fee, or of everyone's (None).

    :raises PlanChangedMeanwhile: if another transaction wrote that version first
    :raises PlanClockBehind: if the version before is valid from later than ``at``
    """
    same = fee_plan_versions.c.merchant_id.is_not_distinct_from(merchant_id)
    values = {
        "id": fee_id,
        "merchant_id": merchant_id,
        "rate_ppm": rate_ppm,
        "made_by": made_by,
        "valid_from": at,
    }
    return fee_of(await _add(connection, fee_plan_versions, same, values))


async def bump_plans(connection: AsyncConnection) -> int:
    """Count a change of plans or fees, tell who listens (after commit), and return the new version."""
    # Last in the transaction: changes of different scopes wait for each other here, and only here.
    counted = await connection.execute(
        insert(reference_versions)
        .values(name="plans", version=1)
        .on_conflict_do_update(index_elements=["name"], set_={"version": reference_versions.c.version + 1})
        .returning(reference_versions.c.version)
    )
    version: int = counted.scalar_one()
    await connection.execute(
        text("SELECT pg_notify(:channel, :version)"), {"channel": CHANNEL, "version": str(version)}
    )
    return version


async def _add(connection: AsyncConnection, table: Table, same: ColumnElement[bool], values: dict[str, Any]) -> Any:
    before = (await connection.execute(select(func.max(table.c.valid_from)).where(same))).scalar_one()
    if before is not None and values["valid_from"] < before:
        raise PlanClockBehind(
            since=f"{before:%Y-%m-%d %H:%M:%S} UTC", now=f"{values['valid_from']:%Y-%m-%d %H:%M:%S} UTC"
        )
    newest = select(func.coalesce(func.max(table.c.version), 0) + 1).where(same).scalar_subquery()
    # Of two that computed the same number, the later waits at the unique index and finds it taken.
    added = await connection.execute(
        insert(table).values(version=newest, **values).on_conflict_do_nothing().returning(table)
    )
    row = added.one_or_none()
    if row is None:
        raise PlanChangedMeanwhile
    return row
