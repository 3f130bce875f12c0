"""Reading notices for pages."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

PAGE = 30
_INBOX = text("""
SELECT id, kind, subject_id, data, owed_at, read_at FROM notices
 WHERE member_id = :member_id AND (CAST(:before AS uuid) IS NULL OR id < :before) ORDER BY id DESC LIMIT :most
""")
_MAILS = text("""
SELECT n.id, n.kind, n.owed_at, m.address, m.state, m.attempts, m.unknowns, m.reply
  FROM notice_mails m JOIN notices n ON n.id = m.notice_id
 WHERE (CAST(:before AS uuid) IS NULL OR n.id < :before) ORDER BY n.id DESC LIMIT :most
""")


async def inbox(
    connection: AsyncConnection, *, member_id: UUID, before: UUID | None, limit: int
) -> Sequence[RowMapping]:
    """Return a member's notices, the newest first."""
    values = {"member_id": member_id, "before": before, "most": limit}
    return (await connection.execute(_INBOX, values)).mappings().all()


async def mails(connection: AsyncConnection, *, before: UUID | None, limit: int) -> Sequence[RowMapping]:
    """Return mails with how they went, the newest first; never their text, which may hold a link that opens."""
    return (await connection.execute(_MAILS, {"before": before, "most": limit})).mappings().all()
