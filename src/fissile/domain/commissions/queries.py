"""Reads of plans and fees."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.commissions.model import FeeVersion, Plans, PlanVersion
from fissile.domain.commissions.tables import commission_plan_versions, fee_plan_versions
from fissile.infra.tables import reference_versions

_VERSION = select(reference_versions.c.version).where(reference_versions.c.name == "plans")
_plans, _fees = commission_plan_versions.c, fee_plan_versions.c
_NEWEST_PLANS = (
    select(commission_plan_versions)
    .ext(distinct_on(_plans.scope, _plans.scope_id))
    .order_by(_plans.scope, _plans.scope_id, _plans.version.desc())
)
_NEWEST_FEES = (
    select(fee_plan_versions).ext(distinct_on(_fees.merchant_id)).order_by(_fees.merchant_id, _fees.version.desc())
)


async def load_plans(connection: AsyncConnection) -> tuple[Plans, int]:
    """
    Return every plan and fee in force, and the version of ``plans`` in ``reference_versions`` (0: none was made).

    The version is read first: what is decided on these plans is then never older than it says, so a change that
    comes between the two reads is noticed by whoever compares versions.
    """
    version: int | None = (await connection.execute(_VERSION)).scalar_one_or_none()
    plans = [plan_of(row) for row in await connection.execute(_NEWEST_PLANS)]
    fees = [fee_of(row) for row in await connection.execute(_NEWEST_FEES)]
    return Plans.of(plans=plans, fees=fees), version or 0


def plan_of(row: Row[Any]) -> PlanVersion:
    """Return a row of ``commission_plan_versions`` as a value."""
    return PlanVersion(**row._mapping)


def fee_of(row: Row[Any]) -> FeeVersion:
    """Return a row of ``fee_plan_versions`` as a value."""
    return FeeVersion(**row._mapping)
