"""Writes of notices and their mails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.notices.model import CLAIM, PROOF_LIFE, Notice, OwedMail, Tried
from fissile.domain.notices.rules import good_address, next_try
from fissile.domain.notices.tables import member_proofs, notice_mails, notices
from fissile.infra.events import HOUSE, Event, record_events
from fissile.kernel.ids import Chance, new_id

_NO_ADDRESS = "This is not an e-mail address."
_REACH = text("""
SELECT coalesce(l.email, '') AS email, coalesce(p.locale, 'en') AS locale
  FROM members m LEFT JOIN member_logins l ON l.member_id = m.id LEFT JOIN member_profiles p ON p.member_id = m.id
 WHERE m.id = :member_id
""")
_CLAIM_MAILS = text("""
UPDATE notice_mails m
   SET state = 'sending', claimed_at = :at, attempts = attempts + 1,
       unknowns = unknowns + CASE WHEN m.state = 'sending' THEN 1 ELSE 0 END
  FROM (SELECT notice_id FROM notice_mails
         WHERE state IN ('owed', 'sending') AND due_at <= :at
           AND (state = 'owed' OR claimed_at <= :stale)
         ORDER BY due_at LIMIT :most FOR UPDATE SKIP LOCKED) due
  JOIN notices n ON n.id = due.notice_id
 WHERE m.notice_id = due.notice_id
RETURNING m.notice_id, n.kind, n.subject_id, n.data, m.address, m.locale, m.attempts, n.owed_at
""")
_END = text("""
UPDATE notice_mails
   SET state = :state, claimed_at = NULL, due_at = :due_at, ended_at = :ended_at, reply = :reply,
       unknowns = unknowns + :unknown
 WHERE notice_id = :notice_id AND state = 'sending' AND attempts = :attempts
""")
_USE_PROOF = text("""
UPDATE member_proofs SET used_at = :at
 WHERE id = :id AND purpose = :purpose AND used_at IS NULL AND expires_at > :at
RETURNING member_id, email
""")
_END_PROOFS = text("""
UPDATE member_proofs SET used_at = :at WHERE member_id = :member_id AND purpose = :purpose AND used_at IS NULL
""")
_READ = text("""
UPDATE notices SET read_at = :at WHERE member_id = :member_id AND read_at IS NULL AND id <= :newest RETURNING id
""")


async def owe_notice(
    connection: AsyncConnection,
    *,
    kind: str,
    key: str,
    at: datetime,
    rng: Chance,
    member_id: UUID | None = None,
    address: str = "",
    locale: str = "en",
    subject_id: UUID | None = None,
    data: Mapping[str, Any] | None = None,
    mailed: bool = True,
) -> bool:
    """
    Owe a notice in the transaction of what happened; say if its key was new.

    A member is told in the inbox and, unless ``mailed`` is false, at the address and in the language that the member
    has; a guest (no ``member_id``) at ``address`` in ``locale``. ``data`` fills the words of its kind: ids, counts and
    amounts. What is owed is sent by the worker.
    """
    if member_id is not None:
        reach = (await connection.execute(_REACH, {"member_id": member_id})).one()
        address, locale = address or reach.email, reach.locale
    notice = Notice(
        id=new_id(at=at, rng=rng),
        key=key,
        kind=kind,
        member_id=member_id,
        subject_id=subject_id,
        data=data or {},
        address=address if mailed else "",
        locale=locale,
    )
    return await owe_notices(connection, owed=[notice], at=at) == 1


async def owe_notices(connection: AsyncConnection, *, owed: Sequence[Notice], at: datetime) -> int:
    """Write notices and their mails; return how many of their keys were new. An address that is none is told so."""
    if not owed:
        return 0
    rows = [
        {
            "id": one.id,
            "key": one.key,
            "kind": one.kind,
            "member_id": one.member_id,
            "subject_id": one.subject_id,
            "data": dict(one.data),
            "owed_at": at,
        }
        for one in owed
    ]
    made = await connection.execute(
        insert(notices).values(rows).on_conflict_do_nothing(index_elements=["key"]).returning(notices.c.id)
    )
    new = set(made.scalars())
    fresh = [one for one in owed if one.id in new]
    mails = [_mail(one, at) for one in fresh if one.address]
    if mails:
        await connection.execute(insert(notice_mails), mails)
    happened = [Event("notice.owed", one.id, {"kind": one.kind}) for one in fresh]
    happened += [Event("notice.mail_refused", row["notice_id"], {}) for row in mails if row["state"] == "refused"]
    await record_events(connection, happened=happened, actor=HOUSE, at=at)
    return len(fresh)


def _mail(notice: Notice, at: datetime) -> dict[str, Any]:
    good = good_address(notice.address)
    return {
        "notice_id": notice.id,
        "address": good or notice.address[:320],
        "locale": notice.locale,
        "state": "owed" if good else "refused",
        "due_at": at,
        "ended_at": None if good else at,
        "reply": "" if good else _NO_ADDRESS,
    }


async def claim_mails(connection: AsyncConnection, *, at: datetime, limit: int) -> list[OwedMail]:
    """Claim mails that are due, and those whose claim is older than ``CLAIM``: their worker was killed."""
    values = {"at": at, "stale": at - CLAIM, "most": limit}
    return [OwedMail(**row) for row in (await connection.execute(_CLAIM_MAILS, values)).mappings()]


async def end_try(connection: AsyncConnection, *, mail: OwedMail, tried: Tried, at: datetime) -> str:
    """
    Write what became of a claimed mail and return its state: sent, refused, owed again, or given up.

    A claim that another worker has taken over meanwhile is left alone; the answer is then "lost".
    """
    due = next_try(attempts=mail.attempts, at=at)
    state = tried.outcome if tried.outcome in ("sent", "refused") else "owed" if due else "given_up"
    written = await connection.execute(
        _END,
        {
            "notice_id": mail.notice_id,
            "attempts": mail.attempts,
            "state": state,
            "due_at": due if due and state == "owed" else at,
            "ended_at": None if state == "owed" else at,
            "reply": tried.reply[:500],
            "unknown": int(tried.outcome == "unknown"),
        },
    )
    if written.rowcount != 1:
        return "lost"
    if state != "owed":
        if state == "sent":
            ended = Event("notice.mail_sent", mail.notice_id, {})
        elif state == "refused":
            ended = Event("notice.mail_refused", mail.notice_id, {})
        else:
            ended = Event("notice.mail_given_up", mail.notice_id, {})
        await record_events(connection, happened=[ended], actor=HOUSE, at=at)
    return state


async def read_notices(connection: AsyncConnection, *, member_id: UUID, newest: UUID, at: datetime) -> list[UUID]:
    """Mark what a member has seen, up to the ``newest`` shown; return which were unread."""
    found = await connection.execute(_READ, {"member_id": member_id, "newest": newest, "at": at})
    return list(found.scalars())


async def make_proof(
    connection: AsyncConnection, *, proof_id: UUID, member_id: UUID, purpose: str, email: str, at: datetime
) -> None:
    """Write what a link will prove; earlier links of the member for the same are spent."""
    await connection.execute(_END_PROOFS, {"member_id": member_id, "purpose": purpose, "at": at})
    await connection.execute(
        member_proofs.insert(),
        {
            "id": proof_id,
            "member_id": member_id,
            "purpose": purpose,
            "email": email,
            "made_at": at,
            "expires_at": at + PROOF_LIFE[purpose],
        },
    )


async def use_proof(
    connection: AsyncConnection, *, proof_id: UUID, purpose: str, at: datetime
) -> tuple[UUID, str] | None:
    """Spend a link and return whose it is and the address it proves; None if it is spent, old or unknown."""
    row = (await connection.execute(_USE_PROOF, {"id": proof_id, "purpose": purpose, "at": at})).first()
    return None if row is None else (row.member_id, row.email)
