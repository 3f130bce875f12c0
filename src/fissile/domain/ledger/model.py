"""Accounts and transfers as values."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from fissile.kernel.ids import named_id

Phase = Literal["single", "pending", "post", "void"]


class Kind(StrEnum):
    """What an account is for."""

    GATEWAY_CLEARING = "gateway_clearing"
    """What payment gateways hold for us: debited when money arrives, credited when it goes back."""

    ORDER_HOLDING = "order_holding"
    """Buyers' money until what it is for is certain; may never pay out more than came in."""

    MERCHANT_PAYABLE = "merchant_payable"
    """Owed to a merchant."""

    COMMISSION_PAYABLE = "commission_payable"
    """Owed to a promoter; below zero it is a debt from a clawback."""

    PLATFORM_FEE = "platform_fee"
    """Earned by whoever runs this installation."""

    REFUND_PAYABLE = "refund_payable"
    """Owed back to buyers until the gateway says that it has arrived."""

    PAYOUT_CLEARING = "payout_clearing"
    """What went out to promoters and merchants."""

    WITHHOLDING_PAYABLE = "withholding_payable"
    """Withheld from payouts, owed to a tax office."""


BOUNDED = frozenset({Kind.ORDER_HOLDING})
OWNED = frozenset({Kind.MERCHANT_PAYABLE, Kind.COMMISSION_PAYABLE})


@dataclass(frozen=True, slots=True)
class Account:
    """One account: a kind, whose it is (a member or merchant, or nobody's), and its currency."""

    kind: Kind
    owner_id: UUID | None
    currency: str

    def __post_init__(self) -> None:
        assert (self.kind in OWNED) == (self.owner_id is not None), "payables have an owner, the rest has none"

    @property
    def id(self) -> UUID:
        """Found by name, so that nobody has to look it up."""
        return named_id("ledger_account", self.kind, str(self.owner_id or ""), self.currency)

    @property
    def bounded(self) -> bool:
        """Whether what leaves may never pass what came in."""
        return self.kind in BOUNDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """
    A positive amount from one account's debit to another's credit; out of balance it cannot be.

    ``phase``: single (at once), pending (held), post or void (what became of ``pending_id``, same accounts and amount).
    """

    id: UUID
    debit: Account
    credit: Account
    amount_minor: int
    phase: Phase
    reason: str
    subject_id: UUID
    key: str
    at: datetime
    pending_id: UUID | None = None

    def __post_init__(self) -> None:
        assert self.amount_minor > 0, "a transfer moves something"
        assert self.debit.currency == self.credit.currency, "a transfer is in one currency"

    @property
    def currency(self) -> str:
        """The currency of both accounts."""
        return self.debit.currency

    @property
    def request_hash(self) -> bytes:
        """What was asked, so that the same key with another request is an error. Id and moment are not asked for."""
        asked = (
            self.debit.id,
            self.credit.id,
            self.amount_minor,
            self.currency,
            self.phase,
            self.pending_id,
            self.reason,
            self.subject_id,
        )
        return hashlib.sha256("\x1f".join(str(part) for part in asked).encode()).digest()
