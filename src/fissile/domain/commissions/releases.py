"""
What becomes of the parts of a paid line: held, released, paid out, taken back, wholly or in part.

A part is a promoter's commission, their inviter's, the merchant's share or the platform's fee. The functions here only
return transfers; the flow posts them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from fissile.domain.ledger.model import Account, Kind, Transfer
from fissile.kernel.ids import Chance, new_id
from fissile.kernel.money import Money

PartState = Literal["held", "released", "paid", "taken_back"]
Payee = Literal["promoter", "inviter", "merchant", "platform"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """
    One part of a paid line; ``commission_id`` is a promoter's or inviter's only.

    ``amount_minor`` is the part as it was accrued, ``taken_back_minor`` what refunds took of it. ``transfer_id`` is the
    pending transfer that holds it, or did.
    """

    order_id: UUID
    line_no: int
    payee: Payee
    payee_id: UUID
    commission_id: UUID | None
    amount_minor: int
    taken_back_minor: int
    currency: str
    state: PartState
    transfer_id: UUID

    @property
    def left_minor(self) -> int:
        """What no refund has taken back."""
        return self.amount_minor - self.taken_back_minor

    @property
    def account(self) -> Account:
        """Whom it is owed to."""
        match self.payee:
            case "promoter" | "inviter":
                return Account(Kind.COMMISSION_PAYABLE, self.payee_id, self.currency)
            case "merchant":
                return Account(Kind.MERCHANT_PAYABLE, self.payee_id, self.currency)
            case "platform":
                return Account(Kind.PLATFORM_FEE, None, self.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """What a refund takes of a part: ``ended_id`` was voided (None: it was released), ``transfer_id`` stands for it."""

    part: Part
    amount_minor: int
    ended_id: UUID | None
    transfer_id: UUID | None
    transfers: tuple[Transfer, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing is left of the part."""
        return self.amount_minor == self.part.left_minor


def shares_of_refund(*, parts: Sequence[Part], refunded_before: int, refunded_after: int) -> list[int]:
    """
    Return what a refund of a line takes of each of its parts; together exactly what is refunded.

    ``parts`` are all parts of one line, ``refunded_before`` and ``refunded_after`` what was refunded of it in all, in
    minor units. Each part is led to its share of ``refunded_after``: what it lacks is its weight, so what rounding gave
    to one in an earlier refund is made up for in the next. No part ever gives more than its share rounded up, and when
    the line is refunded wholly, each has given exactly itself, whatever the steps were.

    Source: docs/decisions/0012-refunds-and-levels.md
    """
    whole = sum(part.amount_minor for part in parts)
    assert sum(part.taken_back_minor for part in parts) == refunded_before, "parts give back what lines do"
    assert refunded_before <= refunded_after <= whole, "no more is refunded than was paid"
    lacking = [part.amount_minor * refunded_after - part.taken_back_minor * whole for part in parts]
    step = Money(refunded_after - refunded_before, parts[0].currency)
    if not step.minor:
        return [0 for _ in parts]
    return [share.minor for share in step.allocate([max(one, 0) for one in lacking])]


def release(part: Part, *, at: datetime, rng: Chance) -> Transfer:
    """Return the transfer that posts what is left of a held part: from now on it is owed."""
    assert part.state == "held", "only what is held is released"
    return _end(part, phase="post", word="release", reason="hold over", at=at, rng=rng)


def take_back(part: Part, *, amount_minor: int, refund_id: UUID, at: datetime, rng: Chance) -> TakenBack:
    """
    Return what takes an amount of a part back for a refund.

    A held part is voided, and what is left of it held again; a later one moves back. What was paid out is taken back as
    well: the payee's account may go below zero, and that debt lowers the next payout.
    """
    assert 0 < amount_minor <= part.left_minor, "no more is taken than is left"
    if part.state != "held":
        back = Transfer(
            id=new_id(at=at, rng=rng),
            debit=part.account,
            credit=Account(Kind.ORDER_HOLDING, None, part.currency),
            amount_minor=amount_minor,
            phase="single",
            reason="refund after release",
            subject_id=part.order_id,
            key=f"take_back:{refund_id}:{part.transfer_id}",
            at=at,
        )
        return TakenBack(part=part, amount_minor=amount_minor, ended_id=None, transfer_id=back.id, transfers=(back,))
    void = _end(part, phase="void", word="void", reason="refund before release", at=at, rng=rng)
    if amount_minor == part.left_minor:
        return TakenBack(
            part=part, amount_minor=amount_minor, ended_id=part.transfer_id, transfer_id=None, transfers=(void,)
        )
    again = Transfer(
        id=new_id(at=at, rng=rng),
        debit=Account(Kind.ORDER_HOLDING, None, part.currency),
        credit=part.account,
        amount_minor=part.left_minor - amount_minor,
        phase="pending",
        reason="held again after a refund",
        subject_id=part.order_id,
        key=f"hold_again:{refund_id}:{part.transfer_id}",
        at=at,
    )
    return TakenBack(
        part=part, amount_minor=amount_minor, ended_id=part.transfer_id, transfer_id=again.id, transfers=(void, again)
    )


def _end(part: Part, *, phase: Literal["post", "void"], word: str, reason: str, at: datetime, rng: Chance) -> Transfer:
    return Transfer(
        id=new_id(at=at, rng=rng),
        debit=Account(Kind.ORDER_HOLDING, None, part.currency),
        credit=part.account,
        amount_minor=part.left_minor,
        phase=phase,
        reason=reason,
        subject_id=part.order_id,
        key=f"{word}:{part.transfer_id}",
        at=at,
        pending_id=part.transfer_id,
    )
