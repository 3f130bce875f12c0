"""A program gets a key, for a member or for the shop."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from fissile.domain.members import operations, queries, rules
from fissile.domain.members.errors import MemberNotFound, RoleNotHeld
from fissile.domain.members.model import NewKey, key_text, new_token
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_act, record_events
from fissile.kernel.ids import Chance, new_id, public_id


async def new_api_key(
    db: Database,
    *,
    role: str,
    scopes: Collection[str] | None,
    name: str,
    member_id: UUID | None,
    actor: Actor,
    at: datetime,
    rng: Chance,
) -> NewKey:
    """
    Make an API key with one role; its text is in the answer and nowhere else.

    A member calls it for themself, an operator for the shop (``member_id`` None), the house for anyone.
    ``scopes`` None are all of the role.

    :raises UnknownRole, KeyNeedsMember, RoleNotAllowed: if there is no such role, or the actor may not make the key
    :raises NoScopes, UnknownScope, BadKeyName: if scopes or name will not do
    :raises MemberNotFound, RoleNotHeld: if there is no such member, or they have not that role
    """
    rules.check_key(actor=actor, role=role, member_id=member_id)
    granted = rules.key_scopes(role=role, asked=scopes)
    name = rules.normal_key_name(name=name)
    key_id = new_id(at=at, rng=rng)
    secret = new_token(rng=rng)
    async with db.transaction() as connection:
        if member_id is not None:
            held = await queries.roles_of(connection, member_id=member_id)
            if held is None:
                raise MemberNotFound(member=rules.member_name(member_id))
            if role not in held:
                raise RoleNotHeld(member=rules.member_name(member_id), role=role)
        await operations.add_key(
            connection,
            key_id=key_id,
            role=role,
            scopes=granted,
            member_id=member_id,
            secret=secret,
            name=name,
            at=at,
        )
        await record_act(
            connection,
            act="new_api_key",
            subject=public_id("key", key_id),
            detail={
                "role": role,
                "scopes": list(granted),
                "member_id": None if member_id is None else str(member_id),
            },
            actor=actor,
            at=at,
            rng=rng,
        )
        made = Event("api_key.made", key_id, {"member_id": None if member_id is None else str(member_id), "role": role})
        await record_events(connection, happened=[made], actor=actor, at=at)
    return NewKey(id=key_id, text=key_text(key_id=key_id, secret=secret))
