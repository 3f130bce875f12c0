"""Writes of members: each does its one statement or two, and says what changed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.members.errors import EmailTaken, StaffElsewhere
from fissile.domain.members.model import (
    SESSION_EXTEND_AFTER,
    SESSION_LIFE,
    SignedIn,
    new_token,
    token_hash,
)
from fissile.domain.members.tables import (
    api_keys,
    member_logins,
    member_profiles,
    member_roles,
    members,
    sessions,
    visitor_members,
)
from fissile.kernel.ids import Chance


async def add_member(
    connection: AsyncConnection,
    *,
    member_id: UUID,
    email: str,
    password_hash: str,
    display_name: str,
    locale: str,
    at: datetime,
) -> None:
    """
    Write a member, the profile and the login.

    :raises EmailTaken: if another member has the address; of several at once, one is not refused
    """
    await connection.execute(members.insert(), {"id": member_id, "state": "active", "created_at": at})
    # A second sign-up with this address waits here for the first one's commit.
    taken = await connection.execute(
        insert(member_logins)
        .values(member_id=member_id, email=email, password_hash=password_hash, changed_at=at)
        .on_conflict_do_nothing(index_elements=["email"])
        .returning(member_logins.c.member_id)
    )
    if taken.first() is None:
        raise EmailTaken
    await _add_profile(connection, member_id=member_id, display_name=display_name, locale=locale)


async def add_member_without_login(
    connection: AsyncConnection, *, member_id: UUID, display_name: str, locale: str, at: datetime
) -> None:
    """Write a member and the profile; nobody can sign in as it."""
    await connection.execute(members.insert(), {"id": member_id, "state": "active", "created_at": at})
    await _add_profile(connection, member_id=member_id, display_name=display_name, locale=locale)


async def _add_profile(connection: AsyncConnection, *, member_id: UUID, display_name: str, locale: str) -> None:
    await connection.execute(
        member_profiles.insert(), {"member_id": member_id, "display_name": display_name, "locale": locale}
    )


async def open_session(connection: AsyncConnection, *, member_id: UUID, at: datetime, rng: Chance) -> SignedIn:
    """Write a session of thirty days and return its token, which only the cookie will know."""
    opened = SignedIn(member_id=member_id, session_token=new_token(rng=rng), form_secret=new_token(rng=rng))
    await connection.execute(
        sessions.insert(),
        {
            "token_hash": token_hash(token=opened.session_token),
            "member_id": member_id,
            "form_secret": opened.form_secret,
            "created_at": at,
            "expires_at": at + SESSION_LIFE,
        },
    )
    return opened


async def lengthen_session(connection: AsyncConnection, *, session_token: str, at: datetime) -> bool:
    """Give a living session thirty days from now, unless that was done within a day; say if it was written."""
    written = await connection.execute(
        update(sessions)
        .where(
            sessions.c.token_hash == token_hash(token=session_token),
            sessions.c.expires_at > at,
            sessions.c.expires_at <= at + SESSION_LIFE - SESSION_EXTEND_AFTER,
        )
        .values(expires_at=at + SESSION_LIFE)
    )
    return written.rowcount == 1


async def close_session(connection: AsyncConnection, *, session_token: str) -> UUID | None:
    """Delete a session and return whose it was; None if there is none."""
    closed = await connection.execute(
        delete(sessions).where(sessions.c.token_hash == token_hash(token=session_token)).returning(sessions.c.member_id)
    )
    found: UUID | None = closed.scalar_one_or_none()
    return found


async def close_sessions_of(connection: AsyncConnection, *, member_id: UUID) -> int:
    """Delete every session of a member and return how many there were."""
    closed = await connection.execute(delete(sessions).where(sessions.c.member_id == member_id))
    return closed.rowcount


async def close_expired_sessions(connection: AsyncConnection, *, at: datetime, limit: int) -> list[UUID]:
    """Delete up to ``limit`` expired sessions and return whose they were, one entry a session."""
    # What another sweep or a sign-out holds is theirs.
    expired = (
        select(sessions.c.token_hash)
        .where(sessions.c.expires_at <= at)
        .order_by(sessions.c.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    closed = await connection.execute(
        delete(sessions).where(sessions.c.token_hash.in_(expired)).returning(sessions.c.member_id)
    )
    return list(closed.scalars())


async def tie_visitor(connection: AsyncConnection, *, visitor_id: UUID, member_id: UUID, at: datetime) -> bool:
    """Tie a visitor's cookie to the member; say if it was not tied before."""
    tied = await connection.execute(
        insert(visitor_members).values(visitor_id=visitor_id, member_id=member_id, tied_at=at).on_conflict_do_nothing()
    )
    return tied.rowcount == 1


async def add_role(
    connection: AsyncConnection, *, member_id: UUID, role: str, merchant_id: UUID | None, at: datetime
) -> bool:
    """
    Give a member a role; say if it was not held before.

    :raises StaffElsewhere: if the member is staff of another merchant
    """
    added = await connection.execute(
        insert(member_roles)
        .values(member_id=member_id, role=role, merchant_id=merchant_id, granted_at=at)
        .on_conflict_do_nothing()
    )
    if added.rowcount == 1:
        return True
    held = await connection.execute(
        select(member_roles.c.merchant_id).where(member_roles.c.member_id == member_id, member_roles.c.role == role)
    )
    if held.scalar_one_or_none() != merchant_id:
        raise StaffElsewhere
    return False


async def remove_role(connection: AsyncConnection, *, member_id: UUID, role: str, merchant_id: UUID | None) -> bool:
    """Take a role from a member; say if it was held."""
    removed = await connection.execute(
        delete(member_roles).where(
            member_roles.c.member_id == member_id,
            member_roles.c.role == role,
            member_roles.c.merchant_id.is_not_distinct_from(merchant_id),
        )
    )
    return removed.rowcount == 1


async def write_password(connection: AsyncConnection, *, member_id: UUID, password_hash: str, at: datetime) -> bool:
    """Replace the hash of a member's password; say if the member has a login."""
    written = await connection.execute(
        update(member_logins)
        .where(member_logins.c.member_id == member_id)
        .values(password_hash=password_hash, changed_at=at)
    )
    return written.rowcount == 1


async def add_key(
    connection: AsyncConnection,
    *,
    key_id: UUID,
    role: str,
    scopes: tuple[str, ...],
    member_id: UUID | None,
    secret: str,
    name: str,
    at: datetime,
) -> None:
    """Write an API key; of its secret only the hash."""
    await connection.execute(
        api_keys.insert(),
        {
            "id": key_id,
            "role": role,
            "scopes": list(scopes),
            "member_id": member_id,
            "secret_hash": token_hash(token=secret),
            "name": name,
            "created_at": at,
        },
    )


async def end_key(connection: AsyncConnection, *, key_id: UUID, at: datetime) -> bool:
    """Revoke an API key; say if it was not revoked before."""
    ended = await connection.execute(
        update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None)).values(revoked_at=at)
    )
    return ended.rowcount == 1
