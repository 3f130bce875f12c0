"""Who may handle payouts, and which transfers a batch makes."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from fissile.domain.ledger.model import Account, Kind, Transfer
from fissile.domain.payouts.errors import PayoutStateDiffers, SamePerson
from fissile.domain.payouts.model import Batch, Item
from fissile.kernel.ids import Chance, new_id

OFFICERS = frozenset({"payout_officer"})


def check_approval(batch: Batch, *, approver_id: UUID) -> None:
    """
    Check that a batch waits for its approval, by another person than its maker.

    :raises PayoutStateDiffers: if it was paid or dropped
    :raises SamePerson: if the approver made it
    """
    check_waiting(batch)
    if batch.made_by == approver_id:
        raise SamePerson()


def check_waiting(batch: Batch) -> None:
    """
    Check that a batch is neither paid nor dropped.

    :raises PayoutStateDiffers: if it is
    """
    if batch.state != "made":
        raise PayoutStateDiffers(state=batch.state)


def hold(batch_id: UUID, item: Item, *, at: datetime) -> Transfer:
    """Return the pending transfer that takes an item's money out of what is available."""
    return Transfer(
        id=item.transfer_id,
        debit=item.account,
        credit=Account(Kind.PAYOUT_CLEARING, None, item.amount.currency),
        amount_minor=item.amount.minor,
        phase="pending",
        reason="payout made",
        subject_id=batch_id,
        key=f"payout:{batch_id}:{item.payee_id}",
        at=at,
    )


def end(batch_id: UUID, item: Item, *, phase: Literal["post", "void"], at: datetime, rng: Chance) -> Transfer:
    """Return the transfer that pays an item (post) or gives its money back to what is available (void)."""
    return Transfer(
        id=new_id(at=at, rng=rng),
        debit=item.account,
        credit=Account(Kind.PAYOUT_CLEARING, None, item.amount.currency),
        amount_minor=item.amount.minor,
        phase=phase,
        reason="payout approved" if phase == "post" else "payout dropped",
        subject_id=batch_id,
        key=f"payout_{phase}:{batch_id}:{item.payee_id}",
        at=at,
        pending_id=item.transfer_id,
    )
