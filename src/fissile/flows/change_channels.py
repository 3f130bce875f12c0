"""A promoter changes many accounts and communities at once."""

from __future__ import annotations

from datetime import datetime

from fissile.domain.channels.errors import NoChangeChosen, NothingSelected
from fissile.domain.channels.model import BulkChange, Filter, Stamp
from fissile.domain.channels.operations import change_many
from fissile.domain.members.rules import require
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_events


async def change_channels(
    db: Database, *, chosen: Filter, change: BulkChange, seen: Stamp, actor: Actor, at: datetime
) -> int:
    """
    Change all of the promoter's channels that are chosen, in one transaction; return how many were changed.

    ``seen`` is what the preview showed (:func:`fissile.domain.channels.queries.stamp_of`).

    :raises RoleNotAllowed: if the actor is no promoter
    :raises NoChangeChosen, NothingSelected: if there is nothing to do
    :raises SelectionChanged: if other rows, or other versions of them, are chosen than were seen
    :raises NameEmptied: if a name would be left empty
    """
    require(actor, {"promoter"})
    assert actor.member_id is not None, "a promoter is a member"
    if change.empty:
        raise NoChangeChosen()
    if not seen.count:
        raise NothingSelected()
    async with db.transaction() as connection:
        changed, moved = await change_many(
            connection, promoter_id=actor.member_id, chosen=chosen, change=change, seen=seen, at=at
        )
        if changed:
            data = {"accounts": 0, "communities": 0, "versions": moved.versions, "states": moved.states}
            happened = Event("channels.changed", actor.member_id, data)
            await record_events(connection, happened=[happened], actor=actor, at=at)
    return changed
