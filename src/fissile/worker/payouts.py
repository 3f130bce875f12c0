"""What the clock does for payouts: proposals by their terms, the outbox."""

from __future__ import annotations

from datetime import datetime

from fissile.domain.payouts.account_operations import terms_in_force
from fissile.domain.payouts.errors import NothingDue
from fissile.domain.payouts.operations import last_runs
from fissile.domain.payouts.rules import due_run
from fissile.flows.make_payout import make_payout
from fissile.flows.skip_payout_run import skip_payout_run
from fissile.infra.database import Database
from fissile.infra.events import HOUSE
from fissile.infra.gateways.sandbox.payouts import SECRET_NAME, SandboxPayouts
from fissile.infra.secrets import secret_named
from fissile.infra.settings import Settings
from fissile.kernel.ids import Chance


async def propose_payouts(db: Database, *, by_hand: bool, at: datetime, rng: Chance) -> int:
    """Propose a batch for each kind of payee and currency whose payout day has come, once a day; return how many."""
    async with db.reading() as connection:
        terms, ran = await terms_in_force(connection), await last_runs(connection)
    due = [
        run
        for key, one in sorted(terms.items())
        if (run := due_run(one, today=at.date(), ran=ran.get(key))) is not None
    ]
    for run in due:
        try:
            await make_payout(
                db,
                currency=run.terms.currency,
                actor=HOUSE,
                idempotency_key=run.key,
                at=at,
                rng=rng,
                payees={run.terms.payee},
                run=run,
                by_hand=by_hand,
            )
        except NothingDue:
            await skip_payout_run(db, run=run, actor=HOUSE, at=at)
    return len(due)


async def open_payout_gateway(db: Database, settings: Settings, *, at: datetime, rng: Chance) -> SandboxPayouts:
    """Return the payout gateway of this installation: the sandbox's payout side, which its own web process serves."""
    async with db.transaction() as connection:
        secret = await secret_named(connection, name=SECRET_NAME, at=at, rng=rng)
    return SandboxPayouts(base_url=settings.local_url, secret=secret)
