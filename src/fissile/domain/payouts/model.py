"""Payout batches, accounts to pay to, schedules and withholding as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from fissile.domain.ledger.model import Account, Kind
from fissile.kernel.money import Money

BatchState = Literal["proposed", "made", "approved", "paid", "dropped"]
Payee = Literal["promoter", "merchant"]
Method = Literal["hand", "file", "gateway"]
SendingState = Literal["owed", "sending", "sent", "unknown", "held", "confirmed", "failed", "returned"]
Rhythm = Literal["week", "month", "asked"]

PAYEES: tuple[Payee, ...] = ("promoter", "merchant")
METHODS: tuple[Method, ...] = ("file", "gateway")  # what a payee can choose; by hand is what happens without an account
RHYTHMS: tuple[Rhythm, ...] = ("week", "month", "asked")
OPEN_STATES: tuple[SendingState, ...] = ("owed", "sending", "sent", "unknown", "held")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """
    What a batch pays to one promoter or merchant.

    ``amount`` leaves the payee's balance; of it ``withheld_minor`` goes to WITHHOLDING_PAYABLE (by the rule version
    ``withholding_id``) and the rest, ``net``, to the payee. ``transfer_id`` is the pending transfer of the net
    amount, ``withholding_transfer_id`` that of the rest. ``account_version_id`` is where it is paid to, frozen.
    """

    id: UUID
    payee: Payee
    payee_id: UUID
    amount: Money
    transfer_id: UUID
    withheld_minor: int = 0
    withholding_id: UUID | None = None
    withholding_transfer_id: UUID | None = None
    account_version_id: UUID | None = None
    method: Method = "hand"

    @property
    def account(self) -> Account:
        """Where what is owed to the payee stands."""
        return payable(self.payee, self.payee_id, self.amount.currency)

    @property
    def net(self) -> Money:
        """What arrives at the payee."""
        return Money(self.amount.minor - self.withheld_minor, self.amount.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """
    Payouts of one currency that two people pay together: one makes them, another approves them.

    ``made_by`` is None as long as the schedule's proposal has no officer who stands for it.
    """

    id: UUID
    currency: str
    state: BatchState
    made_by: UUID | None
    approved_by: UUID | None
    made_at: datetime
    items: tuple[Item, ...]

    @property
    def total(self) -> Money:
        """The sum of its items, before anything is withheld."""
        return Money(sum(item.amount.minor for item in self.items), self.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """
    An item on its way out; its key at the gateway is the item's id, for ever.

    ``attempts`` counts requests, ``changes`` the changes of state; ``unclear``: a request may have arrived without an
    answer, so nothing but the gateway, or a person who has asked it, can say that it is not paid.
    """

    item: Item
    batch_id: UUID
    state: SendingState
    attempts: int
    changes: int
    unclear: bool
    reference: str
    created_at: datetime
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountVersion:
    """
    Where a payee is paid in a currency, as registered at ``made_at``; a change is a next version, the newest counts.

    ``usable_from``: a changed account is paid to only then, so that its owner can notice a change by a stranger.
    """

    id: UUID
    payee: Payee
    payee_id: UUID
    currency: str
    version: int
    method: Method
    state: Literal["open", "closed"]
    usable_from: datetime
    made_at: datetime


@dataclass(frozen=True, slots=True)
class AccountDetails:
    """Who holds an account at which bank, and its number; personal, erasable, in a table of its own."""

    holder: str
    bank: str
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """
    When payees of one kind and currency are paid, and from which amount on; a change is a next version.

    ``on_day``: 1 (Monday) to 7 of a week, or 1 to 31 of a month (its last day where it has fewer). A day that is no
    working day in ``country`` moves to the next one; without a country every day works.
    """

    id: UUID
    payee: Payee
    currency: str
    version: int
    rhythm: Rhythm
    on_day: int
    country: str
    minimum_minor: int
    valid_from: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """A payout that is due by its terms on a day."""

    terms: Terms
    day: date

    @property
    def key(self) -> str:
        """The idempotency key of its batch."""
        return f"schedule:{self.terms.payee}:{self.terms.currency}:{self.day.isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Withholding:
    """
    What is kept back from each payout of a kind of payee and currency; the operator's data, no advice on taxes.

    ``brackets`` rise: of the part of a payout above ``from_minor`` (up to the next bracket) ``rate_ppm`` is withheld.
    """

    id: UUID
    payee: Payee
    currency: str
    version: int
    brackets: tuple[tuple[int, int], ...]
    valid_from: datetime


def payable(payee: Payee, payee_id: UUID, currency: str) -> Account:
    """Return the ledger account on which a payee is owed."""
    return Account(Kind.COMMISSION_PAYABLE if payee == "promoter" else Kind.MERCHANT_PAYABLE, payee_id, currency)
