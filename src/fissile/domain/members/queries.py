"""Reads of members: who stands behind a cookie or a key, each in one statement."""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.members.model import (
    KEY_PREFIX,
    SESSION_EXTEND_AFTER,
    SESSION_LIFE,
    KeyActor,
    KeyOwner,
    Login,
    SessionActor,
    member_actor,
    split_key_text,
    token_hash,
)
from fissile.domain.members.tables import (
    api_keys,
    member_logins,
    member_profiles,
    member_roles,
    members,
    sessions,
)
from fissile.infra.events import Actor
from fissile.kernel.ids import UnknownId, parse_public_id, public_id


async def session_actor(connection: AsyncConnection, *, session_token: str, at: datetime) -> SessionActor | None:
    """Return who the cookie belongs to; None if it is unknown or expired, or the member is closed."""
    found = await connection.execute(
        select(
            sessions.c.member_id,
            sessions.c.form_secret,
            sessions.c.expires_at,
            member_profiles.c.display_name,
            member_profiles.c.locale,
            _gathered(member_roles.c.role),
            _gathered(member_roles.c.merchant_id),
        )
        .select_from(
            sessions.join(members, members.c.id == sessions.c.member_id)
            .join(member_profiles, member_profiles.c.member_id == sessions.c.member_id)
            .outerjoin(member_roles, member_roles.c.member_id == sessions.c.member_id)
        )
        .where(
            sessions.c.token_hash == token_hash(token=session_token),
            sessions.c.expires_at > at,
            members.c.state == "active",
        )
        .group_by(sessions.c.token_hash, member_profiles.c.member_id)
    )
    row = found.one_or_none()
    if row is None:
        return None
    member_id, form_secret, expires_at, display_name, locale, roles, merchant_ids = row
    return SessionActor(
        actor=member_actor(
            member_id=member_id, roles=frozenset(roles or ()), merchant_ids=frozenset(merchant_ids or ())
        ),
        display_name=display_name,
        locale=locale,
        form_secret=form_secret,
        extend_due=expires_at <= at + SESSION_LIFE - SESSION_EXTEND_AFTER,
    )


async def key_actor(connection: AsyncConnection, *, key_text: str, at: datetime) -> KeyActor | None:
    """
    Return who an API key acts for, with the key's one role.

    None if the key is unknown, its secret is wrong, it was revoked at that moment, or its member is closed or
    no longer has the role.
    """
    if (parts := split_key_text(text=key_text)) is None:
        return None
    try:
        key_id = parse_public_id(KEY_PREFIX, parts[0])
    except UnknownId:  # for a guest no reason is given
        return None
    found = await connection.execute(
        select(
            api_keys.c.secret_hash,
            api_keys.c.role,
            api_keys.c.scopes,
            api_keys.c.member_id,
            member_roles.c.merchant_id,
        )
        .select_from(
            api_keys.outerjoin(members, members.c.id == api_keys.c.member_id).outerjoin(
                member_roles,
                and_(
                    member_roles.c.member_id == api_keys.c.member_id,
                    member_roles.c.role == api_keys.c.role,
                ),
            )
        )
        .where(
            api_keys.c.id == key_id,
            or_(api_keys.c.revoked_at.is_(None), api_keys.c.revoked_at > at),
            or_(
                api_keys.c.member_id.is_(None),
                and_(members.c.state == "active", member_roles.c.role.is_not(None)),
            ),
        )
    )
    row = found.one_or_none()
    if row is None or not hmac.compare_digest(row.secret_hash, token_hash(token=parts[1])):
        return None
    actor = Actor(
        member_id=row.member_id,
        name=public_id("key", key_id),
        roles=frozenset({row.role}),
        merchant_ids=frozenset() if row.merchant_id is None else frozenset({row.merchant_id}),
    )
    return KeyActor(actor=actor, scopes=frozenset(row.scopes), key_id=key_id)


async def login_of_email(connection: AsyncConnection, *, email: str) -> Login | None:
    """Return the login of an address as :func:`rules.normal_email` writes it; None if nobody has it."""
    return await _login(connection, member_logins.c.email == email)


async def locked_login(connection: AsyncConnection, *, member_id: UUID) -> Login | None:
    """Return a member's login and keep it from changing until the transaction ends."""
    return await _login(connection, member_logins.c.member_id == member_id, lock=True)


async def roles_of(connection: AsyncConnection, *, member_id: UUID) -> frozenset[str] | None:
    """Return the roles of an active member; None if there is no such member or the member is closed."""
    found = await connection.execute(
        select(members.c.id, _gathered(member_roles.c.role))
        .select_from(members.outerjoin(member_roles, member_roles.c.member_id == members.c.id))
        .where(members.c.id == member_id, members.c.state == "active")
        .group_by(members.c.id)
    )
    row = found.one_or_none()
    return None if row is None else frozenset(row[1] or ())


async def words_of(connection: AsyncConnection, *, member_id: UUID) -> tuple[str, str]:
    """Return a member's e-mail address and display name; empty where they were erased."""
    found = await connection.execute(
        select(func.coalesce(member_logins.c.email, ""), func.coalesce(member_profiles.c.display_name, ""))
        .select_from(
            members.outerjoin(member_logins, member_logins.c.member_id == members.c.id).outerjoin(
                member_profiles, member_profiles.c.member_id == members.c.id
            )
        )
        .where(members.c.id == member_id)
    )
    email, display_name = found.one()
    return email, display_name


async def key_owner(connection: AsyncConnection, *, key_id: UUID) -> KeyOwner | None:
    """Return whose key it is; None if there is no such key."""
    found = await connection.execute(select(api_keys.c.id, api_keys.c.member_id).where(api_keys.c.id == key_id))
    row = found.one_or_none()
    return None if row is None else KeyOwner(key_id=row.id, member_id=row.member_id)


async def _login(connection: AsyncConnection, condition: ColumnElement[bool], *, lock: bool = False) -> Login | None:
    wanted = (
        select(member_logins.c.member_id, member_logins.c.password_hash, members.c.state)
        .select_from(member_logins.join(members, members.c.id == member_logins.c.member_id))
        .where(condition)
    )
    if lock:
        wanted = wanted.with_for_update(of=member_logins)
    row = (await connection.execute(wanted)).one_or_none()
    return None if row is None else Login(*row)


def _gathered(column: Column[Any]) -> ColumnElement[Any]:
    """Return the column's values of a group as one array, without nulls."""
    return func.array_agg(column).filter(column.is_not(None))
