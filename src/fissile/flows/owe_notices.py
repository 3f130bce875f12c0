"""
What happened to orders, commissions and payouts becomes notices: read off their events, each once.

The event is what is written in the transaction of what happened, and is what makes the notice owed; so the fast paths
pay nothing for it. A reader goes by transaction, never by position, for positions commit out of order
(docs/decisions/0014-mail.md): every transaction below ``low_tx`` was read. A mark taken earlier lets it skip old
positions: a transaction that began after the mark writes behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from fissile.domain.notices.model import MAILED_WITHIN, Notice
from fissile.domain.notices.operations import owe_notices as write_notices
from fissile.infra.database import Database
from fissile.kernel.ids import Chance, new_id

KINDS = {
    "order.placed": "order_placed",
    "order.paid": "order_paid",
    "payment.refused": "payment_returned",
    "order.shipped": "order_shipped",
    "order.refunded": "order_refunded",
    "order.partly_refunded": "order_partly_refunded",
    "commission.released": "commission_released",
    "payout.paid": "payout_paid",
}
_NAME = "notices"
_OPEN = text("INSERT INTO event_readers VALUES (:name, 0, 0, 0, 0) ON CONFLICT DO NOTHING")
_LOCK = text("SELECT * FROM event_readers WHERE name = :name FOR UPDATE")
_HORIZON = text("""
SELECT CAST(CAST(pg_snapshot_xmin(s) AS text) AS bigint) AS low, CAST(CAST(pg_snapshot_xmax(s) AS text) AS bigint)
       AS next, (SELECT coalesce(max(position), 0) FROM events) AS position
  FROM pg_current_snapshot() s
""")
_EVENTS = text("""
SELECT position, CAST(CAST(tx AS text) AS bigint) AS tx, name, subject_id, occurred_at, data FROM events
 WHERE position > :position AND name = ANY (CAST(:names AS text[]))
   AND tx >= CAST(CAST(:low AS text) AS xid8) AND tx < CAST(CAST(:high AS text) AS xid8)
 ORDER BY events.tx FETCH FIRST (CAST(:most AS bigint)) ROWS WITH TIES
""")
_SAVE = text("""
UPDATE event_readers SET low_tx = :low_tx, low_position = :low_position, mark_tx = :mark_tx,
       mark_position = :mark_position WHERE name = :name
""")
# (id, receiver, address, locale, data): whom an event of the subject is told to.
_ORDERS = text("""
SELECT o.id, o.id AS subject_id, o.member_id, coalesce(nullif(c.email, ''), l.email, '') AS address, p.locale,
       o.total_minor AS amount_minor, o.currency
  FROM orders o LEFT JOIN order_contacts c ON c.order_id = o.id
  LEFT JOIN member_logins l ON l.member_id = o.member_id LEFT JOIN member_profiles p ON p.member_id = o.member_id
 WHERE o.id = ANY (CAST(:ids AS uuid[]))
""")
# Many small ones: the inbox tells them, no mail does.
_COMMISSIONS = text("""
SELECT id, order_id AS subject_id, promoter_id AS member_id, '' AS address, NULL AS locale, amount_minor, currency
  FROM commissions WHERE id = ANY (CAST(:ids AS uuid[]))
""")
_PAYOUTS = text("""
SELECT i.batch_id AS id, i.id AS subject_id, i.payee_id AS member_id, coalesce(l.email, '') AS address, p.locale,
       i.amount_minor, i.currency
  FROM payout_items i LEFT JOIN member_logins l ON l.member_id = i.payee_id
  LEFT JOIN member_profiles p ON p.member_id = i.payee_id
 WHERE i.batch_id = ANY (CAST(:ids AS uuid[])) AND i.payee = 'promoter'
""")


async def owe_notices(db: Database, *, locale: str, at: datetime, rng: Chance, limit: int) -> int:
    """
    Read some ``limit`` events that are due, the last transaction whole, and owe what they tell; return how many.

    ``locale`` is the language of guests. What happened more than ``MAILED_WITHIN`` ago is not mailed. The house calls
    it; run at once, two take turns.
    """
    async with db.transaction() as connection:
        await connection.execute(_OPEN, {"name": _NAME})
        reader = (await connection.execute(_LOCK, {"name": _NAME})).one()
        now = (await connection.execute(_HORIZON)).one()
        asked = {
            "position": reader.low_position,
            "names": list(KINDS),
            "low": str(reader.low_tx),
            "high": str(now.low),
            "most": limit,
        }
        read = (await connection.execute(_EVENTS, asked)).mappings().all()
        owed = await _owed(connection, read, locale=locale, at=at, rng=rng)
        await write_notices(connection, owed=owed, at=at)
        # A set that was cut ends with a whole transaction.
        low = read[-1]["tx"] + 1 if len(read) >= limit else now.low
        passed = low >= reader.mark_tx
        values = {
            "name": _NAME,
            "low_tx": low,
            "low_position": reader.mark_position if passed else reader.low_position,
            "mark_tx": now.next if passed else reader.mark_tx,
            "mark_position": now.position if passed else reader.mark_position,
        }
        await connection.execute(_SAVE, values)
    return len(read)


async def _owed(
    connection: AsyncConnection, read: Sequence[RowMapping], *, locale: str, at: datetime, rng: Chance
) -> list[Notice]:
    told: dict[Any, list[RowMapping]] = {}
    for start, statement in (("", _ORDERS), ("commission.", _COMMISSIONS), ("payout.", _PAYOUTS)):
        starts = (start,) if start else ("order.", "payment.")
        ids = [event["subject_id"] for event in read if event["name"].startswith(starts)]
        for row in (await connection.execute(statement, {"ids": ids})).mappings() if ids else ():
            told.setdefault(row["id"], []).append(row)
    owed = []
    for event in read:
        for row in told.get(event["subject_id"], ()):
            amount = event["data"].get("amount", row["amount_minor"]) if row["id"] == row["subject_id"] else None
            owed.append(
                Notice(
                    id=new_id(at=at, rng=rng),
                    key=f"event:{event['position']}:{row['subject_id']}",
                    kind=KINDS[event["name"]],
                    member_id=row["member_id"],
                    subject_id=row["subject_id"],
                    data={
                        "amount_minor": row["amount_minor"] if amount is None else amount,
                        "currency": row["currency"],
                    },
                    address=row["address"] if event["occurred_at"] > at - MAILED_WITHIN else "",
                    locale=row["locale"] or locale,
                )
            )
    return [one for one in owed if one.member_id is not None or one.address]
