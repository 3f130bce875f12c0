"""Statements as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

NO_SEAL = "0" * 64  # before the first statement of an account
KINDS = (
    "accrued",  # earned, on hold
    "released",  # the hold is over: now it is owed
    "cancelled",  # a refund before the release
    "taken_back",  # a refund after the release: below zero the balance is a debt
    "reserved",  # in a payout that is not paid yet
    "freed",  # the payout was dropped or did not arrive
    "paid",
    "withheld",
    "came_back",  # a payout that was paid came back
    "credit",
    "debit",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One transfer as its account sees it."""

    transfer_id: UUID
    occurred_at: datetime
    phase: str
    credited: bool
    reason: str
    amount_minor: int
    subject_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """
    One line: a movement, and the balance after it.

    ``amount_minor`` is what moved, ``change_minor`` what it did to the balance (0 while it is on hold or reserved).
    ``about`` is the order or payout as people see its id. ``hash`` is hexadecimal.
    """

    no: int
    transfer_id: UUID
    occurred_at: datetime
    kind: str
    amount_minor: int
    change_minor: int
    balance_minor: int
    about: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What moved on an account from ``period_start`` on, before ``period_end``; ``seal`` is the end of its chain."""

    id: UUID
    account_id: UUID
    currency: str
    period_start: datetime
    period_end: datetime
    opening_minor: int
    closing_minor: int
    previous_seal: str
    seal: str
    lines: Sequence[Line]
