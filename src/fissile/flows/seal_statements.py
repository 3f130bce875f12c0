"""The clock's work: when a month is over, each payee's statement of it is sealed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fissile.domain.members.rules import require
from fissile.domain.statements.model import Statement
from fissile.domain.statements.operations import accounts_due, add_statement, lock_beginning, movements_before
from fissile.domain.statements.rules import month_of, next_month, seal
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_events
from fissile.kernel.ids import Chance, new_id


async def seal_statements(db: Database, *, actor: Actor, at: datetime, rng: Chance, limit: int = 100) -> int:
    """
    Seal the next month of up to ``limit`` accounts whose month is over, and return how many; the house calls it.

    The account is locked meanwhile: what is posted waits, and a transfer that is written later with a moment in the
    sealed month stands in the next statement.

    :raises RoleNotAllowed: if the actor is not the house
    """
    require(actor, ())
    until = month_of(at)
    async with db.reading() as connection:
        due = await accounts_due(connection, until=until, limit=limit)
    sealed = [await _seal(db, account_id=one, until=until, actor=actor, at=at, rng=rng) for one in due]
    return sum(one is not None for one in sealed)


async def _seal(
    db: Database, *, account_id: UUID, until: datetime, actor: Actor, at: datetime, rng: Chance
) -> Statement | None:
    async with db.transaction() as connection:
        begins = await lock_beginning(connection, account_id=account_id)
        start = month_of(begins.opened_at) if begins.since is None else begins.since
        end = next_month(start)
        if end > until:
            return None  # another worker was first
        statement = seal(
            statement_id=new_id(at=at, rng=rng),
            account_id=account_id,
            currency=begins.currency,
            period_start=start,
            period_end=end,
            opening_minor=begins.opening_minor,
            previous_seal=begins.previous_seal,
            movements=await movements_before(connection, account_id=account_id, until=end),
        )
        await add_statement(connection, statement=statement, at=at)
        told = {
            "account": str(account_id),
            "lines": len(statement.lines),
            "closing": statement.closing_minor,
            "seal": statement.seal,
        }
        await record_events(connection, happened=[Event("statement.sealed", statement.id, told)], actor=actor, at=at)
    return statement
