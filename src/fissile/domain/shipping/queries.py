"""Reading terms."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.shipping.model import AllTerms, Terms, Zone
from fissile.domain.shipping.tables import shipping_terms
from fissile.infra.tables import reference_versions

# Terms share the version of plans and fees: an order that was decided on any of them is decided again.
_VERSION = select(reference_versions.c.version).where(reference_versions.c.name == "plans")
_terms = shipping_terms.c
_NEWEST = (
    select(shipping_terms).ext(distinct_on(_terms.merchant_id)).order_by(_terms.merchant_id, _terms.version.desc())
)


async def load_terms(connection: AsyncConnection) -> tuple[AllTerms, int]:
    """Return every merchant's newest terms and the version of ``plans``, which is read first (as ``load_plans``)."""
    version: int | None = (await connection.execute(_VERSION)).scalar_one_or_none()
    found = [terms_of(row) for row in await connection.execute(_NEWEST)]
    return AllTerms({one.merchant_id: one for one in found}), version or 0


async def terms_for(connection: AsyncConnection, *, merchant_id: UUID) -> Terms | None:
    """Return the newest terms of one merchant."""
    row = (await connection.execute(_NEWEST.where(_terms.merchant_id == merchant_id))).first()
    return None if row is None else terms_of(row)


def terms_of(row: Row[Any]) -> Terms:
    """Return a row of ``shipping_terms`` as a value."""
    fields = dict(row._mapping)
    zones = tuple(Zone(**{**one, "regions": tuple(one["regions"])}) for one in fields.pop("zones"))
    return Terms(zones=zones, **fields)


def zone_row(zone: Zone) -> dict[str, Any]:
    """Return a zone as it is stored."""
    return {**asdict(zone), "regions": list(zone.regions)}
