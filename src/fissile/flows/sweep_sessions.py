"""The clock's work: sessions whose time is over are deleted."""

from __future__ import annotations

from datetime import datetime

from fissile.domain.members import operations
from fissile.infra.database import Database
from fissile.infra.events import HOUSE, Event, record_events


async def sweep_sessions(db: Database, *, at: datetime, limit: int = 500) -> int:
    """Delete up to ``limit`` expired sessions, the oldest first, and return how many; the house calls it."""
    async with db.transaction() as connection:
        member_ids = await operations.close_expired_sessions(connection, at=at, limit=limit)
        await record_events(
            connection,
            happened=[Event("session.closed", one, {"why": "expired"}) for one in member_ids],
            actor=HOUSE,
            at=at,
        )
    return len(member_ids)
