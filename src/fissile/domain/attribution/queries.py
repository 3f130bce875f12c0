"""Reading policies, bindings, and the touches of a buyer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
from sqlalchemy import Row, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.attribution.model import BuyerBinding, Policies, PolicyVersion, Touch
from fissile.domain.attribution.tables import attribution_policy_versions
from fissile.infra.tables import reference_versions

VISITS_READ = 5_000
"""Of a buyer with more visits than this, the newest are judged: only programs open so many shares."""

# The member's other visitor cookies count as his. A promoter who signs out, or in as somebody else, still buys with
# the promoter's own cookie.
_TOUCHES = f"""
SELECT asked.n, v.share_id, s.promoter_id, v.last_at, v.first_at,
       CASE WHEN s.target_kind = 'product' THEN s.target_id END AS product_id,
       CASE s.target_kind WHEN 'shop' THEN s.target_id ELSE p.merchant_id END AS merchant_id,
       true AS open, m.state = 'active' AS promoter_open, s.promoter_id = ANY (tied.members) AS own
  FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS asked (visitor_id, member_id, n)
  CROSS JOIN LATERAL (
    SELECT ARRAY(SELECT t.member_id FROM visitor_members t WHERE t.visitor_id = asked.visitor_id) AS members
  ) tied
  CROSS JOIN LATERAL (
    SELECT share_id, first_at, last_at FROM visits
     WHERE visitor_id = ANY (
             asked.visitor_id || ARRAY(SELECT t.visitor_id FROM visitor_members t
                                        WHERE t.member_id = asked.member_id))
     ORDER BY last_at DESC LIMIT {VISITS_READ}
  ) v
  JOIN shares s ON s.id = v.share_id
  JOIN members m ON m.id = s.promoter_id
  LEFT JOIN products p ON s.target_kind = 'product' AND p.id = s.target_id
"""
_BINDINGS = """
SELECT b.order_id, b.member_id, b.promoter_id, b.share_id, m.state = 'active' AS promoter_open
  FROM buyer_bindings b JOIN members m ON m.id = b.promoter_id
 WHERE b.member_id = ANY ($1::uuid[]) AND b.ended_at IS NULL
"""
_VERSION = select(reference_versions.c.version).where(reference_versions.c.name == "attribution")
_policies = attribution_policy_versions.c
_NEWEST = (
    select(attribution_policy_versions)
    .ext(distinct_on(_policies.merchant_id))
    .order_by(_policies.merchant_id, _policies.version.desc())
)


class TouchKey(NamedTuple):
    """Whose touches: the cookie at hand and, if known, the member behind it."""

    visitor_id: UUID
    member_id: UUID | None


async def touches_of(connection: asyncpg.Connection, keys: Sequence[TouchKey]) -> Mapping[TouchKey, list[Touch]]:
    """Return the touches of each buyer, one a visit, as many as :data:`VISITS_READ` of the newest."""
    found: dict[TouchKey, list[Touch]] = {}
    rows = await connection.fetch(_TOUCHES, [key.visitor_id for key in keys], [key.member_id for key in keys])
    for number, *touch in rows:
        found.setdefault(keys[number - 1], []).append(Touch(*touch))
    return found


async def bindings_of(connection: asyncpg.Connection, member_ids: Sequence[UUID]) -> Mapping[UUID, BuyerBinding]:
    """Return the binding of each of these buyers who has one now."""
    return {row["member_id"]: BuyerBinding(**row) for row in await connection.fetch(_BINDINGS, member_ids)}


async def load_policies(connection: AsyncConnection) -> tuple[Policies, int]:
    """
    Return every policy in force, and the version of ``attribution`` in ``reference_versions`` (0: none was made).

    The version is read first, as for plans: what is decided on these policies is never older than it says.
    """
    version: int | None = (await connection.execute(_VERSION)).scalar_one_or_none()
    return Policies.of([policy_of(row) for row in await connection.execute(_NEWEST)]), version or 0


def policy_of(row: Row[Any]) -> PolicyVersion:
    """Return a row of ``attribution_policy_versions`` as a value."""
    return PolicyVersion(**row._mapping)
