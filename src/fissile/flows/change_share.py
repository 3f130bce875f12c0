"""A promoter pauses, resumes or withdraws a share."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import text, update

from fissile.domain.members.rules import require
from fissile.domain.shares.errors import NotYourShare, ShareRevoked, ShareUnknown
from fissile.domain.shares.model import Share, ShareState
from fissile.domain.shares.queries import share_by_id, share_of
from fissile.domain.shares.tables import shares
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_events
from fissile.kernel.ids import public_id

_NOTIFY = text("NOTIFY fissile_shares")


async def change_share(db: Database, *, share_id: UUID, state: ShareState, actor: Actor, at: datetime) -> Share:
    """
    Set the state of a share, as its promoter or an operator; the same state again changes nothing.

    :raises ShareUnknown: if there is none
    :raises NotYourShare: if it is somebody else's
    :raises ShareRevoked: if it was withdrawn, which is for ever
    """
    require(actor, {"promoter", "operator"})
    async with db.transaction() as connection:
        share = await share_by_id(connection, share_id=share_id, locked=True)
        if share is None:
            raise ShareUnknown(given=public_id("shr", share_id))
        if share.promoter_id != actor.member_id and "operator" not in actor.roles:
            raise NotYourShare()
        if share.state == state:
            return share
        if share.state == "revoked":
            raise ShareRevoked()
        changed = (
            update(shares)
            .where(shares.c.id == share_id)
            .values(state=state, version=shares.c.version + 1)
            .returning(*shares.c)
        )
        after = share_of((await connection.execute(changed)).mappings().one())
        happened = Event("share.changed", share_id, {"from": share.state, "to": state})
        await record_events(connection, happened=[happened], actor=actor, at=at)
        await connection.execute(_NOTIFY)
    return after
