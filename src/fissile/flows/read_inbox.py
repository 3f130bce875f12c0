"""A member has seen the inbox."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fissile.domain.notices.operations import read_notices
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_events


async def read_inbox(db: Database, *, actor: Actor, newest: UUID, at: datetime) -> None:
    """Mark the member's notices up to ``newest`` as read; each member calls it for their own."""
    assert actor.member_id is not None, "the page is for signed-in people"
    async with db.transaction() as connection:
        seen = await read_notices(connection, member_id=actor.member_id, newest=newest, at=at)
        happened = [Event("notice.read", one, {}) for one in seen]
        await record_events(connection, happened=happened, actor=actor, at=at)
