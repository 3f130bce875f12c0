"""What is personal in a payee's accounts is erased; which version a payout used stays known."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from fissile.domain.members.rules import require
from fissile.domain.payouts.account_operations import details_in_use, erase_details
from fissile.domain.payouts.errors import PayoutDetailsInUse
from fissile.domain.payouts.model import Payee
from fissile.infra.database import Database
from fissile.infra.events import Actor, Event, record_act, record_events
from fissile.kernel.ids import Chance


async def erase_payout_details(
    db: Database, *, payee: Payee, payee_id: UUID, actor: Actor, at: datetime, rng: Chance
) -> int:
    """
    Erase holder, bank and number of every account version of a payee; an operator calls it. Return how many.

    :raises RoleNotAllowed: if the actor is no operator
    :raises PayoutDetailsInUse: if a payout to one of them waits or is on its way
    """
    require(actor, {"operator"})
    async with db.transaction() as connection:
        if await details_in_use(connection, payee=payee, payee_id=payee_id):
            raise PayoutDetailsInUse()
        erased = await erase_details(connection, payee=payee, payee_id=payee_id)
        told = {"payee": payee, "accounts": erased}
        happened = [Event("payout_account.erased", payee_id, {"payee": payee, "accounts": erased})]
        await record_events(connection, happened=happened, actor=actor, at=at)
        await record_act(
            connection, act="erase_payout_details", subject=str(payee_id), detail=told, actor=actor, at=at, rng=rng
        )
    return erased
