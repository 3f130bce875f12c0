"""Writes of policies, always a next version; and the end of a binding."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Row, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.attribution.errors import BindingNotFound, PolicyChangedMeanwhile
from fissile.domain.attribution.model import PolicyVersion
from fissile.domain.attribution.queries import policy_of
from fissile.domain.attribution.tables import attribution_policy_versions, buyer_bindings
from fissile.infra.tables import reference_versions

CHANNEL = "fissile_attribution"  # who keeps policies in memory listens here


async def add_policy_version(
    connection: AsyncConnection,
    *,
    policy_id: UUID,
    merchant_id: UUID | None,
    model: str,
    window_days: int,
    level: str,
    binding: str,
    self_purchase: bool,
    state: str,
    made_by: UUID | None,
    at: datetime,
) -> PolicyVersion:
    """
    Write the next version of a merchant's policy, or of everyone's (None).

    :raises PolicyChangedMeanwhile: if another transaction wrote that version first
    """
    columns = attribution_policy_versions.c
    newest = (
        select(func.coalesce(func.max(columns.version), 0) + 1)
        .where(columns.merchant_id.is_not_distinct_from(merchant_id))
        .scalar_subquery()
    )
    # Of two that computed the same number, the later waits at the unique index and finds it taken.
    added = await connection.execute(
        insert(attribution_policy_versions)
        .values(
            id=policy_id,
            merchant_id=merchant_id,
            version=newest,
            model=model,
            window_days=window_days,
            level=level,
            binding=binding,
            self_purchase=self_purchase,
            state=state,
            made_by=made_by,
            valid_from=at,
        )
        .on_conflict_do_nothing()
        .returning(attribution_policy_versions)
    )
    row = added.one_or_none()
    if row is None:
        raise PolicyChangedMeanwhile()
    return policy_of(row)


async def bump_policies(connection: AsyncConnection) -> int:
    """Count a change of policies, tell who listens (after commit), and return the new version."""
    counted = await connection.execute(
        insert(reference_versions)
        .values(name="attribution", version=1)
        .on_conflict_do_update(index_elements=["name"], set_={"version": reference_versions.c.version + 1})
        .returning(reference_versions.c.version)
    )
    version: int = counted.scalar_one()
    await connection.execute(
        text("SELECT pg_notify(:channel, :version)"), {"channel": CHANNEL, "version": str(version)}
    )
    return version


async def end_binding(
    connection: AsyncConnection, *, order_id: UUID, ended_by: UUID | None, reason: str, at: datetime
) -> Row[tuple[UUID, UUID]]:
    """
    End the binding that an order made; return its buyer and promoter.

    :raises BindingNotFound: if there is none, or it has ended
    """
    ended = await connection.execute(
        update(buyer_bindings)
        .where(buyer_bindings.c.order_id == order_id, buyer_bindings.c.ended_at.is_(None))
        .values(ended_at=at, ended_by=ended_by, end_reason=reason)
        .returning(buyer_bindings.c.member_id, buyer_bindings.c.promoter_id)
    )
    row = ended.one_or_none()
    if row is None:
        raise BindingNotFound()
    return row
