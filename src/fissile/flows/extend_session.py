"""A session in use lasts on: thirty days from now, written at most once a day."""

from __future__ import annotations

from datetime import datetime

from fissile.domain.members import operations
from fissile.infra.database import Database


async def extend_session(db: Database, *, session_token: str, at: datetime) -> bool:
    """
    Lengthen the session of a cookie; say if it was written, and so whether the cookie is to be set again.

    The edge calls it where ``SessionActor.extend_due``; of calls at once, one writes. It is no change of state and
    makes no event.
    """
    async with db.transaction() as connection:
        return await operations.lengthen_session(connection, session_token=session_token, at=at)
