"""A member opens the link that proves the e-mail address."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fissile.domain.members.model import member_actor
from fissile.domain.notices.errors import LinkSpent
from fissile.domain.notices.operations import use_proof
from fissile.infra.database import Database
from fissile.infra.events import Event, record_events


async def confirm_email(db: Database, *, proof_id: UUID, at: datetime) -> None:
    """
    Spend the link; the edge has checked its signature.

    :raises LinkSpent: if it was used, is too old, or another one was asked for since
    """
    async with db.transaction() as connection:
        proved = await use_proof(connection, proof_id=proof_id, purpose="email", at=at)
        if proved is None:
            raise LinkSpent
        actor = member_actor(member_id=proved[0])
        await record_events(connection, happened=[Event("member.email_proved", proved[0], {})], actor=actor, at=at)
