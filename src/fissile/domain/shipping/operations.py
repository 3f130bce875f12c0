"""Writing terms."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.shipping.errors import TermsChangedMeanwhile
from fissile.domain.shipping.model import Terms, Zone
from fissile.domain.shipping.queries import zone_row
from fissile.domain.shipping.tables import shipping_terms
from fissile.infra.tables import reference_versions

_NOTIFY = text("SELECT pg_notify('fissile_plans', '')")


async def add_terms(
    connection: AsyncConnection,
    *,
    terms_id: UUID,
    merchant_id: UUID,
    zones: Sequence[Zone],
    after_sale_days: int | None,
    made_by: UUID | None,
    at: datetime,
) -> Terms:
    """
    Write the next version of a merchant's terms, and tell every process that its decisions are old.

    :raises TermsChangedMeanwhile: if somebody else wrote that version in this very moment
    """
    newest = select(func.coalesce(func.max(shipping_terms.c.version), 0)).where(
        shipping_terms.c.merchant_id == merchant_id
    )
    version = int((await connection.execute(newest)).scalar_one()) + 1
    made = Terms(
        id=terms_id,
        merchant_id=merchant_id,
        version=version,
        zones=tuple(zones),
        after_sale_days=after_sale_days,
        made_by=made_by,
        valid_from=at,
    )
    try:
        await connection.execute(
            shipping_terms.insert(),
            {
                "id": terms_id,
                "merchant_id": merchant_id,
                "version": version,
                "zones": [zone_row(zone) for zone in zones],
                "after_sale_days": after_sale_days,
                "made_by": made_by,
                "valid_from": at,
            },
        )
    except IntegrityError as error:
        raise TermsChangedMeanwhile() from error
    bumped = insert(reference_versions).values(name="plans", version=1)
    await connection.execute(
        bumped.on_conflict_do_update(index_elements=["name"], set_={"version": reference_versions.c.version + 1})
    )
    await connection.execute(_NOTIFY)
    return made
