"""A member leaves: the session of the cookie ends."""

from __future__ import annotations

from datetime import datetime

from fissile.domain.members import operations
from fissile.domain.members.model import member_actor
from fissile.infra.database import Database
from fissile.infra.events import Event, record_events


async def sign_out(db: Database, *, session_token: str, at: datetime) -> bool:
    """End the session of a cookie; whoever has the cookie may. Say if there was one."""
    async with db.transaction() as connection:
        member_id = await operations.close_session(connection, session_token=session_token)
        if member_id is None:
            return False
        await record_events(
            connection,
            happened=[Event("session.closed", member_id, {"why": "signed_out"})],
            actor=member_actor(member_id=member_id),
            at=at,
        )
    return True
