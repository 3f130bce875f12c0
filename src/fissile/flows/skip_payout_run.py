"""A scheduled day on which nobody is due: it is noted, so that everybody sees that it was run."""

from __future__ import annotations

from datetime import datetime

from fissile.domain.members.rules import require
from fissile.domain.payouts.model import Run
from fissile.domain.payouts.operations import add_run
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_events


async def skip_payout_run(db: Database, *, run: Run, actor: Actor, at: datetime) -> bool:
    """
    Note that a payout day has come and nobody was due; the house calls it. Return whether it was the first to say so.

    :raises RoleNotAllowed: if the actor is not the house
    """
    require(actor, ())
    async with db.transaction() as connection:
        if not await add_run(connection, run=run, batch_id=None, at=at):
            return False
        told = {"payee": run.terms.payee, "currency": run.terms.currency, "day": run.day.isoformat()}
        await record_events(connection, happened=[Event("payout_run.empty", run.terms.id, told)], actor=actor, at=at)
    return True
