"""The clock's work: when the hold is over, promoters, merchants and the platform are owed their parts."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, exists, text

from fissile.domain.aftersales.tables import after_sale_requests
from fissile.domain.commissions.release_operations import lock_due_parts, mark_released
from fissile.domain.commissions.releases import release
from fissile.domain.ledger.operations import post
from fissile.domain.orders.tables import orders
from fissile.infra.database import Database
from fissile.infra.events import HOUSE, Event, record_events
from fissile.kernel.ids import Chance


def _waits(order_id: ColumnElement[UUID]) -> ColumnElement[bool]:
    window = orders.c.after_sale_days * text("interval '1 day'")
    sent = (orders.c.state == "shipped") | (
        (orders.c.state == "completed") & (orders.c.completed_at + window > bindparam("now"))
    )
    can_be_given_back = exists().where(orders.c.id == order_id, orders.c.after_sale_days > 0, sent)
    is_asked = exists().where(after_sale_requests.c.order_id == order_id, after_sale_requests.c.state == "asked")
    return can_be_given_back | is_asked


async def release_commissions(db: Database, *, at: datetime, rng: Chance, limit: int = 500) -> int:
    """
    Release up to ``limit`` held parts whose hold ended at ``at`` or earlier, and return how many; the house calls it.

    Commissions come first, then proceeds of merchants and platform. Nothing is released before its time: the table
    has a constraint for it too. What can still be given back waits longer than its hold: from when it is sent until
    its after-sale window has ended, and while a request to give it back is open.
    """
    async with db.transaction() as connection:
        parts = await lock_due_parts(connection, at=at, limit=limit, waits=_waits)
        await mark_released(connection, parts=parts, at=at)
        await post(connection, transfers=[release(part, at=at, rng=rng) for part in parts])
        happened = [
            Event("commission.released", part.commission_id, {"amount": part.left_minor})
            if part.commission_id is not None
            else Event("proceeds.released", part.order_id, {"line": part.line_no, "payee": part.payee})
            for part in parts
        ]
        await record_events(connection, happened=happened, actor=HOUSE, at=at)
    return len(parts)
