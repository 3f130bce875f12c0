"""
What becomes of the parts of a paid line: held, released, paid out, taken back.

A part is a promoter's commission, the merchant's share or the platform's fee. The functions here only return
transfers; the flow posts them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from fissile.domain.ledger.model import Account, Kind, Transfer
from fissile.kernel.ids import Chance, new_id

PartState = Literal["held", "released", "paid", "taken_back"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a paid line; ``commission_id`` is a promoter's only, ``transfer_id`` is the pending transfer."""

    order_id: UUID
    line_no: int
    payee: Literal["promoter", "merchant", "platform"]
    payee_id: UUID
    commission_id: UUID | None
    amount_minor: int
    currency: str
    state: PartState
    transfer_id: UUID

    @property
    def account(self) -> Account:
        """Whom it is owed to."""
        match self.payee:
            case "promoter":
                return Account(Kind.COMMISSION_PAYABLE, self.payee_id, self.currency)
            case "merchant":
                return Account(Kind.MERCHANT_PAYABLE, self.payee_id, self.currency)
            case "platform":
                return Account(Kind.PLATFORM_FEE, None, self.currency)


def release(part: Part, *, at: datetime, rng: Chance) -> Transfer:
    """Return the transfer that posts a held part: from now on it is owed."""
    assert part.state == "held", "only what is held is released"
    return _end(part, phase="post", word="release", reason="hold over", at=at, rng=rng)


def take_back(part: Part, *, at: datetime, rng: Chance) -> Transfer:
    """
    Return the transfer that takes a part back for a refund: a held one is voided, a later one moves back.

    What was paid out is taken back as well: the payee's account may go below zero, and that debt lowers the next
    payout.
    """
    assert part.state != "taken_back", "it is taken back once"
    if part.state == "held":
        return _end(part, phase="void", word="void", reason="refund before release", at=at, rng=rng)
    return Transfer(
        id=new_id(at=at, rng=rng),
        debit=part.account,
        credit=Account(Kind.ORDER_HOLDING, None, part.currency),
        amount_minor=part.amount_minor,
        phase="single",
        reason="refund after release",
        subject_id=part.order_id,
        key=f"take_back:{part.transfer_id}",
        at=at,
    )


def _end(part: Part, *, phase: Literal["post", "void"], word: str, reason: str, at: datetime, rng: Chance) -> Transfer:
    return Transfer(
        id=new_id(at=at, rng=rng),
        debit=Account(Kind.ORDER_HOLDING, None, part.currency),
        credit=part.account,
        amount_minor=part.amount_minor,
        phase=phase,
        reason=reason,
        subject_id=part.order_id,
        key=f"{word}:{part.transfer_id}",
        at=at,
        pending_id=part.transfer_id,
    )
