"""Members with their roles, and the log of administrative acts."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.views.reading import row, rows

PAGE = 40

_MEMBER = """
SELECT mb.id, mb.state, mb.created_at, who.display_name, login.email, granted.roles
  FROM members mb
  LEFT JOIN member_profiles who ON who.member_id = mb.id
  LEFT JOIN member_logins login ON login.member_id = mb.id
  LEFT JOIN LATERAL (
    SELECT coalesce(jsonb_agg(jsonb_build_object('role', r.role, 'merchant', m.name, 'merchant_id', m.id)
                              ORDER BY r.role), '[]') AS roles
      FROM member_roles r LEFT JOIN merchants m ON m.id = r.merchant_id WHERE r.member_id = mb.id
  ) granted ON true
"""
_MEMBERS = text(
    _MEMBER
    + """
 WHERE (CAST(:words AS text) = '' OR position(lower(CAST(:words AS text)) IN lower(who.display_name)) > 0
        OR position(lower(CAST(:words AS text)) IN login.email) > 0)
   AND (CAST(:role AS text) IS NULL OR EXISTS (
          SELECT FROM member_roles r WHERE r.member_id = mb.id AND r.role = CAST(:role AS text)))
   AND (CAST(:before AS uuid) IS NULL OR (mb.created_at, mb.id) <
        (SELECT b.created_at, b.id FROM members b WHERE b.id = CAST(:before AS uuid)))
 ORDER BY mb.created_at DESC, mb.id DESC LIMIT :limit
"""
).columns(roles=JSONB)
_ONE = text(_MEMBER + " WHERE mb.id = :member").columns(roles=JSONB)
_ACTS = text("""
SELECT l.id, l.actor_id, l.actor_name, l.act, l.subject, l.detail, l.occurred_at, who.display_name
  FROM audit_log l LEFT JOIN member_profiles who ON who.member_id = l.actor_id
 WHERE CAST(:before AS uuid) IS NULL OR (l.occurred_at, l.id) <
       (SELECT b.occurred_at, b.id FROM audit_log b WHERE b.id = CAST(:before AS uuid))
 ORDER BY l.occurred_at DESC, l.id DESC LIMIT :limit
""").columns(detail=JSONB)


async def members(
    connection: AsyncConnection, *, words: str, role: str | None, before: UUID | None, limit: int = PAGE
) -> list[RowMapping]:
    """Return one page of members, newest first, whose name or address holds ``words``, with their roles."""
    return await rows(connection, _MEMBERS, words=words, role=role, before=before, limit=limit)


async def member(connection: AsyncConnection, *, member_id: UUID) -> RowMapping | None:
    """Return one member with the roles."""
    return await row(connection, _ONE, member=member_id)


async def acts(connection: AsyncConnection, *, before: UUID | None, limit: int = PAGE) -> list[RowMapping]:
    """Return one page of the audit log, newest first."""
    return await rows(connection, _ACTS, before=before, limit=limit)
