"""A gateway reports that a refund is back with its buyer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from fissile.domain.ledger.model import Account, Kind, Transfer
from fissile.domain.ledger.operations import post
from fissile.domain.orders import operations
from fissile.domain.orders.errors import MessageDiffers, MessageUnknown, RefundDiffers
from fissile.infra.database import Database
from fissile.infra.events import HOUSE, Event, record_events
from fissile.kernel.ids import Chance, new_id, public_id
from fissile.kernel.money import Money


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What became of the message: returned, or known; ``replayed`` tells that the same one had arrived before."""

    outcome: str
    replayed: bool


async def confirm_refund(
    db: Database,
    *,
    gateway: str,
    message_id: str,
    body_hash: bytes,
    refund_id: UUID,
    amount: Money,
    at: datetime,
    rng: Chance,
) -> Confirmed:
    """
    Note that a gateway has sent a refund back; a message that was seen before gets its first answer.

    :raises MessageDiffers: if the message's id was used with another body
    :raises MessageUnknown: if this gateway owes no such refund: nothing is kept, it should be sent again later
    :raises RefundDiffers: if it is another amount than what is owed: somebody has to look
    """
    async with db.transaction() as connection:
        refund = await operations.lock_refund(connection, refund_id=refund_id)
        seen = await operations.kept_message(connection, gateway=gateway, message_id=message_id)
        if seen is not None:
            if seen.body_hash != body_hash:
                raise MessageDiffers(message=message_id)
            return Confirmed(seen.outcome, replayed=True)
        if refund is None or refund.gateway != gateway:
            raise MessageUnknown(refund=public_id("rfd", refund_id))
        if refund.amount != amount:
            raise RefundDiffers(refund=public_id("rfd", refund_id), given=_shown(amount), owed=_shown(refund.amount))

        outcome = "returned" if refund.state == "posted" else "known"
        if not await operations.keep_message(
            connection,
            gateway=gateway,
            message_id=message_id,
            body_hash=body_hash,
            kind="refund.succeeded",
            outcome=outcome,
            at=at,
        ):
            raise MessageDiffers(message=message_id)  # used for another refund, in this very moment
        if outcome == "returned":
            await operations.mark_returned(connection, refund_id=refund_id, at=at)
            back = Transfer(
                id=new_id(at=at, rng=rng),
                debit=Account(Kind.REFUND_PAYABLE, None, amount.currency),
                credit=Account(Kind.GATEWAY_CLEARING, None, amount.currency),
                amount_minor=amount.minor,
                phase="single",
                reason="refund returned",
                subject_id=refund_id,
                key=f"return:{refund_id}",
                at=at,
            )
            await post(connection, transfers=[back])
            await record_events(
                connection, happened=[Event("refund.returned", refund_id, {"amount": amount.minor})], actor=HOUSE, at=at
            )
    return Confirmed(outcome, replayed=False)


def _shown(money: Money) -> str:
    return f"{money.major()} {money.currency}"
