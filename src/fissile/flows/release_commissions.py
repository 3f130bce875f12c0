"""The clock's work: when the hold is over, promoters, merchants and the platform are owed their parts."""

from __future__ import annotations

from datetime import datetime

from fissile.domain.commissions.release_operations import lock_due_parts, mark_released
from fissile.domain.commissions.releases import release
from fissile.domain.ledger.operations import post
from fissile.infra.database import Database
from fissile.infra.events import HOUSE, Event, record_events
from fissile.kernel.ids import Chance


async def release_commissions(db: Database, *, at: datetime, rng: Chance, limit: int = 500) -> int:
    """
    Release up to ``limit`` held parts whose hold ended at ``at`` or earlier, and return how many; the house calls it.

    Commissions come first, then proceeds of merchants and platform. Nothing is released before its time: the table
    has a constraint for it too.
    """
    async with db.transaction() as connection:
        parts = await lock_due_parts(connection, at=at, limit=limit)
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
