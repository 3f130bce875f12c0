"""Who invited whom: a promoter's one invitation, and the inviter that is set once. Nothing is paid for inviting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg
from sqlalchemy import bindparam, exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.members.errors import InvitationCycle, InviterSetAlready
from fissile.domain.members.rules import member_name
from fissile.domain.members.tables import member_roles, members, promoter_invitations, promoter_inviters

_INVITERS = """
SELECT x.id, i.inviter_id FROM unnest($1::uuid[]) AS x (id) LEFT JOIN promoter_inviters i ON i.member_id = x.id
"""
_BY_ID = select(promoter_invitations.c.promoter_id).where(promoter_invitations.c.id == bindparam("invitation_id"))
_OF_PROMOTER = select(promoter_invitations.c.id).where(promoter_invitations.c.promoter_id == bindparam("promoter_id"))
_IS_PROMOTER = select(
    exists().where(
        members.c.id == bindparam("member_id"),
        members.c.state == "active",
        member_roles.c.member_id == members.c.id,
        member_roles.c.role == "promoter",
    )
)


class Inviter(NamedTuple):
    """Who invited a promoter; None: nobody."""

    id: UUID | None


async def inviters_of(connection: asyncpg.Connection, promoter_ids: Sequence[UUID]) -> Mapping[UUID, Inviter]:
    """Return who invited each of these promoters."""
    return {row["id"]: Inviter(row["inviter_id"]) for row in await connection.fetch(_INVITERS, promoter_ids)}


async def inviter_by_invitation(connection: AsyncConnection, *, invitation_id: UUID) -> UUID | None:
    """Return whose invitation this is."""
    found: UUID | None = (await connection.execute(_BY_ID, {"invitation_id": invitation_id})).scalar_one_or_none()
    return found


async def invitation_of(connection: AsyncConnection, *, promoter_id: UUID) -> UUID | None:
    """Return a promoter's invitation."""
    found: UUID | None = (await connection.execute(_OF_PROMOTER, {"promoter_id": promoter_id})).scalar_one_or_none()
    return found


async def add_invitation(connection: AsyncConnection, *, invitation_id: UUID, promoter_id: UUID, at: datetime) -> bool:
    """Write a promoter's invitation and say if there was none before."""
    made = insert(promoter_invitations).values(id=invitation_id, promoter_id=promoter_id, made_at=at)
    written = await connection.execute(made.on_conflict_do_nothing().returning(promoter_invitations.c.id))
    return written.first() is not None


async def is_promoter(connection: AsyncConnection, *, member_id: UUID) -> bool:
    """Say if this is an active member with the role promoter."""
    return bool((await connection.execute(_IS_PROMOTER, {"member_id": member_id})).scalar_one())


async def add_inviter(
    connection: AsyncConnection, *, member_id: UUID, inviter_id: UUID, decided_by: UUID | None, at: datetime
) -> None:
    """
    Write who invited a promoter; ``decided_by`` is the operator, None if it was by invitation.

    :raises InviterSetAlready: if it was set before; an inviter is set once
    :raises InvitationCycle: if the inviter stands below the promoter in the tree
    """
    values = {
        "member_id": member_id,
        "inviter_id": inviter_id,
        "via": "invitation" if decided_by is None else "operator",
        "decided_by": decided_by,
        "invited_at": at,
    }
    made = insert(promoter_inviters).values(values).on_conflict_do_nothing(index_elements=["member_id"])
    try:
        written = await connection.execute(made.returning(promoter_inviters.c.member_id))
    except DBAPIError as error:
        # A trigger holds it, for the flow cannot see what another one is writing at this moment.
        if getattr(error.orig, "sqlstate", None) == "FS423" or "promoter_inviters_self_check" in str(error.orig):
            raise InvitationCycle(inviter=member_name(inviter_id), member=member_name(member_id)) from error
        raise
    if written.first() is None:
        raise InviterSetAlready(member=member_name(member_id))
