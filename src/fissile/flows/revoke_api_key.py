"""A program's key ends."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fissile.domain.members import operations, queries, rules
from fissile.domain.members.errors import KeyNotFound, RoleNotAllowed
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_act, record_events
from fissile.kernel.ids import Chance, public_id


async def revoke_api_key(db: Database, *, key_id: UUID, actor: Actor, at: datetime, rng: Chance) -> bool:
    """
    Revoke an API key and say if it was not revoked before; its member or an operator calls it.

    :raises KeyNotFound: if there is no such key, or it is not the actor's to know of
    """
    async with db.transaction() as connection:
        owner = await queries.key_owner(connection, key_id=key_id)
        if owner is None:
            raise KeyNotFound(key=public_id("key", key_id))
        try:
            rules.require_self(actor, owner.member_id, {"operator"})
        except RoleNotAllowed:  # a stranger is not told that there is such a key
            raise KeyNotFound(key=public_id("key", key_id)) from None
        if not await operations.end_key(connection, key_id=key_id, at=at):
            return False
        await record_act(
            connection,
            act="revoke_api_key",
            subject=public_id("key", key_id),
            detail={},
            actor=actor,
            at=at,
            rng=rng,
        )
        await record_events(connection, happened=[Event("api_key.revoked", key_id, {})], actor=actor, at=at)
    return True
