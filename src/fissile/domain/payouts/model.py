"""Payout batches as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from fissile.domain.ledger.model import Account, Kind
from fissile.kernel.money import Money

BatchState = Literal["made", "paid", "dropped"]
Payee = Literal["promoter", "merchant"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What a batch pays to one promoter or merchant; ``transfer_id`` is the pending transfer."""

    id: UUID
    payee: Payee
    payee_id: UUID
    amount: Money
    transfer_id: UUID

    @property
    def account(self) -> Account:
        """Where what is owed to the payee stands."""
        kind = Kind.COMMISSION_PAYABLE if self.payee == "promoter" else Kind.MERCHANT_PAYABLE
        return Account(kind, self.payee_id, self.amount.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Payouts of one currency that two people pay together: one makes them, another approves them."""

    id: UUID
    currency: str
    state: BatchState
    made_by: UUID
    approved_by: UUID | None
    made_at: datetime
    items: tuple[Item, ...]

    @property
    def total(self) -> Money:
        """The sum of its items."""
        return Money(sum(item.amount.minor for item in self.items), self.currency)
