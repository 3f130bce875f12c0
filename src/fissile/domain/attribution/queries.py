"""Reading the touches of a buyer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

import asyncpg

from fissile.domain.attribution.model import Touch

# The member's other visitor cookies count as his; the newest 200 visits are enough to find the last 50 shares.
# A promoter who signs out, or in as somebody else, still buys with the promoter's own cookie.
_TOUCHES = """
SELECT asked.visitor_id, asked.member_id, touch.share_id, touch.promoter_id, touch.touched_at,
       EXISTS (SELECT FROM visitor_members m
                WHERE m.visitor_id = asked.visitor_id AND m.member_id = touch.promoter_id) AS own
  FROM unnest($1::uuid[], $2::uuid[]) AS asked (visitor_id, member_id)
  CROSS JOIN LATERAL (
    SELECT v.share_id, s.promoter_id, max(v.last_at) AS touched_at
      FROM (SELECT share_id, last_at FROM visits
             WHERE visitor_id = ANY (
                     asked.visitor_id || ARRAY(SELECT m.visitor_id FROM visitor_members m
                                                WHERE m.member_id = asked.member_id))
             ORDER BY last_at DESC LIMIT 200) v
      JOIN shares s ON s.id = v.share_id
     GROUP BY v.share_id, s.promoter_id
  ) touch
"""


class TouchKey(NamedTuple):
    """Whose touches: the cookie at hand and, if known, the member behind it."""

    visitor_id: UUID
    member_id: UUID | None


async def touches_of(connection: asyncpg.Connection, keys: Sequence[TouchKey]) -> Mapping[TouchKey, list[Touch]]:
    """Return the latest touches of each buyer, one a share."""
    found: dict[TouchKey, list[Touch]] = {}
    rows = await connection.fetch(_TOUCHES, [key.visitor_id for key in keys], [key.member_id for key in keys])
    for visitor_id, member_id, share_id, promoter_id, touched_at, own in rows:
        touch = Touch(share_id, promoter_id, touched_at, own=own)
        found.setdefault(TouchKey(visitor_id, member_id), []).append(touch)
    return found
